"""Terminals and streams as they are: narrow, dumb, without colour or UTF-8, closed, full, left by their reader."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flock.cli import out
from flock.cli.letters import plain
from flock.contract.usage import RecentUsage
from tests.cli.conftest import Opener
from tests.cli.running import ROOT, by_name
from tests.cli.values import CASES
from tests.screen import Screen

FLOCK = f"{sys.executable} -m flock"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which `flock` is this one."""
    return subprocess.run(
        ["bash", "-c", f'flock() {{ {FLOCK} "$@"; }}; {line}'],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def screen(*words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", *words, **environment)


# closed, full, left


@pytest.mark.parametrize(
    "words", ["model ls", "model ls --json", "model ls -q", "model ls --help", "--help", "", "version"]
)
def test_a_closed_output_is_said(words: str, opened: Opener) -> None:
    opened(by_name)
    done = shell(f"flock {words} >&-")
    assert done.returncode == 1
    assert "cannot write to standard output: it is closed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", ["model ls", "model ls --json", "model ls -q", "model ls --help", "--help", "", "--version"]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_said(words: str, unbuffered: str, opened: Opener) -> None:
    opened(by_name)
    done = shell(f"flock {words} >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert "cannot write to standard output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("words", ["token create ci", "token rotate k_1", "invite bob"])
def test_what_is_shown_once_is_not_made_where_nothing_can_be_shown(words: str, opened: Opener) -> None:
    door = opened(by_name)
    assert shell(f"flock {words} >&-").returncode == 1
    assert door.heard == []


@pytest.mark.parametrize("words", ["model lss 2>&-", "model lss 2>/dev/full", "model lss 2>&- >&-", "model lss <&-"])
def test_an_error_that_nobody_hears_is_an_exit_code(words: str) -> None:
    done = shell(f"flock {words}")
    assert done.returncode == 2
    assert done.stdout == ""


def test_input_that_is_closed_is_nobody(opened: Opener) -> None:
    opened(by_name)
    assert shell("flock model ls -q <&-").returncode == 0
    done = shell("flock model remove qwen3-8b <&-")
    assert done.returncode == 6
    assert "there is no terminal; --yes answers it" in done.stderr


@pytest.mark.parametrize("words", ["usage --help", "--help", "usage", "usage --json", "usage -q", "logs --help"])
def test_a_reader_that_has_left(words: str, opened: Opener) -> None:
    opened(lambda op: [CASES["usage.recent"][1][0]] * 20_000 if isinstance(op, RecentUsage) else by_name(op))
    done = shell(f'flock {words} | true; echo "${{PIPESTATUS[0]}}"')
    # help may have been written before its reader left
    assert done.stdout.strip() in (("0", "141") if "help" in words else ("141",))
    assert done.stderr == ""


# letters


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, True),
        ({"LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LC_CTYPE": "UTF-8"}, True),
        ({"LANG": "de_DE"}, True),
        ({"LANG": "C"}, False),
        ({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
    ],
)
def test_which_locales_have_more_than_ascii(environ: dict[str, str], expected: bool) -> None:
    assert out.has_all_letters(environ, utf_8_mode=False) is expected
    assert out.has_all_letters({**environ, "LC_CTYPE": "C.UTF-8"}, utf_8_mode=True) is expected or "LC_CTYPE" in environ


def test_signs_keep_their_width_where_columns_count() -> None:
    assert plain("████░░") == "####.."
    assert plain("a “b” … ü") == 'a "b" ... ü'


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "C", "LC_ALL": "", "LC_CTYPE": ""}])
@pytest.mark.parametrize("mode", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_a_terminal_without_utf_8_gets_ascii(locale: dict[str, str], mode: dict[str, str], opened: Opener) -> None:
    opened(by_name)
    for words in (("top", "--once"), ("status",), ("usage", "summary"), ("token", "ls"), ("model", "search", "-h")):
        shown = screen(*words, **locale, **mode, NO_COLOR="1")
        assert shown.end() == 0, shown.shown
        assert not set(shown.shown) & set("…“”█░▁▂▃▄▅▆▇"), shown.shown
        assert "fault in flock" not in shown.shown
    asking = screen("model", "remove", "x", "--no-input", **locale, **mode)
    assert asking.end() == 6
    assert 'would have to ask "Remove model x?"' in asking.shown


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "latin-1:strict"])
def test_an_encoding_that_lacks_letters_is_no_fault(encoding: str, opened: Opener) -> None:
    opened(by_name)
    for words in ("model search --help", "--help", "top --once", "secret lock --no-input", "events --help"):
        done = shell(f"flock {words}", PYTHONIOENCODING=encoding)
        assert "fault in flock" not in done.stderr, done.stderr
    assert "embedding ..." in shell("flock model search --help", PYTHONIOENCODING=encoding).stdout


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_programs_get_utf_8_whatever_the_locale(locale: str, opened: Opener) -> None:
    opened(lambda _: [])
    for words in ("model ls --json", "token ls --json"):
        plainly = shell(f"flock {words}")
        assert shell(f"flock {words}", LC_ALL=locale, PYTHONUTF8="0").stdout == plainly.stdout


# colour and width


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"FLOCK_NO_COLOR": "1"}, False),
        ({"CLICOLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_on_a_terminal(environment: dict[str, str], coloured: bool, opened: Opener) -> None:
    opened(by_name)
    shown = screen("model", "ls", **environment)
    assert shown.end() == 0
    assert ("\x1b[3" in shown.shown) is coloured
    wrong = screen("model", "lss", **environment)
    assert wrong.end() == 2
    assert ("\x1b[3" in wrong.shown) is coloured


def test_colour_in_a_pipe_only_on_request(opened: Opener) -> None:
    opened(by_name)
    assert "\x1b" not in shell("flock model lss").stderr
    assert "\x1b[31m" in shell("flock model lss", CLICOLOR_FORCE="1").stderr
    # rows for programs have none in any case
    assert "\x1b" not in shell("flock model ls", FORCE_COLOR="1").stdout


@pytest.mark.parametrize("columns", ["20", "1", "0", "x", "-5"])
def test_narrow_terminals(columns: str, opened: Opener, tmp_path: Path) -> None:
    opened(by_name)
    for words in (("model", "ls"), ("status",), ("usage",), ("top", "--once"), ("token", "show", "k_1"), ("--help",)):
        shown = screen(*words, COLUMNS=columns, NO_COLOR="1")
        assert shown.end() == 0, shown.shown
        assert "fault in flock" not in shown.shown
        assert "Traceback" not in shown.shown
    shown = screen("model", "ls", COLUMNS=columns, NO_COLOR="1")
    assert shown.end() == 0
    assert "qwen/qwen3:8b" in shown.shown  # an id is there to be copied


def test_every_answer_is_drawn_on_twenty_columns() -> None:
    from flock.cli import deliver
    from flock.show.draw import drawn
    from tests.cli.values import NOW

    for name, (op, value) in CASES.items():
        found: Any = deliver.views(op).human(op, value, NOW)
        for width in (20, 1):
            assert isinstance(drawn(found, colour=True, width=width), str), name
