"""The verbs that do more than show one answer: token create, engine attach, model add, down, doctor, logs."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flock.cli import app
from flock.cli.call import Answer
from flock.cli.nouns import PARTS
from flock.contract import codec
from flock.contract.engines import AttachEngine
from flock.contract.jobs import ShowJob
from flock.contract.models import AddModel, ConfigureModel, ScanDirectory
from flock.contract.op import Op, ensure_declared
from flock.errors import DaemonUnreachable
from flock.paths import find_home
from flock.show import job as show_job
from tests.cli.conftest import Opener
from tests.cli.model_values import MODEL_CASES
from tests.cli.running import ROOT, by_name, flock
from tests.cli.token_values import CREATED
from tests.cli.values import ADOPTED, CASES, DONE, FAILED, RUNNING

Captured = pytest.CaptureFixture[str]


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
    assert f" job cancel {RUNNING.id};" in told
    assert told.endswith(f" job show {RUNNING.id}\n")


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("not_found", 5), ("forbidden", 4), ("invalid_request", 2), ("engine_unreachable", 75), ("conflict", 1), ("", 1)],
)
def test_a_failed_job_has_the_exit_code_of_what_went_wrong(
    opened: Opener, capsys: Captured, code: str, exit_code: int
) -> None:
    opened(watched(RUNNING, dataclasses.replace(FAILED, code=code)))
    assert app.main(["model", "add", "qwen3-8b"]) == exit_code
    assert f"flock: {FAILED.error}\n" in capsys.readouterr().err


def test_a_cancelled_job_is_interrupted(opened: Opener) -> None:
    opened(watched(RUNNING, dataclasses.replace(RUNNING, state="cancelled")))
    assert app.main(["model", "add", "qwen3-8b"]) == 130


def test_a_dry_run_shows_the_plan_and_follows_nothing(opened: Opener, capsys: Captured) -> None:
    planned = MODEL_CASES["model.add-dry-run"][1]
    door = opened(lambda _: planned)
    assert app.main(["model", "add", "qwen3-8b", "--dry-run"]) == 0
    assert door.heard == [AddModel(source="qwen3-8b", dry_run=True)]
    shown, told = capsys.readouterr()
    assert "memory\t7.3 GB of 12.0 GB\n" in shown
    assert "not confirmed: cache" in told


def test_what_a_plan_warns_of_is_said_once(opened: Opener, capsys: Captured) -> None:
    fetching = MODEL_CASES["job.show-fetching"][1]
    opened(watched(fetching, fetching, DONE))
    assert app.main(["model", "add", "qwen3-8b"]) == 0
    told = capsys.readouterr().err
    assert told.count("note: not confirmed: cache") == 1
    decided = "qwen3-8b: hf:unsloth/Qwen3-8B-GGUF:Qwen3-8B-Q4_K_M.gguf (5.0 GB) for llamacpp; needs 7.3 GB, 12.0 free"
    assert told.count(decided) == 1


def test_the_line_of_progress_tells_how_far_how_fast_and_how_long() -> None:
    fetching = MODEL_CASES["job.show-fetching"][1]
    line = "qwen3-8b: 50% [########........] 2.5 GB of 5.0 GB 48.3 MB/s 52.0 s left fetching Qwen3-8B-Q4_K_M.gguf"
    assert show_job.under_way(fetching) == line
    assert show_job.under_way(RUNNING) == "qwen3-8b: 40% [######..........] loading"


def test_any_verb_whose_answer_is_a_job_is_followed(opened: Opener) -> None:
    done = dataclasses.replace(DONE, kind="model.load")
    door = opened(watched(dataclasses.replace(RUNNING, kind="model.load"), done))
    assert app.main(["model", "load", "qwen3-8b"]) == 0
    assert len(door.heard) == 2


# model scan, config, validate


def test_paths_are_meant_from_where_the_command_is_typed(opened: Opener, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    door = opened(by_name)
    assert app.main(["model", "scan", "models"]) == 0
    assert app.main(["model", "config", "m", "--template", "./a.jinja", "--draft", "tiny"]) == 0
    assert app.main(["model", "add", "mine", "--from", "mine.yaml", "--dry-run"]) == 0
    assert door.heard == [
        ScanDirectory(directory=f"{tmp_path}/models"),
        ConfigureModel(id="m", template=f"{tmp_path}/a.jinja", draft="tiny"),
        AddModel(source="mine", entry=f"{tmp_path}/mine.yaml", dry_run=True),
    ]


@pytest.mark.parametrize(("name", "code"), [("model.validate", 0), ("model.validate-no", 1)])
def test_a_model_that_cannot_be_loaded_is_exit_code_1(opened: Opener, name: str, code: int) -> None:
    opened(lambda _: MODEL_CASES[name][1])
    assert app.main(["model", "validate", "qwen3-8b"]) == code


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


def test_the_parts_of_a_word_declare_its_verbs() -> None:
    for word, parts in PARTS.items():
        kinds = [kind for kind in ensure_declared().values() if kind.spec.verb[0] == word]
        assert parts == {kind.spec.verb[1]: kind.__module__.rpartition(".")[2] for kind in kinds}


def test_a_copy_lies_where_the_user_stands(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Op[Any]] = []

    def perform(op: Op[Any], yes: bool) -> Answer:
        heard.append(op)
        return Answer(CASES["backup.create"][1], b"")

    monkeypatch.chdir(tmp_path)
    for words in (["--to", "copies"], ["--to", str(tmp_path / "copies")], []):
        assert app.main(["backup", "create", "-q", *words], perform) == 0
    assert [getattr(op, "to", None) for op in heard] == [str(tmp_path / "copies")] * 2 + [""]
