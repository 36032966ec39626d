"""The rows of the table, part by part: which samples make which figure, and against which target.

Owns the targets. Called by run.py. The targets are CPU time and ratios taken within one run wherever possible: those
hold on another machine and beside noisy neighbours, requests per second do not. They come from measurements of nginx,
other gateways and a prototype of flock's hot paths on two cores with Python 3.11.
"""

import statistics

from bench import PACE_US, Bench, tell
from figures import AT_LEAST, Figure, leak, number
from gateways import Flock
from measure import Sample, command_times, idle_rss, paired_ratio, soak, start_times, usage_times
from screens import first_paints, flooded

# Targets of parts that have no code yet; each becomes a measurement with the part.
NOT_BUILT = (Figure("choosing among 100 nodes × 50 models", None, "µs", 50, note="not built yet"),)


def cpu(sample: Sample) -> float | None:
    """Return the gateway's CPU time per request or chunk, in microseconds."""
    return sample.cpu_us


def rate(sample: Sample) -> float:
    """Return requests or chunks per second."""
    return sample.rate


def request_rows(bench: Bench) -> list[Figure]:
    """Plain requests at full speed."""
    title = f"requests a second, c={bench.options.connections}"
    invalid = bench.faults("requests", "flock", "nginx")
    has_litellm = "litellm" in bench.servers
    return [
        Figure(
            "CPU per plain request",
            bench.median("requests", "flock", cpu),
            "µs",
            65,
            reference=bench.compare("requests", cpu, "µs", "nginx", "litellm"),
            invalid=invalid,
            target="≤ 65 µs, later ≤ 35",
        ),
        Figure(
            title,
            bench.median("requests", "flock", rate),
            "/s",
            reference=bench.compare("requests", rate, "/s", "nginx", "direct", "litellm"),
            invalid=invalid,
        ),
        Figure(f"{title}, to nginx", _speed(bench, "nginx"), "×", 0.25, AT_LEAST, invalid=invalid),
        Figure(
            f"{title}, to LiteLLM",
            _speed(bench, "litellm"),
            "×",
            100,
            AT_LEAST,
            note="" if has_litellm else "LiteLLM is not installed or not asked for (--gateways)",
            invalid=invalid or bench.faults("requests", "litellm"),
        ),
    ]


def _speed(bench: Bench, other: str) -> float | None:
    return bench.paired("requests", "flock", other, lambda a, b: a.rate / b.rate)


def latency_rows(bench: Bench) -> list[Figure]:
    """One request at a time: what the gateway adds to the mock's own answer."""

    def added(name: str) -> float | None:
        return bench.paired("latency", name, "direct", lambda a, b: a.values["p50_ms"] - b.values["p50_ms"])

    invalid = bench.faults("latency", "flock", "direct")
    reference = _beside("nginx", added("nginx"), "ms")
    return [Figure("p50 added at concurrency 1", added("flock"), "ms", 0.2, reference=reference, invalid=invalid)]


def chunk_rows(bench: Bench) -> list[Figure]:
    """Streams at full speed: no target, since no engine is that fast."""
    title = f"streamed chunks a second, {bench.options.streams} streams"
    invalid = bench.faults("chunks", "flock")
    return [
        _chunk_cpu(bench, "chunks", "CPU per unpaced chunk"),
        Figure(
            title,
            bench.median("chunks", "flock", rate),
            "/s",
            reference=bench.compare("chunks", rate, "/s", "nginx", "direct"),
            invalid=invalid,
        ),
    ]


def paced_rows(bench: Bench) -> list[Figure]:
    """Streams at an engine's pace, in step with each other as a batching engine sends them."""
    return [_chunk_cpu(bench, "paced", f"CPU per chunk paced at {PACE_US // 1000} ms", 20)]


def spread_rows(bench: Bench) -> list[Figure]:
    """The same out of step: every chunk wakes the gateway by itself. For comparison; the target is for those above."""
    return [_chunk_cpu(bench, "spread", f"CPU per chunk paced at {PACE_US // 1000} ms, out of step")]


def messages_rows(bench: Bench) -> list[Figure]:
    """Chunks translated for an Anthropic client; a chunk is one the engine sent, as in the rows above."""
    return [_chunk_cpu(bench, "messages", "CPU per paced chunk, translated for Messages", 30)]


def responses_rows(bench: Bench) -> list[Figure]:
    """Chunks translated for a Responses client."""
    return [_chunk_cpu(bench, "responses", "CPU per paced chunk, translated for Responses", 30)]


def translated_rows(bench: Bench) -> list[Figure]:
    """Plain requests of an Anthropic client: what is asked of the engine is a stream, here of 32 chunks."""
    figure = Figure(
        "CPU per plain request, translated for Messages",
        bench.median("translated", "flock", cpu),
        "µs",
        reference="collected of 32 chunks, no target",
        invalid=bench.faults("translated", "flock"),
    )
    return [figure]


def _chunk_cpu(bench: Bench, part: str, name: str, limit: float | None = None) -> Figure:
    reference = bench.compare(part, cpu, "µs", "nginx")
    return Figure(
        name, bench.median(part, "flock", cpu), "µs", limit, reference=reference, invalid=bench.faults(part, "flock")
    )


