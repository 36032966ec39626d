"""What the matrix knows of a client: how to point it at a gateway, how to run it headless, how it ended.

Owns the isolated place a client runs in (a home and a working directory of its own, none of the user's variables) and
the end of its processes: every run is a process group, and the whole group is killed afterwards. Clients stand in
modules of their own and are listed in roster.py.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from tests.running import ROOT

CLIENTS = ROOT / ".engines" / "clients"
COMMANDS = CLIENTS / "node_modules" / ".bin"
SCRIPTS = ROOT / "tests" / "clients" / "scripts"
NODE = CLIENTS / "node_modules" / "node" / "bin"
# what the paths of Gemini begin with: the model and what is wanted of it follow
GEMINI = "/v1beta/models"
# where nobody listens: for clients that look for other hosts and have no switch for it
NOWHERE = "http://127.0.0.1:9"
# what a whole headless run may take on a busy machine: start of the client, two requests, end
RUN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client is pointed: flock's URL without a path, a key, a model's id and its window in tokens."""

    url: str
    key: str
    model: str
    window: int = 131072


@dataclass(frozen=True, slots=True)
class Place:
    """The directories of one run, all new."""

    home: Path
    work: Path
    tmp: Path


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended; `code` is None when its time was up."""

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def said(self) -> str:
        """Everything the client printed."""
        return self.out + self.err


class Client(Protocol):
    """One command-line client."""

    name: str
    # where the mark of its installation stands in tests/conftest.py
    installed_as: str
    # the path of the gateway it speaks to
    path: str
    # the model it insists on, empty when any will do
    model: str
    # the tool it writes files with, empty for a client that edits files by the text of the answer
    tool: str
    # why it has no request that is not streamed, empty when it has
    always_streams: str
    # it ends with 0 whatever happened
    always_succeeds: bool

    def command(self) -> Path:
        """Return its program, whether it is there or not."""
        ...

    def configure(self, target: Target, place: Place) -> dict[str, str]:
        """Write its configuration into the home; return its environment."""
        ...

    def arguments(self, path: str, content: str) -> str:
        """Return the arguments with which its tool writes a file, as JSON in the order of the tool's schema."""
        ...

    def argv(self, target: Target, prompt: str, place: Place, *, stream: bool) -> list[str]:
        """Return its command line for one prompt."""
        ...


def shut_in() -> dict[str, str]:
    """Return the variables with which whatever is not on 127.0.0.1 cannot be reached, nor its name be looked up."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE) | {"NO_PROXY": "127.0.0.1,localhost"}
    return proxies | {name.lower(): value for name, value in proxies.items()}


def new_place(top: Path) -> Place:
    """Return empty directories below top; what stood there before is gone."""
    place = Place(top / "home", top / "work", top / "tmp")
    for directory in (place.home, place.work, place.tmp):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    return place


def environment(place: Place, more: dict[str, str]) -> dict[str, str]:
    """Return the whole environment of a client: nothing of the user's but the way to the system's programs."""
    return {
        "PATH": os.pathsep.join([str(NODE), str(COMMANDS), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(place.home),
        "TMPDIR": str(place.tmp),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "CI": "1",
        "DO_NOT_TRACK": "1",
        **more,
    }


@dataclass(slots=True)
class Running:
    """A client at work. Its output goes to files, so that nothing it starts can hold a pipe open."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]
    begun: float

    def wait(self, seconds: float) -> Ran:
        """Wait for its end, at most so long, and return what it printed."""
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(seconds)
        return Ran(code, self.read(self.out), self.read(self.err), time.monotonic() - self.begun)

    def read(self, file: IO[bytes]) -> str:
        """Return what stands in one of its files by now."""
        return Path(file.name).read_text("utf-8", "replace")

    def kill(self) -> None:
        """Kill the client and whatever it started in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def started(client: Client, target: Target, prompt: str, place: Place, *, stream: bool = True) -> Iterator[Running]:
    """Yield a client that runs; afterwards nothing of its process group is left."""
    more = client.configure(target, place)
    argv = client.argv(target, prompt, place, stream=stream)
    options: dict[str, Any] = {"cwd": place.work, "env": environment(place, more), "start_new_session": True}
    with (place.tmp / "stdout").open("wb") as out, (place.tmp / "stderr").open("wb") as err:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)
        running = Running(process, out, err, time.monotonic())
        try:
            yield running
        finally:
            running.kill()


def run(client: Client, target: Target, prompt: str, place: Place, *, stream: bool = True) -> Ran:
    """Run a client to its end, at most RUN_SECONDS."""
    with started(client, target, prompt, place, stream=stream) as running:
        return running.wait(RUN_SECONDS)
