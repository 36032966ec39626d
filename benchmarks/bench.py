"""One run of the benchmarks: the processes it needs, and the loads by turns.

Owns which gateways stand, and every sample that was taken. Refuses to judge them: rows.py does. Called by run.py.
"""

import argparse
import os
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from figures import number
from gateways import MESSAGES, RESPONSES, Flock, LiteLLM, Mock, Nginx, Server, check_answers
from measure import HERE, Loads, Sample
from processes import Children

PACE_US = 20_000  # 50 tokens a second
TRANSLATIONS = ("messages", "responses", "translated")


def tell(text: str) -> None:
    """Say on stderr what goes on; stdout is for the table."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """One run: its processes, its directory, what it has seen."""

    def __init__(self, options: argparse.Namespace, children: Children, directory: Path) -> None:
        self.options, self.children, self.directory = options, children, directory
        self.mock = Mock(children, directory / "direct", options.load_core, self._compile("mock"))
        self.loads = Loads(children, options.load_core, self._compile("load"), options.seconds)
        self.servers: dict[str, Server] = {"direct": self.mock}
        self.first_start: dict[str, float] = {}
        self.samples: dict[tuple[str, str], list[Sample]] = {}
        self.by_turns: dict[str, Callable[[Server], Sample]] = {
            "latency": lambda server: self.loads.requests(server, 1),
            "requests": lambda server: self.loads.requests(server, options.connections),
            "chunks": lambda server: self.loads.streams(server, options.streams, 0),
            "paced": lambda server: self.loads.streams(server, options.paced_streams, PACE_US),
            "spread": lambda server: self.loads.streams(server, options.paced_streams, PACE_US, spread=True),
            "messages": lambda server: self.loads.streams(server, options.paced_streams, PACE_US, path=MESSAGES),
            "responses": lambda server: self.loads.streams(server, options.paced_streams, PACE_US, path=RESPONSES),
            "translated": lambda server: self.loads.requests(server, options.connections, MESSAGES),
        }

    def _compile(self, name: str) -> Path:
        binary, core = self.directory / name, self.options.load_core
        argv = ["gcc", "-O2", "-o", str(binary), str(HERE / f"{name}.c")]
        self.children.run(argv, core, dict(os.environ), seconds=60)
        return binary

    def start(self) -> None:
        """Start the mock and every gateway, and see that each answers."""
        core, port = self.options.gateway_core, self.mock.port
        self.mock.start()
        if "nginx" in self.options.gateways:
            self.servers["nginx"] = Nginx(self.children, self.directory / "nginx", core, port)
        if "flock" in self.options.gateways:
            self.servers["flock"] = self.new_flock()
        if "litellm" in self.options.gateways and shutil.which("litellm"):
            self.servers["litellm"] = LiteLLM(self.children, self.directory / "litellm", core, port)
        for server in self.servers.values():
            if server is not self.mock:
                self.first_start[server.name] = server.start()
            if isinstance(server, Flock):
                server.prepare(port)
            check_answers(server)
            tell(f"{server.name} answers on 127.0.0.1:{server.port}")

    def new_flock(self) -> Flock:
        """Return a flock in a home of its own, not yet started."""
        o = self.options
        return Flock(self.children, self.directory / "flock", o.gateway_core, o.python, o.load_core)

    def measure_rounds(self) -> None:
        """Run every load that was asked for against every gateway by turns."""
        rounds = self.options.rounds
        for turn in range(rounds):
            for part in (part for part in self.by_turns if part in self.options.only):
                tell(f"round {turn + 1} of {rounds}: {part}")
                for name, server in self.servers.items():
                    if _concerns(part, name):
                        self.samples.setdefault((part, name), []).append(self.by_turns[part](server))

    def median(self, part: str, name: str, value: Callable[[Sample], float | None]) -> float | None:
        """Return the median over rounds, None where nothing was measured."""
        found = [v for sample in self.samples.get((part, name), []) if (v := value(sample)) is not None]
        return statistics.median(found) if found else None

    def paired(self, part: str, a: str, b: str, value: Callable[[Sample, Sample], float]) -> float | None:
        """Return the median of what compares two gateways in the same round."""
        pairs = zip(self.samples.get((part, a), []), self.samples.get((part, b), []), strict=False)
        found = [value(x, y) for x, y in pairs]
        return statistics.median(found) if found else None

    def faults(self, part: str, *names: str) -> str:
        """Return what makes a figure invalid: faulty answers on either side of it."""
        counts = {name: sum(sample.faults for sample in self.samples.get((part, name), [])) for name in names}
        for name in names:
            for sample in self.samples.get((part, name), []):
                if sample.faults:
                    tell(f"{part}, {name}: {sample.faults} faults. {sample.first_fault}")
        return ", ".join(f"{count:,} faults of {name}" for name, count in counts.items() if count)

    def compare(self, part: str, value: Callable[[Sample], float | None], unit: str, *names: str) -> str:
        """Return the reference column: the same figure of the others."""
        found = {name: self.median(part, name, value) for name in names}
        return ", ".join(f"{name} {number(v)} {unit}".rstrip() for name, v in found.items() if v is not None)


def _concerns(part: str, name: str) -> bool:
    """Return whether a load is for a gateway: translations are flock's alone, a peer is asked for one figure only."""
    if part in TRANSLATIONS:
        return name == "flock"
    return name != "litellm" or part == "requests"