def memory_rows(bench: Bench) -> list[Figure]:
    """Memory before any load."""
    found = {server.name: idle_rss(server) for server in bench.servers.values()}
    flock, below = found.get("flock", (0, 0))
    nginx = sum(found.get("nginx", (0, 0)))
    return [
        Figure(
            "memory of the idle daemon",
            flock / 1e6 if flock else None,
            "MB",
            90,
            reference=_beside("nginx", nginx / 1e6 if nginx else None, "MB"),
            note=f"its children have another {below / 1e6:.0f} MB" if below else "",
        )
    ]


def soak_rows(bench: Bench) -> list[Figure]:
    """What many short streams, a tenth of them aborted, leave behind in memory."""
    options = bench.options
    if "flock" not in bench.servers:
        return [leak(None, 0, 0, "")]
    result = soak(bench.loads, bench.servers["flock"], options.soak, options.warm_up, tell)
    sizes = [rss / 1e6 for _, rss in result.readings]
    moved = f"{sizes[0]:.1f} → {sizes[-1]:.1f} MB, " if sizes else ""
    reference = f"{moved}{result.good:,} whole, {result.aborted:,} aborted"
    return [leak(result.bytes_per_stream(), options.soak - options.warm_up, result.faults, reference)]


def command_rows(bench: Bench) -> list[Figure]:
    """What a command of the CLI costs, with the daemon running."""
    flock = bench.servers.get("flock")
    names = {"version": ("`flock --version`", 1.5), "model ls": ("`flock model ls --json`", 9.0)}
    if not isinstance(flock, Flock):
        return [Figure(f"{shown}, to a bare interpreter", None, "×", limit) for shown, limit in names.values()]
    times = command_times(flock, bench.options.pairs)
    ms = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    return [
        Figure(
            f"{shown}, to a bare interpreter",
            paired_ratio(times[name], times["bare"]),
            "×",
            limit,
            reference=f"{ms[name]:.0f} ms, bare {ms['bare']:.0f} ms",
        )
        for name, (shown, limit) in names.items()
    ]


# Events a second that the screen is held against, and for how many seconds
FLOOD, FLOOD_SECONDS = 10_000, 10.0


def screen_rows(bench: Bench) -> list[Figure]:
    """The full screen: from the command to its first words, and keys while ten thousand events a second pour in."""
    names = ("`flock tui` first paint, to a minimal Textual app", "key to paint, p95", "memory of the screen, growth")
    flock = bench.servers.get("flock")
    if not isinstance(flock, Flock):
        return [Figure(name, None, "") for name in names]
    core = bench.options.load_core
    times = first_paints(flock, core, min(bench.options.pairs, 10))
    ms = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    found = flooded(flock, bench.directory, core, FLOOD, FLOOD_SECONDS)
    keys = sorted(found.keys)
    beside = (
        f"{len(keys)} keys, {FLOOD:,} events/s for {FLOOD_SECONDS:g} s, median {statistics.median(keys) * 1e3:.0f} ms"
    )
    grown = (found.after - found.before) / 1e6
    return [
        Figure(
            names[0],
            paired_ratio(times["tui"], times["minimal"]),
            "×",
            1.3,
            reference=f"{ms['tui']:.0f} ms, minimal {ms['minimal']:.0f} ms",
        ),
        Figure(names[1], keys[int(len(keys) * 0.95)] * 1e3, "ms", 100, reference=beside),
        # what Python's allocator takes and gives in that time, seen with and without events
        Figure(names[2], grown, "MB", 4, reference=f"{found.before / 1e6:.1f} MB before"),
    ]


def start_rows(bench: Bench) -> list[Figure]:
    """Restarts on a home that exists; the last part, since it ends what the others need."""
    servers = [server for name, server in bench.servers.items() if name in ("nginx", "flock")]
    times = start_times(servers, bench.options.starts)
    median = {name: statistics.median(values) for name, values in times.items()}
    shown = (
        _beside("nginx", median.get("nginx"), "s"),
        _beside("in an empty home", bench.first_start.get("flock"), "s"),
    )
    reference = ", ".join(text for text in shown if text)
    return [Figure("start to the first 200 on /healthz", median.get("flock"), "s", 1.0, reference=reference)]


def usage_rows(bench: Bench) -> list[Figure]:
    """Questions about ninety days of usage; the database is made for it, so nothing can come after."""
    flock, rows = bench.servers.get("flock"), bench.options.usage_rows
    names = {"summary": f"`flock usage --summary` over {rows:,} rows", "by user": "`flock usage --by user` over them"}
    if not isinstance(flock, Flock):
        return [Figure(shown, None, "s", 1) for shown in names.values()]
    times, cpu, hours = usage_times(flock, rows, bench.options.pairs)
    return [
        Figure(
            shown,
            statistics.median(times[name]),
            "s",
            1,
            reference=f"{number(statistics.median(cpu[name]))} s of flock's CPU; {hours:,} rows of sums",
        )
        for name, shown in names.items()
    ]


def _beside(name: str, value: float | None, unit: str) -> str:
    return "" if value is None else f"{name} {number(value)} {unit}"
