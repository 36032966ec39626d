-- The non-streamed request for wrk: wrk -s post.lua URL (with the path). The API key comes from the environment
-- variable BENCH_KEY, never from the command line. The path says in which dialect. Prints one JSON object in a line of
-- its own at the end.

-- What a translated answer is gathered of: as many chunks as the mock's whole answer says it has tokens.
local question = 'Tell me about foxes and dogs, and how quickly they may jump over one another in the old forest.'
local messages = '{"model":"mock","system":"You are a helpful assistant that answers briefly.","messages":['
  .. '{"role":"user","content":"mock:32:0 ' .. question .. '"}],"max_tokens":64,"temperature":0.2}'
local chat = '{"model":"mock","messages":['
  .. '{"role":"system","content":"You are a helpful assistant that answers briefly."},'
  .. '{"role":"user","content":"' .. question .. '"}],"max_tokens":64,"temperature":0.2}'

function init(args)
  wrk.method = "POST"
  wrk.body = wrk.path == "/v1/messages" and messages or chat
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
