"""The measurements: one load against one gateway, with what it cost; starts; commands; a soak.

Owns how a number comes about. Refuses to judge it: figures.py does. Called by run.py.
"""

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

from gateways import CHAT, Flock, Server
from processes import BenchFailed, Children, cpu_seconds, rss_bytes, tree

HERE = Path(__file__).resolve().parent
SETTLE = 0.3  # seconds after a load: rows of usage still to be written (every 0.2 s) belong to its cost
SLICE = 5000  # streams between two readings of memory in a soak
SOAK_CHUNKS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one load against one gateway.

    `count` is requests or streamed chunks, `cpu_us` the gateway's CPU time in microseconds for each of them (None for
    the mock alone); `values` is what the load generator printed.
    """

    count: int
    cpu_us: float | None
    rate: float
    faults: int
    first_fault: str
    values: dict[str, Any]

    def plain(self) -> dict[str, object]:
        """Return the sample as JSON values."""
        return self.values | {"cpu_us": self.cpu_us, "rate": self.rate, "faults": self.faults}


@dataclass(frozen=True, slots=True)
class Soak:
    """Memory over many streams: pairs of (streams so far, bytes), warm-up included."""

    warm_up: int
    readings: list[tuple[int, int]] = field(default_factory=list)
    good: int = 0
    aborted: int = 0
    faults: int = 0

    def bytes_per_stream(self) -> float | None:
        """Return the least-squares slope after the warm-up; None with fewer than three readings there."""
        after = [(float(n), float(rss)) for n, rss in self.readings if n >= self.warm_up]
        if len(after) < 3:
            return None
        return statistics.linear_regression(*zip(*after, strict=True)).slope


class Loads:
    """The two load generators, on their core."""

    def __init__(self, children: Children, core: int, load: Path, seconds: float) -> None:
        self.children, self.core, self.load, self.seconds = children, core, load, seconds

    def requests(self, server: Server, connections: int, path: str = CHAT) -> Sample:
        """Send plain requests over so many connections, as fast as answers come (wrk)."""
        url = f"http://127.0.0.1:{server.port}{path}"
        script = str(HERE / "post.lua")
        seconds = max(1, round(self.seconds))  # wrk takes whole seconds only
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script, url]
        return self._run(server, argv, "requests", seconds + 30)

    def streams(self, server: Server, streams: int, delay_us: int, spread: bool = False, path: str = CHAT) -> Sample:
        """Keep so many streams of 100 chunks going, paced by `delay_us` or (0) as fast as they come.

        What is counted is the mock's chunks, whatever events they become in the dialect of `path`. Paced streams tick
        together, so that one wake-up of the gateway serves many, unless they are `spread`.
        """
        argv = [str(self.load), "-c", str(streams), "-t", str(self.seconds), "-k", "100", "-d", str(delay_us)]
        argv += ["-p", path, *(["-s"] if spread else [])]
        return self._run(server, [*argv, str(server.port)], "chunks", self.seconds + 30)

    def soak_slice(self, server: Server, streams: int, count: int) -> dict[str, float]:
        """Send `count` short streams, a tenth of them aborted, and return what the generator counted."""
        argv = [str(self.load), "-c", str(streams), "-n", str(count), "-t", "300", "-k", str(SOAK_CHUNKS), "-a", "10"]
        out, _ = self.children.run([*argv, str(server.port)], self.core, _with_key(server), seconds=330)
        return json.loads(out)

    def _run(self, server: Server, argv: list[str], counted: str, limit: float) -> Sample:
        before = cpu_seconds(server.pid) if server.pid else 0.0
        out, err = self.children.run(argv, self.core, _with_key(server), limit)
        time.sleep(SETTLE)
        spent = cpu_seconds(server.pid) - before if server.pid else None
        if server.process and server.process.poll() is not None:
            raise BenchFailed(f"{server.name} ended under load: {server.last_words()}")
        values = json.loads(next(line for line in reversed(out.splitlines()) if line.startswith("{")))
        count = int(values[counted])
        return Sample(
            count=count,
            cpu_us=spent / count * 1e6 if spent is not None and count else None,
            rate=count / values["seconds"],
            faults=int(values["faults"]) + (int(values["not_200"]) if counted == "requests" else 0),
            first_fault=err.strip()[:300],
            values=values,
        )


def _with_key(server: Server) -> dict[str, str]:
    return server.env() | {"BENCH_KEY": server.key}


def soak(loads: Loads, server: Server, total: int, warm_up: int, tell: Callable[[str], None]) -> Soak:
    """Send `total` short streams in slices and read the gateway's memory after each."""
    result, sums = Soak(warm_up), {"good": 0, "aborted": 0, "faults": 0}
    for done in range(SLICE, total + 1, SLICE):
        counted = loads.soak_slice(server, 64, SLICE)
        for name in sums:
            sums[name] += int(counted[name])
        if server.pid is None or counted["begun"] < SLICE or counted["cut"]:
            raise BenchFailed(f"the soak came to a halt after {done - SLICE} streams: {counted}; {server.last_words()}")
        time.sleep(SETTLE)
        result.readings.append((done, rss_bytes(server.pid)))
        if done % (10 * SLICE) == 0:
            tell(f"soak: {done:,} streams, {result.readings[-1][1] / 1e6:.1f} MB")
    return Soak(warm_up, result.readings, **sums)


