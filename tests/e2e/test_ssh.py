"""Another machine's flock over a real sshd: `flock --host ssh://…`, from a home without a flock of its own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flock.client.reach import Reach, find
from flock.contract.events import FollowEvents
from flock.contract.status import ShowStatus
from flock.errors import DaemonUnreachable
from tests.running import PATIENCE, ROOT, Flock, flock_home, running_flock, wait_for
from tests.sshd import Box, flock_script, running_box, script


class Near:
    """A user's own machine: no flock runs on it, and its `ssh` knows the box."""

    def __init__(self, top: Path, box: Box) -> None:
        self.home = top / "near"
        self.home.mkdir()
        self.environment = {
            "PATH": f"{box.client}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "FLOCK_HOME": str(self.home / "flock"),
            "PYTHONPATH": str(ROOT),
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

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start the command line and return it."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "flock", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.home,
            start_new_session=True,
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
        return said[1], hint[1] if hint else ""

    def ssh_processes(self) -> list[psutil.Process]:
        """Return the ssh clients of this home that live."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "ssh" and process.environ().get("HOME") == str(self.home):
                    found.append(process)
        return [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ssh")


@pytest.fixture(scope="module")
def box(top: Path) -> Iterator[Box]:
    with running_box(top) as box:
        yield box


@pytest.fixture(scope="module")
def far(box: Box) -> Iterator[Flock]:
    """The flock on the box, which serves."""
    with running_flock() as far:
        flock_script(box.bin / "flockctl", far.environment)
        yield far


@pytest.fixture(scope="module")
def near(top: Path, box: Box) -> Near:
    return Near(top, box)


@pytest.fixture
def unbegun(box: Box, tmp_path: Path) -> Iterator[Flock]:
    """A flock on the box that does not run: a second program over there."""
    with flock_home() as other:
        flock_script(tmp_path / "flock", other.environment)
        yield other


HOST = "ssh://box"


def untimed(body: str) -> Any:
    """Return a status without what moves by itself."""
    value = json.loads(body)
    for name in ("uptime_seconds",):
        value.pop(name, None)
    return value


@pytest.mark.parametrize("line", [("model", "ls"), ("token", "ls"), ("config", "path"), ("engine", "ls"), ("hardware",)])
def test_the_same_bytes_as_over_there(near: Near, far: Flock, line: tuple[str, ...]) -> None:
    there = far.run(*line, "--json")
    here = near.run("--host", HOST, *line, "--json")
    assert (here.returncode, here.stdout) == (there.returncode, there.stdout)
    assert here.stderr == ""


def test_a_status_says_whose_it_is(near: Near, far: Flock, box: Box) -> None:
    done = near.run("--host", f"ssh://127.0.0.1:{box.port}", "status", "--json")
    assert done.returncode == 0, done.stderr
    assert untimed(done.stdout)["pid"] == far.pid
    assert done.stderr == ""
    for words in (("status",), ()):
        seen = near.run("--host", HOST, *words)
        assert (seen.returncode, seen.stderr) == (0, "on box:\n")
        assert far.url in seen.stdout


def test_what_is_about_the_box_is_done_there(near: Near, far: Flock) -> None:
    assert json.loads(near.run("--host", HOST, "doctor", "--json").stdout).keys() == {"checks", "serious"} | json.loads(
        far.run("doctor", "--json").stdout
    ).keys()
    assert near.run("--host", HOST, "logs").stdout == far.run("logs").stdout != ""
    assert json.loads(near.run("--host", HOST, "up", "--json").stdout)["pid"] == far.pid
    made = near.run("--host", HOST, "token", "create", "from-afar", "--json")
    assert made.returncode == 0, made.stderr
    assert [t["name"] for t in far.json("token", "ls") if t["name"] == "from-afar"] == ["from-afar"]
