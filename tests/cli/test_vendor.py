"""`flock vendor`: where keys come from, the form of a terminal, the exit code of a test; no key on a command line."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from flock.cli import app, vendor
from flock.contract.op import Op
from flock.contract.vendors import AddVendor, CheckVendor, KeyCheck, ListVendors, RemoveVendor
from flock.errors import InvalidRequest, UsageError
from tests.cli.conftest import Opener
from tests.cli.running import by_name, flock
from tests.cli.vendor_values import ANTHROPIC, ASKED, AZURE, GROQ
from tests.screen import Screen

Captured = pytest.CaptureFixture[str]


def on_a_terminal(*words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", *words, **environment)


def known(op: Op[Any]) -> Any:
    """Answer like a daemon that knows three vendors."""
    return [GROQ, ANTHROPIC, AZURE] if isinstance(op, ListVendors) else by_name(op)


# -- keys


def test_a_key_comes_from_the_environment(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    door = opened(by_name)
    monkeypatch.setenv("FLOCK_VENDOR_KEY", " one\n")
    monkeypatch.setenv("FLOCK_VENDOR_KEY_2", "two")
    monkeypatch.setenv("FLOCK_VENDOR_KEY_20", "twenty")
    monkeypatch.setenv("FLOCK_VENDOR_KEY_21", "no")
    assert app.main(["vendor", "add", "groq"]) == 0
    assert door.heard == [AddVendor(name="groq", key="one\ntwo\ntwenty")]


def test_keys_come_from_a_pipe_one_a_line(opened: Opener) -> None:
    door = opened(by_name)
    assert flock("vendor", "add", "groq", "--tag", "fast", stdin="one\n\n two \n").returncode == 0
    assert flock("vendor", "add", "groq", "--no-test", stdin="").returncode == 0
    assert flock("vendor", "add", "groq").returncode == 0
    assert door.heard == [
        AddVendor(name="groq", tag=("fast",), key="one\ntwo"),
        AddVendor(name="groq", test=False),
        AddVendor(name="groq"),
    ]


@pytest.mark.parametrize("words", [b"two words", b"one\ntwo words\n", "naïve".encode(), b"a" * 30_000])
def test_what_are_no_keys_is_refused_and_not_repeated(words: bytes, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(words)
    with file.open("rb") as stream, pytest.raises(UsageError, match="no API keys") as caught:
        vendor.keys_from(stream.fileno())
    assert "words" not in caught.value.sentence.replace("one word of", "")


def test_twenty_long_keys_pass(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("\n".join(f"{number:02}" + "k" * 900 for number in range(20)))
    with file.open("rb") as stream:
        assert len(vendor.keys_from(stream.fileno()).splitlines()) == 20


def test_a_silent_input_is_not_waited_for(opened: Opener) -> None:
    door = opened(by_name)
    there, silent = os.pipe()
    try:
        with os.fdopen(os.dup(there), "rb") as stream:
            assert vendor.keys_from(stream.fileno()) == ""
    finally:
        os.close(there)
        os.close(silent)
    assert door.heard == []


def test_no_option_takes_a_key(capsys: Captured) -> None:
    for option in ("--key", "--key-2", "--api-key"):
        assert app.main(["vendor", "add", "groq", f"{option}=s3cret"]) == 2
    assert "s3cret" not in capsys.readouterr().err


def test_the_daemons_refusal_reaches_the_user(opened: Opener, capsys: Captured) -> None:
    def refuse(_: Op[Any]) -> Any:
        raise InvalidRequest("groq refuses the key (401 from …)", hint="flock vendor add groq --no-test < key.txt")

    opened(refuse)
    assert app.main(["vendor", "add", "groq"]) == 2
    assert "groq refuses the key" in capsys.readouterr().err


# -- without a name


def test_without_a_name_and_a_terminal_nothing_is_asked(opened: Opener) -> None:
    door = opened(by_name)
    done = flock("vendor", "add", stdin="k\n")
    assert done.returncode == 2
    assert "'flock vendor add' needs NAME" in done.stderr
    assert door.heard == []


def test_the_form_asks_shows_the_command_and_hides_the_key(opened: Opener) -> None:
    door = opened(known)
    screen = on_a_terminal("vendor", "add")
    screen.until("Which vendor?")
    screen.type("Groq\r")
    screen.until("API key of groq")
    screen.type("s3cret-key\r")
    assert screen.end() == 0, screen.shown
    assert door.heard == [ListVendors(all=True), AddVendor(name="groq", key="s3cret-key")]
    assert "s3cret" not in screen.shown
    assert "vendor add groq < key.txt" in screen.shown
    assert "groq is on" in screen.shown


def test_the_form_asks_for_a_url_where_nobody_knows_one(opened: Opener) -> None:
    door = opened(known)
    screen = on_a_terminal("vendor", "add", "--deployment=gpt-4o=prod")
    screen.until("Which vendor?")
    screen.type("Azure\r")
    screen.until("Its base URL:")
    screen.type("https://x.openai.azure.com\r")
    screen.until("API key of azure")
    screen.type("k\r")
    assert screen.end() == 0, screen.shown
    expected = AddVendor(name="azure", url="https://x.openai.azure.com", deployment=("gpt-4o=prod",), key="k")
    assert door.heard[1:] == [expected]
    assert "--url=https://x.openai.azure.com --deployment=gpt-4o=prod azure < key.txt" in screen.shown


def test_the_form_takes_any_other_vendor(opened: Opener) -> None:
    door = opened(known)
    screen = on_a_terminal("vendor", "add")
    screen.until("Which vendor?")
    screen.type("speaks Anthropic\r")
    screen.until("What to call it:")
    screen.type("box\r")
    screen.until("Its base URL:")
    screen.type("https://llm.example.com\r")
    screen.until("API key of anthropic-compatible-box")
    screen.type("\r")
    assert screen.end() == 0, screen.shown
    assert door.heard[1:] == [AddVendor(name="anthropic-compatible-box", url="https://llm.example.com")]


def test_leaving_the_form_changes_nothing(opened: Opener) -> None:
    door = opened(known)
    screen = on_a_terminal("vendor", "add")
    screen.until("Which vendor?")
    screen.type("\x03")
    assert screen.end() == 130
    assert door.heard == [ListVendors(all=True)]
    assert "Traceback" not in screen.shown


def test_with_a_name_a_terminal_is_asked_for_the_key_alone(opened: Opener) -> None:
    door = opened(known)
    screen = on_a_terminal("vendor", "add", "groq")
    screen.until("API key of groq")
    screen.type("s3cret-key\r")
    assert screen.end() == 0, screen.shown
    assert door.heard == [AddVendor(name="groq", key="s3cret-key")]
    assert "s3cret" not in screen.shown


def test_removing_asks_on_a_terminal_and_needs_yes_elsewhere(opened: Opener) -> None:
    door = opened(known)
    assert flock("vendor", "remove", "groq").returncode == 6
    assert door.heard == []
    assert flock("vendor", "remove", "groq", "--yes").returncode == 0
    assert door.heard == [RemoveVendor(name="groq")]


# -- test


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["ok"], 0),
        (["ok", "unknown"], 0),
        (["ok", "refused"], 1),
        (["unreachable"], 1),
        (["failed"], 1),
    ],
)
def test_the_exit_code_of_a_test_is_its_answer(
    outcomes: list[str], code: int, opened: Opener, capsys: Captured
) -> None:
    door = opened(lambda _: [KeyCheck("groq", f"K{i}", ASKED, o, None, None, "") for i, o in enumerate(outcomes)])
    assert app.main(["vendor", "test", "groq"]) == code
    assert door.heard == [CheckVendor(name="groq")]
    assert capsys.readouterr().out.count(ASKED) == len(outcomes)


def test_a_typing_slip_is_answered_with_the_nearest_word(capsys: Captured) -> None:
    assert app.main(["vendor", "modles", "groq"]) == 2
    assert "did you mean models?" in capsys.readouterr().err
    assert app.main(["vendors", "ls"]) == 2
    assert "did you mean vendor?" in capsys.readouterr().err
