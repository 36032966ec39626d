-- The non-streamed request for wrk: wrk -s post.lua URL (with the path). The API key comes from the environment
-- variable BENCH_KEY, never from the command line. Prints one JSON object in a line of its own at the end.

local body = '{"model":"mock","messages":['
  .. '{"role":"system","content":"You are a helpful assistant that answers briefly."},'
  .. '{"role":"user","content":"Tell me about foxes and dogs, and how quickly they may jump over one another in the '
  .. 'old forest."}],"max_tokens":64,"temperature":0.2}'

function init(args)
  wrk.method = "POST"
  wrk.body = body
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "none")
  built = wrk.format()
end

function request()
  return built
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"not_200":%d,"faults":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end
