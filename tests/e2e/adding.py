"""What the tests of adding models share: a hub with tiny models, a flock that fetches from it, commands meanwhile."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.parts import ask, body
from tests.fakes.hub_process import FakeHub, fake_hub
from tests.models.make import SENTENCE
from tests.running import PATIENCE, Flock, command_line, flock_home, wait_for

REPO, FILE = "ada/Tiny-Script-GGUF", "Tiny-Script-Q4_K_M.gguf"
SOURCE = f"hf:{REPO}"
SIZE = 200_000  # a little less than the model has


@contextlib.contextmanager
def stocked_hub(root: Path, models: dict[str, Path]) -> Iterator[FakeHub]:
    """A hub with tiny-script: as it is, cut off, of an architecture that does not exist, and behind terms."""
    with fake_hub(root) as hub:
        data = models["tiny-script"].read_bytes()
        hub.put(REPO, {FILE: data, "README.md": b"# Tiny\n"}, license="apache-2.0")
        hub.put("ada/Cut-GGUF", {"Cut-Q4_K_M.gguf": data[:1000]})
        hub.put("ada/Odd-GGUF", {"Odd-Q4_K_M.gguf": data.replace(b"llama", b"xxxxx")})
        hub.put("ada/Gated-GGUF", {"Gated-Q4_K_M.gguf": data}, gated="manual")
        yield hub


def end(hub: FakeHub) -> None:
    """Let nobody answer at a hub's URL any more."""
    for process in psutil.Process().children():
        if str(hub.root) in command_line(process):
            process.kill()
            process.wait(PATIENCE)


@contextlib.contextmanager
def standing(hub: FakeHub, **more: str) -> Iterator[Flock]:
    """A flock that fetches from this hub."""
    with flock_home(FLOCK_ENGINE="embedded", HF_ENDPOINT=hub.url, **more) as flock:
        flock.ok("up")
        yield flock


@contextlib.contextmanager
def begun(flock: Flock, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `flock model …` meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "flock", "model", *words],
        env=flock.environment,
        cwd=flock.home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def halfway(flock: Flock, size: int = 0) -> dict[str, Any]:
    """Wait until a job has fetched half of something, and return it. `size` is the whole of a file of flock's own, of
    which its part on the disk tells: a job hears of a download five times a second at most.
    """

    def half() -> Any:
        jobs = [job for job in flock.json("job", "ls") if job["state"] == "running" and job["total_bytes"]]
        parts = (flock.home / "data/models").rglob("*.part")
        there = max((part.stat().st_size for part in parts), default=0) * 2 >= size if size else True
        return next((job for job in jobs if there and (size or job["done_bytes"] * 2 >= job["total_bytes"])), None)

    return wait_for(half, "half of it is there")


def killed(flock: Flock) -> None:
    """Kill the daemon as a crash would, and start another one."""
    daemon = psutil.Process(flock.pid)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait(PATIENCE)
    flock.ok("up")


def names(flock: Flock) -> list[str]:
    return [model["id"] for model in flock.json("model", "ls")]


def answers(flock: Flock, model: str) -> bool:
    told = ask(flock.port, flock.key, body(model))
    return told.status == 200 and told.json["choices"][0]["message"]["content"] == SENTENCE


def refused(flock: Flock, *words: str, code: int) -> str:
    """Run `model add`, which must be refused and leave nothing, and return what it said."""
    done = flock.run("model", "add", *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert names(flock) == ["flock-smoke"]
    return done.stderr
