"""What happens on a terminal, on a real one: questions, tables, the clipboard; and on inputs that stay silent."""

import os
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from flock.cli import engine
from flock.errors import UsageError
from tests.cli.conftest import Opener
from tests.cli.running import by_name
from tests.cli.running import flock as in_a_pipe
from tests.cli.token_values import CREATED
from tests.screen import Screen


def flock(*words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", *words, **environment)


def test_a_table_has_a_header_and_colour(opened: Opener) -> None:
    opened(by_name)
    screen = flock("model", "ls")
    assert screen.end() == 0
    assert "STATE" in screen.shown
    assert "\x1b[32mready" in screen.shown
    plain = flock("model", "ls", NO_COLOR="1")
    assert plain.end() == 0
    assert "STATE" in plain.shown
    assert "\x1b" not in plain.shown


@pytest.mark.parametrize(("answer", "code", "heard"), [("y", 0, 1), ("n", 130, 0), ("\x03", 130, 0)])
def test_removing_asks(answer: str, code: int, heard: int, opened: Opener) -> None:
    door = opened(by_name)
    screen = flock("model", "remove", "qwen3-8b")
    screen.until("Remove model qwen3-8b?")
    screen.type(answer)
    assert screen.end() == code, screen.shown
    assert len(door.heard) == heard
    assert "Traceback" not in screen.shown


def test_the_first_screen_on_a_terminal() -> None:
    screen = flock()
    assert screen.end() == 0
    assert "flock is not running" in screen.shown
    assert "start it" in screen.shown


def test_a_new_key_is_shown_once_and_copied_on_request(opened: Opener) -> None:
    opened(by_name)
    screen = flock("token", "create", "ci", "--copy")
    assert screen.end() == 0
    assert CREATED.token in screen.shown
    assert "shown once" in screen.shown
    assert f"\x1b]52;c;{b64encode(CREATED.token.encode()).decode()}\x07" in screen.shown
    assert "clipboard" in screen.shown


def test_a_new_secret_says_until_when_the_old_one_is_good(opened: Opener) -> None:
    opened(by_name)
    screen = flock("token", "rotate", "k_1", "--grace", "1h", NO_COLOR="1")
    assert screen.end() == 0
    assert "old key ends  2026-11-21T13:00:00Z" in screen.shown
    piped = in_a_pipe("token", "rotate", "k_1", "--grace", "1h")
    assert piped.stdout.strip() == CREATED.token
    assert "the old key ends 2026-11-21T13:00:00Z" in piped.stderr


def test_the_columns_that_matter_fit_eighty(opened: Opener) -> None:
    opened(by_name)
    for words, names in (("usage", "USER COST"), ("audit", "WHEN OUTCOME"), ("history", "WHEN UNDO")):
        screen = flock(words, COLUMNS="80")
        assert screen.end() == 0
        head = next(line for line in screen.shown.splitlines() if "ACT" in line or "REQUEST" in line)
        assert not [name for name in names.split() if name not in head]


def test_a_terminal_is_not_asked_for_an_engines_key(opened: Opener) -> None:
    door = opened(by_name)
    assert flock("engine", "attach", "http://gpu-box:8000").end() == 0
    assert [getattr(op, "key", None) for op in door.heard] == [""]


def test_a_silent_pipe_is_not_waited_for() -> None:
    there, silent = os.pipe()
    try:
        assert engine.key_from(there, patience=0.05) == ""
        os.write(silent, b" half-a-key\n")
        assert engine.key_from(there, patience=0.05) == "half-a-key"
    finally:
        os.close(there)
        os.close(silent)


def test_a_key_from_a_file_a_device_and_nothing(tmp_path: Path) -> None:
    file = tmp_path / "key.txt"
    file.write_text("k-1\n")
    for path, key in ((file, "k-1"), (Path("/dev/null"), ""), (Path("/dev/zero"), "")):
        with path.open("rb") as stream:
            assert engine.key_from(stream.fileno()) == key
    assert engine.key_from(2**20) == ""


@pytest.mark.parametrize("words", ["two words", "a" * 5000, "naïve"])
def test_what_is_no_key_is_refused(words: str, tmp_path: Path) -> None:
    file = tmp_path / "key.txt"
    file.write_text(words, "utf-8")
    with file.open("rb") as stream, pytest.raises(UsageError, match="no API key"):
        engine.key_from(stream.fileno())
