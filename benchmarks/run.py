#!/usr/bin/env python3
"""Measure what flock costs: one interleaved run against nginx and against nothing in between.

    python benchmarks/run.py             about eight minutes; `make bench`
    python benchmarks/run.py --quick     about one minute: wiring and rough figures
    python benchmarks/run.py --profile   where flock's time goes, instead of the table

The gateway has one core to itself; the load and a C upstream (mock.c) share another. Rounds run direct, nginx, flock,
direct, nginx, flock …, and every figure is a median over rounds, so that noise meets all of them alike. Two figures
need care: requests and chunks per second say what the neighbours and the load's core left over; where nginx is
faster than the load, the ratio to it flatters flock. CPU time is the figure to trust.

Linux only; needs nginx, wrk, gcc and taskset. All traffic stays on 127.0.0.1; flock runs in a temporary FLOCK_HOME.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import hotspots
import rows
from bench import Bench, tell
from figures import Figure, table
from processes import BenchFailed, Children, require_tools

# in the order in which each part finds what it needs: memory before any load, restarts and another database last
PARTS = {
    "rss": rows.memory_rows,
    "requests": rows.request_rows,
    "latency": rows.latency_rows,
    "chunks": rows.chunk_rows,
    "paced": rows.paced_rows,
    "spread": rows.spread_rows,
    "messages": rows.messages_rows,
    "responses": rows.responses_rows,
    "translated": rows.translated_rows,
    "cli": rows.command_rows,
    "screen": rows.screen_rows,
    "soak": rows.soak_rows,
    "start": rows.start_rows,
    "usage": rows.usage_rows,
}


def read_options(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `--quick` fills in what was not said."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--quick", action="store_true", help="about one minute")
    ap.add_argument("--only", default=",".join(PARTS), help=f"which parts, of {','.join(PARTS)}")
    ap.add_argument("--gateways", default="nginx,flock", help="beside direct: nginx, flock, litellm (if installed)")
    ap.add_argument("--rounds", type=int, help="how often each load meets each gateway (5; quick 2)")
    ap.add_argument("--seconds", type=float, help="how long each time (5; quick 1)")
    ap.add_argument("--connections", type=int, default=64, help="for plain requests")
    ap.add_argument("--streams", type=int, default=32, help="at once, as fast as they come")
    ap.add_argument("--paced-streams", type=int, default=128, help="at once, at 50 chunks a second each")
    ap.add_argument("--soak", type=int, help="streams in the soak (200000; quick 30000)")
    ap.add_argument("--warm-up", type=int, help="of those, before the slope is taken (20000; quick 10000)")
    ap.add_argument("--starts", type=int, help="starts of each gateway (5; quick 2)")
    ap.add_argument(
        "--usage-rows", type=int, help="rows of usage to sum up (10000000, 2 GB for two minutes; quick 200000)"
    )
    ap.add_argument("--pairs", type=int, help="calls of each command (40; quick 10)")
    ap.add_argument("--gateway-core", type=int, default=0)
    ap.add_argument("--load-core", type=int, default=1)
    ap.add_argument("--python", default=sys.executable, help="the interpreter that has flock")
    ap.add_argument("--json", metavar="FILE", help="also write the figures and every sample there")
    ap.add_argument("--profile", nargs="?", const="auto", choices=hotspots.PROFILERS, help="print the top functions")
    options = ap.parse_args(argv)
    full = {
        "rounds": 5,
        "seconds": 5.0,
        "soak": 200_000,
        "warm_up": 20_000,
        "starts": 5,
        "pairs": 40,
        "usage_rows": 10_000_000,
    }
    quick = {
        "rounds": 2,
        "seconds": 1.0,
        "soak": 30_000,
        "warm_up": 10_000,
        "starts": 2,
        "pairs": 10,
        "usage_rows": 200_000,
    }
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.only, options.gateways = options.only.split(","), options.gateways.split(",")
    if unknown := set(options.only) - set(PARTS):
        ap.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    if unknown := set(options.gateways) - {"nginx", "flock", "litellm"}:
        ap.error(f"--gateways knows nginx, flock and litellm, not {', '.join(sorted(unknown))}")
    return options


def measure(bench: Bench) -> list[Figure]:
    """Run every part that was asked for and return the rows of the table."""
    found: list[Figure] = []
    rounds_done = False
    for part in (part for part in PARTS if part in bench.options.only):
        if part in bench.by_turns and not rounds_done:
            bench.measure_rounds()
            rounds_done = True
        elif part not in bench.by_turns:
            tell(f"measuring {part}")
        found += PARTS[part](bench)
    return [*found, *rows.NOT_BUILT]


def write_json(bench: Bench, figures: list[Figure], path: Path) -> None:
    """Write the figures and every sample behind them."""
    samples = [
        sample.plain() | {"part": part, "gateway": name, "round": turn}
        for (part, name), found in bench.samples.items()
        for turn, sample in enumerate(found)
    ]
    path.write_text(json.dumps({"figures": [row.plain() for row in figures], "samples": samples}, indent=1) + "\n")


def run(options: argparse.Namespace, children: Children, directory: Path) -> None:
    """Carry out what the command line asks for."""
    bench = Bench(options, children, directory)
    if options.profile:
        bench.mock.start()
        bench.loads.seconds = max(5.0, options.seconds)  # below that, starting the profiler is most of it
        print(hotspots.profile(bench.new_flock(), bench.loads, children, bench.mock.port, options.profile))
        return
    bench.start()
    figures = measure(bench)
    print(table(figures))
    if options.json:
        write_json(bench, figures, Path(options.json))


def main() -> int:
    """Return 0 when the run came to its end, 1 when it could not, 130 when it was interrupted."""
    options = read_options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that the children are ended
    children = Children()
    try:
        if sys.platform != "linux":
            raise BenchFailed("the benchmarks read /proc and pin processes to cores, so they run on Linux only")
        require_tools()
        if not {options.gateway_core, options.load_core} <= os.sched_getaffinity(0):
            raise BenchFailed("the benchmarks need two cores; choose them with --gateway-core and --load-core")
        os.sched_setaffinity(0, {options.load_core})
        with tempfile.TemporaryDirectory(prefix="flock-bench-") as directory:
            try:
                run(options, children, Path(directory))
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of them running
                children.end_all()
    except BenchFailed as failure:
        tell(f"bench: {failure}")
        return 1
    except KeyboardInterrupt:
        tell("bench: interrupted; everything it started has ended")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
