"""What may be said of any command: `--no-input`, which forbids questions, and that no command's own option is taken
away.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from flock.cli import app, ask, preface, tree
from flock.contract.op import Op, ensure_declared, hints, option_name
from tests.cli.conftest import Opener
from tests.cli.running import by_name
from tests.screen import Screen

Captured = pytest.CaptureFixture[str]
TABLE = ensure_declared()
# Each on a terminal, where without it a question would stand
ASKING = [
    (
        ("model", "remove", "qwen3-8b"),
        6,
        "would have to ask “Remove model qwen3-8b?”, and {} forbids it; --yes answers it",
    ),
    (("model", "load"), 2, "'flock model load' needs ID"),
    (("engine", "install"), 2, "'flock engine install' needs KIND"),
    (("model", "preset", "save", "tools"), 2, "needs --model"),
    (("vendor", "add"), 2, "'flock vendor add' needs NAME"),
    (("secret", "lock"), 6, "would have to ask “Passphrase of the secrets:”, and {} forbids it"),
]


def screen(*words: str, **environment: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", *words, **environment)


@pytest.mark.parametrize(("words", "code", "said"), ASKING, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_nothing_is_asked(words: tuple[str, ...], code: int, said: str, opened: Opener) -> None:
    def answer(op: Op[Any]) -> Any:
        found = by_name(op)
        return dataclasses.replace(found, encrypted=False) if op.spec.name == "secret.status" else found

    door = opened(answer)
    for line, environment, who in (
        ((*words, "--no-input"), {}, "--no-input"),
        (("--no-input", *words), {}, "--no-input"),
        (words, {"FLOCK_NO_INPUT": "1"}, "FLOCK_NO_INPUT=1"),
    ):
        shown = screen(*line, **environment, COLUMNS="200")
        assert shown.end() == code, shown.shown
        assert said.format(who) in shown.shown.replace("\r\n", " ")
        assert "hint: " in shown.shown
    assert {op.spec.risk for op in door.heard} <= {"read"}


def test_what_nobody_forbids_is_asked(opened: Opener) -> None:
    opened(by_name)
    for value in ("", "0"):
        shown = screen("model", "remove", "qwen3-8b", FLOCK_NO_INPUT=value)
        shown.until("Remove model qwen3-8b?")
        shown.type("n")
        assert shown.end() == 130


def test_it_holds_for_one_command_line(capsys: Captured) -> None:
    assert app.main(["model", "remove", "x", "--no-input"]) == 6
    assert "--no-input forbids it" in capsys.readouterr().err
    assert app.main(["model", "remove", "x"]) == 6
    assert "there is no terminal" in capsys.readouterr().err
    assert not ask.is_anybody_there()


def test_the_first_start_asks_nothing(home: Path, opened: Opener) -> None:
    """The wizard of `flock up` is a question too."""
    from flock.cli import wizard
    from flock.cli.tree import Given
    from flock.contract.lifecycle import Up
    from flock.paths import find_home
    from tests.cli.values import READY, SMOKE

    smoke = dataclasses.replace(READY, status=dataclasses.replace(READY.status, models=(SMOKE,)))
    preface.heed(preface.read(["up", "--no-input"]))
    assert not wizard.is_due(Up(), Given(), smoke, find_home(), {})
    preface.heed(preface.read(["up"]))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_no_command_loses_an_option_of_its_own(name: str) -> None:
    op = TABLE[name]
    known = hints(op)
    for item in dataclasses.fields(op):  # type: ignore[arg-type]
        option = option_name(item)
        if item.metadata["kind"] == "flag" and option in preface.OPTIONS and known[item.name] is not bool:
            words = [*op.spec.verb, option, "8192"]
            assert preface.read(words).words == words
            assert preface.read([*op.spec.verb, f"{option}=8192"]).host == ""


def test_behind_two_dashes_it_is_somebody_elses() -> None:
    said = preface.read(["connect", "opencode", "--run", "--", "--no-input", "--host", "x"])
    assert (said.words[-3:], said.host, said.no_input) == (["--no-input", "--host", "x"], "", False)


def test_the_help_names_what_any_command_takes(capsys: Captured) -> None:
    assert tree.parse(["--help"]) is None
    shown = capsys.readouterr().out
    assert all(option in shown for option in preface.OPTIONS)