def idle_rss(server: Server) -> tuple[int, int]:
    """Return the memory of a gateway's own process and that of its children, in bytes."""
    if server.pid is None:
        return 0, 0
    own, *others = (rss_bytes(pid) for pid in tree(server.pid))
    return own, sum(others)


def start_times(servers: list[Server], rounds: int) -> dict[str, list[float]]:
    """Stop and start each gateway in turn; return the seconds to the first answer on its health path."""
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            server.stop()
            found[server.name].append(server.start())
    return found


def command_times(flock: Flock, pairs: int) -> dict[str, list[float]]:
    """Time the bare interpreter, `--version` and `model ls --json` by turns; return seconds by name.

    The first turn only warms the file cache and is not counted.
    """
    flock_command, env = flock.command(), flock.env()
    commands = {
        "bare": [flock.python, "-c", "pass"],
        "version": [*flock_command, "--version"],
        "model ls": [*flock_command, "model", "ls", "--json"],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(pairs + 1):
        for name, argv in commands.items():
            began = time.perf_counter()
            # not through Children: taskset would add a millisecond to both sides; the core is inherited
            ended = subprocess.run(argv, env=env, cwd="/", stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, timeout=30)
            if turn:
                found[name].append(time.perf_counter() - began)
            if ended.returncode != 0:
                raise BenchFailed(f"`{' '.join(argv)}` failed: {ended.stderr.decode(errors='replace').strip()[-500:]}")
    return found


def usage_times(flock: Flock, rows: int, turns: int) -> tuple[dict[str, list[float]], dict[str, list[float]], int]:
    """Give a flock ninety days of usage and time questions about all of it, the whole command.

    Return by name the seconds, and those of CPU that the daemon took; and how many rows of sums there are. The first
    turn only warms the file cache and is not counted.
    """
    flock.stop()
    # ten million rows take two minutes
    script, limit = str(HERE / "usage_rows.py"), 900.0
    argv = [flock.python, script, str(flock.database), str(rows)]
    made, _ = flock.children.run(argv, flock.tool_core, flock.env(), limit)
    flock.start()
    asked = {"summary": ["usage", "--summary"], "by user": ["usage", "--by", "user"]}
    found: dict[str, list[float]] = {name: [] for name in asked}
    spent: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(min(turns, 10) + 1):
        for name, words in asked.items():
            began, before = time.perf_counter(), cpu_seconds(flock.pid or 0)
            flock.cli(*words, "--since", "100d", "--json")
            if turn:
                found[name].append(time.perf_counter() - began)
                spent[name].append(cpu_seconds(flock.pid or 0) - before)
    return found, spent, json.loads(made)["hours"]


def paired_ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of what was measured in the same turn: slow spells hit both sides."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
