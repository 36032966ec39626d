"""What tests of fetching share: one model on a hub, a fetcher over a directory of the test's own, what it reported."""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from flock.contract.hub import HubFile
from flock.models.fetch import Fetcher, Patience
from flock.models.repository import Repository
from flock.models.wanted import Wanted, of_hub
from tests.fakes.hub_process import FakeHub
from tests.running import command_line

REPO, FILE = "ada/Tiny-GGUF", "Tiny-Q4_K_M.gguf"
SIZE = 600_000
CONFIG = b'{"model_type": "llama"}'
DATA = random.Random(5).randbytes(SIZE)
# nobody waits: three tries in a row, a hundredth of a second after the first
QUICK = Patience(tries=3, pause=0.01, silence=30.0)


class Heard:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[float | None, str, int | None, int | None]] = []

    def __call__(self, progress: float | None, message: str, done: int | None = None, total: int | None = None) -> None:
        self.lines.append((progress, message, done, total))

    def done(self) -> int:
        """Return how many bytes were told of last."""
        return next((done for _, _, done, _ in reversed(self.lines) if done is not None), 0)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a child that finds no token and no cache but the test's."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "HF_HOME": str(home / "hf"), **more}


def fetcher(hub: FakeHub, place: Path, patience: Patience = QUICK, **more: str) -> Fetcher:
    """Return a fetcher into `place`/models."""
    cache = place / "hf" / "hub"
    return Fetcher(place / "models", hub.url, cache=cache, environment=environment(place, **more), patience=patience)


def wanted(place: Path, *paths: str) -> list[Wanted]:
    """Return files of REPO as they are to lie in `place`/models; the first one when none is named."""
    known = {
        FILE: HubFile(FILE, SIZE, hashlib.sha256(DATA).hexdigest()),
        "config.json": HubFile("config.json", len(CONFIG)),
    }
    found = Repository(REPO, "main", "mit", gated=False, files=tuple(known.values()))
    return of_hub(place / "models", found, [known[path] for path in paths or (FILE,)])


async def until(state: Callable[[], Any], what: str) -> Any:
    """Wait until `state` returns something true, and return that."""
    end = time.monotonic() + 60
    while not (found := state()):
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.01)
    return found


def children() -> list[psutil.Process]:
    """Return the fetching's own processes that this one has started."""
    return [p for p in psutil.Process().children() if "flock.models.fetch_child" in command_line(p)]


def left(place: Path) -> set[str]:
    """Return the names of all files and links in the models' directory, without the hidden records."""
    root = place / "models"
    names = (p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir() or p.is_symlink())
    return {name for name in names if not name.rpartition("/")[2].startswith(".")}
