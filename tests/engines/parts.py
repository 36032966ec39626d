"""What engine tests are made of: an engine whose manners are chosen, one that counts its starts, shelves in memory."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flock.engines.engine import Canary, Engine, Found, LaunchSpec
from flock.profile import Profile

STAND_IN = Path(__file__).with_name("stand_in.py")
# what a registry of these tests is known by
INSTANCE = "instance-of-this-test"
PROFILES = {
    kind: Profile(kind, kind, frozenset({"openai"}), start_hint="ollama serve" if kind == "ollama" else "")
    for kind in ("llamacpp", "embedded", "vllm", "ollama", "mlx", "openai", "whisper", "whisper-openai", "piper")
}


class StandIn:
    """An engine of the manners of stand_in.py; `manners` gives one per start, the last one for all further starts."""

    kind = "openai"
    title = "stand-in"
    formats = frozenset({"gguf"})
    kinds = frozenset({"chat"})
    first_port = 8089
    ready_path = "/v1/models"
    holds_stdin = False
    bind_failures = ("port is taken", "address already in use")

    def __init__(self, *manners: str) -> None:
        self.manners = list(manners)
        self.ports: list[int] = []

    def find(self) -> Found | None:
        return Found(str(STAND_IN), "1")

    def argv(self, spec: LaunchSpec) -> list[str]:
        self.ports.append(spec.port)
        manner = self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]
        return [sys.executable, str(STAND_IN), str(spec.port), manner]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        return {"STAND_IN_KEY": spec.key}

    def served(self, spec: LaunchSpec) -> str:
        return ""

    def canary(self, spec: LaunchSpec) -> Canary:
        return Canary("/v1/chat/completions", b'{"max_tokens": 1}')

    def loaded(self, line: str) -> float | None:
        words = line.split()
        return float(words[1]) / 100 if len(words) == 2 and words[0] == "loading" else None

    def missing_hint(self) -> str:
        return 'pipx install --force "flockllm[embedded]"'


class Counted:
    """A real engine that counts how often it is started."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.starts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def argv(self, spec: LaunchSpec) -> list[str]:
        self.starts += 1
        return self.engine.argv(spec)


class Absent(StandIn):
    """An engine that is not installed."""

    def __init__(self) -> None:
        super().__init__("good")

    def find(self) -> Found | None:
        return None


class Rack:
    """Keys in memory. While `shut`, who asks for one waits; `asked` are the names that were asked for."""

    def __init__(self, **keys: str) -> None:
        self.keys = keys
        self.asked: list[str] = []
        self.opened = asyncio.Event()
        self.opened.set()

    def shut(self) -> None:
        self.opened.clear()

    async def get(self, name: str) -> str:
        self.asked.append(name)
        await self.opened.wait()
        return self.keys.get(name, "")

    async def put(self, name: str, value: str) -> None:
        self.keys[name] = value

    async def delete(self, name: str) -> None:
        self.keys.pop(name, None)


class HandClock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


async def until(state: Callable[[], Any], what: str, patience: float = 60.0) -> Any:
    """Wait until `state` returns something true, and return that."""
    end = time.monotonic() + patience
    while not (found := state()):
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.01)
    return found
