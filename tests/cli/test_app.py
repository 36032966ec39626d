"""Words in, exit code out: errors in words and as JSON, exact bytes, near misses, and who is asked."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flock import __version__
from flock.cli import app
from flock.contract import codec
from flock.contract.models import RemoveModel
from flock.contract.op import Op, to_argv
from flock.contract.settings import GetConfig
from flock.errors import BY_CODE, ModelNotFound, NotFound
from tests.cli.conftest import Opener
from tests.cli.running import by_name
from tests.cli.values import CASES, LISTEN

Captured = pytest.CaptureFixture[str]


# what `events` gives is a stream, and a check that found something wrong says so by its exit code
ANOTHER_WAY = re.compile("add|refused|^events")
WRONG = ("engine.check", "model.validate-no", "audit.verify-broken", "usage.verify-differs")


@pytest.mark.parametrize(
    "name", sorted(n for n, (op, _) in CASES.items() if op.spec.method and not ANOTHER_WAY.search(n))
)
def test_json_is_exactly_the_body_of_the_answer(
    name: str, opened: Opener, capsysbinary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    op, value = CASES[name]
    (tmp_path / "phrase").write_text("correct horse battery")
    monkeypatch.setenv("FLOCK_PASSPHRASE_FILE", str(tmp_path / "phrase"))  # nobody is there to be asked for one
    body = codec.dumps(value).replace(b'": ', b'":  ')
    opened(lambda heard: body if type(heard) is type(op) else by_name(heard))
    yes = ["--yes"] if op.spec.risk == "remove" else []
    assert app.main([*to_argv(op), *yes, "--json"]) == (1 if name in WRONG else 0)
    assert capsysbinary.readouterr().out == body + b"\n"


def test_the_door_hears_the_operation_that_was_typed(opened: Opener) -> None:
    door = opened(by_name)
    assert app.main(["token", "revoke", "k/1:x y?#%", "-q"]) == 0
    assert app.main(["usage", "--user=ada b&c", "--limit", "3"]) == 0
    assert [to_argv(op) for op in door.heard] == [
        ["token", "revoke", "k/1:x y?#%"],
        ["usage", "--limit=3", "--user=ada b&c"],
    ]


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_error_of_the_daemon_keeps_its_class_words_and_exit_code(
    code: str, opened: Opener, capsys: Captured
) -> None:
    error = BY_CODE[code]("it is so", hint="flock doctor", details={"nearest": ["a"]})

    def refuse(_: Op[Any]) -> Any:
        raise error

    opened(refuse)
    assert app.main(["model", "ls"]) == error.exit_code
    shown, told = capsys.readouterr()
    assert shown == ""
    assert re.fullmatch(r"flock: it is so\nnearest: a\nhint: .* doctor\n", told)
    assert app.main(["model", "ls", "--json"]) == error.exit_code
    shown, told = capsys.readouterr()
    assert shown == ""
    assert json.loads(told) == {"error": error.to_plain()}


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (["modle", "ls"], "there is no 'flock modle'; did you mean model?", "flock model ls"),
        (["model", "lss"], "there is no 'flock model lss'; did you mean ls?", "flock model ls"),
        (["token", "craete", "x"], "there is no 'flock token craete'; did you mean create?", "flock token create x"),
        (["staus"], "there is no 'flock staus'; did you mean status?", "flock status"),
        (["lgos"], "there is no 'flock lgos'; did you mean logs?", "flock logs"),
        (["frobnicate"], "there is no 'flock frobnicate'", "flock --help"),
        (
            ["model", "remove"],
            "'flock model remove' needs ID: the model's id, from `flock model ls`",
            "flock model ls",
        ),
        (["model", "ls", "--jsno"], "'flock model ls' has no option '--jsno'; did you mean --json?", None),
        (["usage", "--limit=x"], "invalid value for '--limit': 'x' is not a whole number", "flock usage --help"),
        (
            ["token", "create", "--json", "a", "--models"],
            "--models of 'flock token create' needs a value",
            "flock token create --help",
        ),
        (["status", "x"], "'flock status' takes no further word, and there is 'x'", "flock status --help"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest(
    words: list[str], sentence: str, hint: str | None, capsys: Captured
) -> None:
    assert app.main([*words, *([] if "--json" in words else ["--json"])]) == 2
    shown, told = capsys.readouterr()
    error = json.loads(told)["error"]
    assert shown == ""
    assert error["code"] == "usage_error"
    assert error["message"] == sentence
    # --json stands behind what the hint repeats
    assert hint is None or error["hint"].removesuffix(" --json") == hint


def test_an_option_without_its_value(capsys: Captured) -> None:
    assert app.main(["token", "create", "a", "--models"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"flock: --models of 'flock token create' needs a value\nhint: .* token create --help\n", told)


def test_a_noun_alone_names_its_verbs(capsys: Captured) -> None:
    assert app.main(["vendor"]) == 2
    told = capsys.readouterr().err
    verbs = "ls, show, test, models, add or remove"
    assert re.fullmatch(rf"flock: 'flock vendor' needs one more word: {verbs}\nhint: .* vendor --help\n", told)


def test_no_daemon_is_exit_code_3_and_names_up(capsys: Captured) -> None:
    assert app.main(["model", "ls"]) == 3
    told = capsys.readouterr().err
    assert told.startswith("flock: flock is not running\nhint: ")
    assert told.endswith(" up\n")


def test_a_printed_command_has_the_name_that_leads_here(tmp_path: Path, capsys: Captured, monkeypatch: Any) -> None:
    script = tmp_path / "flockctl"
    script.write_text("#!/usr/bin/python3\nfrom flock.__main__ import main\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert app.main(["status"]) == 3
    assert capsys.readouterr().err.endswith("hint: flockctl up\n")


def test_flock_alone_says_what_runs_and_what_comes_next(opened: Opener, capsys: Captured) -> None:
    assert app.main([]) == 0
    assert "flock is not running" in capsys.readouterr().out
    opened(by_name)
    assert app.main([]) == 0
    shown = capsys.readouterr().out
    assert "http://127.0.0.1:8080/v1" in shown
    assert "token create NAME" in shown


def test_help_is_a_word_too(capsys: Captured) -> None:
    for words in (["help"], ["help", "model"], ["help", "model", "ls"]):
        assert app.main(words) == 0
        by_word = capsys.readouterr().out
        assert app.main([*words[1:], "--help"]) == 0
        assert capsys.readouterr().out == by_word


def test_version(capsys: Captured) -> None:
    assert app.main(["--version"]) == 0
    assert capsys.readouterr().out == f"flock {__version__}\n"


def test_another_version_of_the_daemon_is_said_so(opened: Opener, capsys: Captured) -> None:
    opened(by_name, version="9.9.9")
    assert app.main(["model", "ls", "--json"]) == 0
    shown, told = capsys.readouterr()
    json.loads(shown)
    assert "the daemon is flock 9.9.9" in told


def test_empty_lists(opened: Opener, capsys: Captured) -> None:
    opened(lambda _: [])
    assert app.main(["model", "ls", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert app.main(["model", "ls"]) == 0
    shown, told = capsys.readouterr()
    assert shown == ""
    assert told == "no model; `flock model search` lists what can be added\n"


# removing


def test_removing_without_a_terminal_needs_yes(opened: Opener, capsys: Captured) -> None:
    door = opened(by_name)
    assert app.main(["model", "remove", "a b", "--json"]) == 6
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "confirmation_required"
    assert error["hint"] == "flock model remove --yes 'a b'"
    assert door.heard == []
    assert app.main(["model", "remove", "a b", "--yes"]) == 0
    assert door.heard == [RemoveModel(id="a b")]


def test_an_unknown_id_is_exit_code_5_with_the_nearest(opened: Opener, capsys: Captured) -> None:
    def refuse(_: Op[Any]) -> Any:
        raise ModelNotFound(
            "no model 'qwn'; the nearest is qwen3-8b", hint="flock model ls", details={"nearest": ["q"]}
        )

    opened(refuse)
    assert app.main(["model", "remove", "qwn", "-y"]) == 5
    assert "the nearest is qwen3-8b" in capsys.readouterr().err


# operations that run without a daemon, or either way


def test_an_operation_of_either_kind_asks_the_daemon_when_there_is_one(opened: Opener, capsys: Captured) -> None:
    door = opened(lambda _: LISTEN)
    assert app.main(["config", "get", "listen"]) == 0
    assert door.heard == [GetConfig(key="listen")]
    assert capsys.readouterr().out == "127.0.0.1:8080\n"


def test_an_operation_of_either_kind_works_without_a_daemon(capsys: Captured) -> None:
    assert app.main(["config", "get", "listen", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["key"] == "listen"


def test_an_error_of_the_daemon_is_no_reason_to_go_local(opened: Opener) -> None:
    def refuse(_: Op[Any]) -> Any:
        raise NotFound("no such key")

    opened(refuse)
    assert app.main(["config", "get", "listen"]) == 5
