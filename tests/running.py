"""Real processes for tests: a daemon of its own home, the command line, engines that stand in for others.

Everything listens on 127.0.0.1 at a free port, lives in a temporary directory and is gone afterwards. Where the system
allows it every flock is watched (tests/egress.py), and may contact nothing outside of this machine.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.egress import Watch

ROOT = Path(__file__).resolve().parent.parent
# how long a state may take on a machine that does other things too; no test asserts a time by it
PATIENCE = 60.0


# below the range from which systems take ports for outgoing connections (32768 on Linux, 49152 on macOS): one of those
# could take a port between its choice and its use
_PORTS = range(15000, 32000)
_given: set[int] = set()


def free_port() -> int:
    """Return a TCP port that was free a moment ago and that this process was not given before."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


# llama-server from PATH, or where tests/engines/install puts it
LLAMA_PATH = os.pathsep.join([str(ROOT / ".engines" / "llama" / "bin"), os.environ.get("PATH", "")])


def llama_server() -> str | None:
    """Return the path of a real llama-server, None when none is installed."""
    return shutil.which("llama-server", path=LLAMA_PATH)


def command_line(process: psutil.Process) -> list[str]:
    """Return a process's command line, [] for one that has ended: a child nobody has reaped yet is a zombie."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def wait_for(state: Any, what: str, patience: float = PATIENCE) -> Any:
    """Call `state` until it returns something true, and return that; AssertionError when patience ends."""
    end = time.monotonic() + patience
    while True:
        found = state()
        if found:
            return found
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.01)


class Flock:
    """One flock: its home, its environment, its command line."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        self.home = home
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.egress = Watch()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home.parent),
            "LANG": "C.UTF-8",
            "FLOCK_HOME": str(home),
            "FLOCK_LISTEN": f"127.0.0.1:{port}",
            # an Ollama of the developer's own must not be adopted: nothing listens there
            "OLLAMA_HOST": "127.0.0.1:9",
            # where these tests run from another tree than the installed one
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            **self.egress.environment,
            **environment,
        }

    def run(self, *arguments: str, stdin: str | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run the command line and return what it did."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "flock", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=more.pop("cwd", self.home.parent),
            timeout=more.pop("timeout", PATIENCE * 2),
            **more,
        )

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        """Run the command line, which must succeed, and return its standard output."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"flock {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str, stdin: str | None = None) -> Any:
        """Run the command line with --json and return the value."""
        return json.loads(self.ok(*arguments, "--json", stdin=stdin))

    @property
    def key(self) -> str:
        """The admin key of this home."""
        return (self.home / "admin.key").read_text().strip()

    @property
    def pid(self) -> int:
        """The daemon's process id, from its lock file."""
        return int((self.home / "run/daemon.lock").read_text())

    def processes(self) -> list[psutil.Process]:
        """Return every live process that carries this home in its environment."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                running = process.status() != psutil.STATUS_ZOMBIE
                if running and process.environ().get("FLOCK_HOME") == str(self.home):
                    found.append(process)
        return found

    def kill_all(self) -> None:
        """Kill whatever is left, so that a failed test leaves nothing behind."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()


@contextlib.contextmanager
def flock_home(**environment: str) -> Iterator[Flock]:
    """Yield a flock that has not been started, in a directory of its own; afterwards nothing of it is left.

    A test that did not fail by itself fails when the flock, or a process of it, contacted anything out there.
    """
    top = Path(tempfile.mkdtemp(prefix="flock-"))
    flock = Flock(top / "home", free_port(), **environment)
    try:
        yield flock
    finally:
        flock.run("down", "--grace", "0", timeout=60)
        flock.kill_all()
        shutil.rmtree(top, ignore_errors=True)
    assert flock.egress.outside() == [], flock.egress.outside()


@contextlib.contextmanager
def running_flock(**environment: str) -> Iterator[Flock]:
    """Yield a flock that serves."""
    with flock_home(**environment) as flock:
        flock.ok("up")
        yield flock


@contextlib.contextmanager
def fake_upstream(*arguments: str) -> Iterator[int]:
    """Run tests/fakes/upstream.py and yield its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.upstream", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        found = re.match(r"PORT (\d+)", process.stdout.readline())
        assert found is not None
        yield int(found.group(1))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
