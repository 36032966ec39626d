"""The edges of a process: readers that leave, full disks, faults, what is imported, colour."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from flock.cli import app, out
from flock.cli.call import Answer
from flock.contract.models import ListModels
from flock.contract.op import Op
from tests.cli.conftest import Opener
from tests.cli.running import ROOT, by_name
from tests.cli.values import QWEN

Captured = pytest.CaptureFixture[str]


# the edges of a process


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_hears_no_complaint(unbuffered: str, opened: Opener) -> None:
    opened(lambda _: [QWEN] * 5000)
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; {sys.executable} -m flock model ls --json | head -c 1; echo "$?"'],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "[141\n"
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_said(opened: Opener) -> None:
    opened(by_name)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flock", "model", "ls", "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_fault_in_flock_shows_a_traceback_only_on_request(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def perform(op: Op[Any], yes: bool) -> Answer:
        raise ZeroDivisionError("by nought")

    assert app.main(["model", "ls"], perform) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert "hint: FLOCK_DEBUG=1 flock model ls" in told
    monkeypatch.setenv("FLOCK_DEBUG", "1")
    assert app.main(["model", "ls"], perform) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_recorder_is_a_seam(capsys: Captured) -> None:
    heard: list[tuple[Op[Any], bool]] = []

    def perform(op: Op[Any], yes: bool) -> Answer:
        heard.append((op, yes))
        return Answer([], b"[]")

    assert app.main(["model", "ls", "--json"], perform) == 0
    assert heard == [(ListModels(), False)]


def test_nothing_is_imported_that_a_call_to_the_daemon_does_not_need(opened: Opener) -> None:
    opened(by_name)
    probe = (
        "import sys\nfrom flock.cli.app import main\ncode = main(['model', 'ls', '--json'])\n"
        "tops = {m.partition('.')[0] for m in sys.modules}\n"
        "ours = sorted(m for m in sys.modules if m.startswith('flock.'))\n"
        "import json; print(json.dumps([code, sorted(tops - sys.stdlib_module_names - {'flock'}), ours]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{probe}"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, foreign, ours = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    # site-packages may start modules of its own through .pth files (editable installs, debuggers)
    assert not set(foreign) & {"rich", "pydantic", "aiohttp", "questionary", "prompt_toolkit", "keyring", "sqlalchemy"}
    assert "typer" in foreign
    assert not [m for m in ours if m.startswith(("flock.local", "flock.daemon", "flock.core"))]
    assert [m for m in ours if m.startswith("flock.show.")] == ["flock.show.nouns"]
    assert [m for m in ours if m.startswith("flock.contract.")] == [
        "flock.contract.codec",
        "flock.contract.jobs",
        "flock.contract.models",
        "flock.contract.op",
        "flock.contract.plans",
    ]


# colour


class Terminal(io.StringIO):
    """A stream somebody looks at."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"FLOCK_NO_COLOR": "1"}, False),
        ({"CLICOLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "0", "CLICOLOR": "0"}, False),
    ],
)
def test_colour(environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert out.has_colour(Terminal()) is expected


def test_no_colour_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not out.has_colour(io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert out.has_colour(io.StringIO())
