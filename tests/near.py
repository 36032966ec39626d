"""A user's own machine, on which no flock runs: its home, its environment, its command line."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.running import PATIENCE, ROOT

Following = subprocess.Popen[bytes]


class Near:
    """Somebody at a machine of their own; `path` comes before this machine's PATH."""

    def __init__(self, home: Path, path: Path | None = None, **environment: str) -> None:
        home.mkdir()
        self.home = home
        self.environment = {
            "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "FLOCK_HOME": str(home / "flock"),
            "PYTHONPATH": str(ROOT),
            **environment,
        }

    def run(self, *arguments: str, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command line here, without a terminal."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "flock", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env=self.environment | more,
            cwd=self.home,
            timeout=PATIENCE * 2,
            start_new_session=True,  # no terminal: ssh would ask at the developer's
        )

    def refused(self, *arguments: str, code: int = 3, **more: str) -> tuple[str, str]:
        """Run the command line, which must fail with `code`, and return its sentence and hint."""
        done = self.run(*arguments, **more)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        said = re.search(r"^flock: (.*)$", done.stderr, re.MULTILINE)
        hint = re.search(r"^hint: (.*)$", done.stderr, re.MULTILINE)
        assert said, done.stderr
        return said[1], re.sub(r"(?<!\S)\S*/flock(?= )", "flock", hint[1]) if hint else ""

    @contextlib.contextmanager
    def follow(self, host: str) -> "Iterator[Following]":
        """Follow the events over there, of which the first is already read; what is left afterwards is killed."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flock", "--host", host, "events", "--since", "0", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.home,
            start_new_session=True,
        )
        with process:
            try:
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["kind"]
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def ssh_processes(self) -> list[psutil.Process]:
        """Return the ssh clients of this home that live."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and process.name() == "ssh" and process.environ().get("HOME") == str(self.home):
                    found.append(process)
        return found
