"""Words in, exit code out: errors in words and as JSON, exact bytes, the verbs that do more than show one answer."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flock import __version__
from flock.cli import app, out
from flock.cli.call import Answer
from flock.contract import codec
from flock.contract.engines import AttachEngine
from flock.contract.jobs import ShowJob
from flock.contract.models import AddModel, ListModels, RemoveModel
from flock.contract.op import Op, to_argv
from flock.contract.settings import GetConfig
from flock.errors import BY_CODE, DaemonUnreachable, ModelNotFound, NotFound
from flock.paths import find_home
from tests.cli.conftest import Opener
from tests.cli.values import ADOPTED, CASES, CREATED, DONE, FAILED, LISTEN, QWEN, RUNNING

ROOT = Path(__file__).resolve().parents[2]
Captured = pytest.CaptureFixture[str]


def by_name(op: Op[Any]) -> Any:
    return CASES[op.spec.name][1]


def flock(*words: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flock", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", sorted(n for n, (op, _) in CASES.items() if op.spec.method and "add" not in n))
def test_json_is_exactly_the_body_of_the_answer(name: str, opened: Opener, capsysbinary: Any) -> None:
    op, value = CASES[name]
    body = codec.dumps(value).replace(b'": ', b'":  ')
    opened(lambda heard: body if type(heard) is type(op) else by_name(heard))
    yes = ["--yes"] if op.spec.risk == "remove" else []
    assert app.main([*to_argv(op), *yes, "--json"]) == 0
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
    assert re.fullmatch(r"flock: it is so\nhint: .* doctor\n", told)
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
        (["usage", "--limit=x"], "invalid value for '--limit': 'x' is not a valid int", "flock usage --help"),
        (["status", "x"], "got unexpected extra argument(s) (x)", "flock status --help"),
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


def test_a_noun_alone_names_its_verbs(capsys: Captured) -> None:
    assert app.main(["model"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"flock: 'flock model' needs one more word: ls, add or remove\nhint: .* model --help\n", told)


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
    assert told == "no model; `flock model add file:PATH.gguf`\n"


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


# token create


def test_a_pipe_gets_the_key_alone(opened: Opener, capsys: Captured) -> None:
    opened(by_name)
    assert app.main(["token", "create", "ci"]) == 0
    shown, told = capsys.readouterr()
    assert shown == f"{CREATED.token}\n"
    assert "shown once" in told
    assert CREATED.token not in told


def test_copy_without_a_terminal_creates_nothing(opened: Opener, capsys: Captured) -> None:
    door = opened(by_name)
    assert app.main(["token", "create", "ci", "--copy"]) == 2
    assert door.heard == []
    assert "--copy needs a terminal" in capsys.readouterr().err


# engine attach


def test_the_key_comes_from_the_environment(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    door = opened(lambda _: ADOPTED)
    monkeypatch.setenv("FLOCK_ENGINE_KEY", "from-environment\n")
    assert app.main(["engine", "attach", "http://gpu-box:8000"]) == 0
    assert door.heard == [AttachEngine(url="http://gpu-box:8000", key="from-environment")]


def test_the_key_comes_from_a_pipe(opened: Opener) -> None:
    door = opened(lambda _: ADOPTED)
    assert flock("engine", "attach", "http://gpu-box:8000", "--name", "vllm", stdin="from-pipe\n").returncode == 0
    assert flock("engine", "attach", "http://gpu-box:8000", stdin="").returncode == 0
    assert flock("engine", "attach", "http://gpu-box:8000").returncode == 0
    url = "http://gpu-box:8000"
    assert door.heard == [
        AttachEngine(url=url, name="vllm", key="from-pipe"),
        AttachEngine(url=url),
        AttachEngine(url=url),
    ]


# model add


def watched(*states: Any) -> Callable[[Op[Any]], Any]:
    """Answer with one state after the other."""
    left = list(states)
    return lambda _: left.pop(0)


def test_adding_a_model_follows_its_job(opened: Opener, capsys: Captured, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    door = opened(watched(RUNNING, RUNNING, DONE))
    assert app.main(["model", "add", "file:./a.gguf", "--name", "a"]) == 0
    assert door.heard == [
        AddModel(source=f"file:{tmp_path}/a.gguf", name="a"),
        ShowJob(id=RUNNING.id, after=RUNNING.revision, wait_seconds=10.0),
        ShowJob(id=RUNNING.id, after=RUNNING.revision, wait_seconds=10.0),
    ]
    assert capsys.readouterr().out == "qwen3-8b is ready\n"


def test_adding_a_model_with_json_prints_each_state(opened: Opener, capsys: Captured) -> None:
    opened(watched(RUNNING, DONE))
    assert app.main(["model", "add", "file:/a.gguf", "--json"]) == 0
    assert [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()] == ["running", "done"]


def test_a_failed_job_is_exit_code_1_with_its_words(opened: Opener, capsys: Captured) -> None:
    opened(watched(RUNNING, FAILED))
    assert app.main(["model", "add", "file:/a.gguf"]) == 1
    told = capsys.readouterr().err
    assert f"flock: {FAILED.error}\n" in told
    assert told.endswith("model add file:SMALLER.gguf\n")


def test_ctrl_c_leaves_the_job_alone_and_says_how_to_follow(capsys: Captured) -> None:
    def perform(op: Op[Any], yes: bool) -> Answer:
        if isinstance(op, ShowJob):
            raise KeyboardInterrupt
        return Answer(RUNNING, codec.dumps(RUNNING))

    assert app.main(["model", "add", "file:/a.gguf"], perform) == 130
    shown, told = capsys.readouterr()
    assert shown == ""
    assert told.endswith(f" job show {RUNNING.id}\n")


# down, doctor, logs


def test_down_without_a_daemon_is_no_failure(capsys: Captured) -> None:
    assert app.main(["down"]) == 0
    assert capsys.readouterr().out == "flock is not running\n"
    assert app.main(["down", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"running": False, "pid": None, "seconds": 0.0}


def test_down_waits_for_the_process_to_be_gone(opened: Opener, capsys: Captured) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as daemon:
        from flock.contract.lifecycle import Stopped

        def stop(_: Op[Any]) -> Any:
            assert daemon.stdin is not None
            daemon.stdin.close()
            return Stopped(True, daemon.pid, 0.1)

        opened(stop)
        assert app.main(["down"]) == 0
        # its end has been seen before its parent asked for it
        assert daemon.poll() is not None
    assert "flock has stopped" in capsys.readouterr().out


def test_down_takes_a_hang_up_of_a_daemon_that_is_gone_for_its_end(capsys: Captured, home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as daemon:
        lock = find_home().lock
        lock.parent.mkdir(parents=True)
        lock.write_text(f"{daemon.pid}\n")

        def perform(op: Op[Any], yes: bool) -> Answer:
            daemon.kill()
            raise DaemonUnreachable("it hung up", details={"state": "broken"})

        assert app.main(["down", "--json"], perform) == 0
        assert json.loads(capsys.readouterr().out) == {"running": True, "pid": daemon.pid, "seconds": 0.0}


def test_a_silent_daemon_is_not_called_stopped() -> None:
    def perform(op: Op[Any], yes: bool) -> Answer:
        raise DaemonUnreachable("it is silent", details={"state": "silent"})

    assert app.main(["down"], perform) == 3


def test_a_serious_finding_is_exit_code_1() -> None:
    def perform(op: Op[Any], yes: bool) -> Answer:
        value = CASES["daemon.doctor"][1]
        return Answer(value, codec.dumps(value))

    assert app.main(["doctor"], perform) == 1


def test_logs_follow_until_interrupted(home: Path) -> None:
    log = home / "logs" / "flock.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\n")
    follower = subprocess.Popen(
        [sys.executable, "-m", "flock", "logs", "-f", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert follower.stderr is not None
    with follower:
        assert [json.loads(follower.stdout.readline())["text"] for _ in range(2)] == ["one", "two"]
        with log.open("a") as more:
            more.write("three\n")
        assert json.loads(follower.stdout.readline()) == {"text": "three"}
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 130
        assert follower.stderr.read() == ""


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
    assert not [m for m in ours if m.startswith(("flock.local", "flock.daemon", "flock.core", "flock.cli.show."))]
    assert [m for m in ours if m.startswith("flock.contract.")] == [
        "flock.contract.codec",
        "flock.contract.jobs",
        "flock.contract.models",
        "flock.contract.op",
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
