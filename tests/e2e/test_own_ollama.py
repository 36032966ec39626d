"""An Ollama that flock starts itself, or finds at Ollama's own port: once, when needed, and again when it ends."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.adding import begun, killed, names
from tests.e2e.parts import Told, ask, body
from tests.fakes.ollama_process import fake_ollama
from tests.fakes.ollama_program import OllamaProgram
from tests.running import PATIENCE, Flock, flock_home, wait_for

MESSAGES = "/v1/messages"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[OllamaProgram]:
    program = OllamaProgram(tmp_path / "bin")
    yield program
    left = program.running()
    for process in left:
        process.kill()
    assert left == [], "an Ollama was left behind"


@pytest.fixture
def flock(program: OllamaProgram) -> Iterator[Flock]:
    with flock_home(FLOCK_ENGINE="embedded", FLOCK_OLLAMA_PATH=str(program.path)) as flock:
        flock.ok("config", "set", "engine.probe_seconds", "0.5")
        flock.ok("up")
        yield flock


def row(flock: Flock) -> dict[str, Any]:
    """Return the Ollama of `flock engine ls`, {} for none."""
    return next((row for row in flock.json("engine", "ls") if row["kind"] == "ollama"), {})


def said(flock: Flock, model: str = "small-1b") -> Told:
    return ask(flock.port, flock.key, body(model))


def only(program: OllamaProgram) -> psutil.Process:
    (process,) = program.running()
    return process


def test_two_additions_start_one_which_serves_and_ends_with_the_daemon(program: OllamaProgram, flock: Flock) -> None:
    assert row(flock) == {}
    planned = flock.json("model", "add", "ollama:small:1b", "--dry-run")
    assert planned["plan"]["engine"] == "ollama"
    assert "not installed" not in " ".join(planned["plan"]["warnings"])
    assert program.starts == [], "a plan starts nothing"
    with begun(flock, "add", "ollama:small:1b") as first, begun(flock, "add", "ollama:pulled") as second:
        for adding in (first, second):
            _, told = adding.communicate(timeout=PATIENCE)
            assert adding.returncode == 0, told
    (start,) = program.starts
    assert start["OLLAMA_KEEP_ALIVE"] == "300s"
    found = row(flock)
    assert (found["name"], found["ownership"], found["state"], found["source"]) == ("ollama", "own", "ready", "flock")
    assert found["endpoint"].endswith(start["OLLAMA_HOST"])
    assert found["pid"] == only(program).pid
    assert {"small:1b", "pulled:latest"} <= set(found["models"])
    assert {"small-1b", "pulled"} <= set(names(flock))
    assert said(flock).status == 200
    told = ask(flock.port, flock.key, {**body("pulled"), "max_tokens": 20}, MESSAGES)
    assert told.json["content"][0]["type"] == "text", told.body
    assert "PORT" in flock.ok("engine", "logs", "ollama")
    assert flock.json("engine", "check", "ollama")[0]["state"] == "ok"
    flock.ok("model", "unload", "small-1b")
    assert next(model for model in flock.json("model", "ls") if model["id"] == "small-1b")["context"] is None
    assert "flock's own engine" in flock.run("engine", "detach", "ollama").stderr
    before = found["pid"]
    flock.ok("engine", "restart", "ollama")
    assert only(program).pid != before
    assert said(flock).status == 200
    flock.ok("down")
    assert program.running() == []
    flock.ok("up")
    assert said(flock).status == 200
    assert "Ollama has deleted small:1b" in flock.ok("model", "remove", "small-1b", "--yes")


def test_killed_under_a_request_hung_and_left_by_its_daemon(program: OllamaProgram, flock: Flock) -> None:
    flock.ok("model", "add", "ollama:small:1b")
    process = only(program)
    process.kill()
    assert said(flock).status == 200, "the request that found it dead waits for the next one"
    assert only(program).pid != process.pid
    hung = only(program)
    hung.send_signal(signal.SIGSTOP)
    wait_for(lambda: [p for p in program.running() if p.pid != hung.pid], "another one runs in place of the hung one")
    assert said(flock).status == 200
    assert row(flock)["restarts"] == 2
    kept = only(program)
    killed(flock)
    assert said(flock).status == 200
    assert only(program).pid == kept.pid, "the next daemon goes on with it"
    assert row(flock)["ownership"] == "own"


def test_what_ends_at_once_is_told_with_its_words_and_tried_again(program: OllamaProgram, flock: Flock) -> None:
    program.break_(broken=True)
    done = flock.run("model", "add", "ollama:small:1b")
    assert done.returncode != 0
    assert "the disk of models is made of cheese" in done.stderr
    assert "small-1b" not in names(flock)
    assert row(flock)["state"] in ("failed", "starting")
    program.break_(broken=False)
    flock.ok("engine", "restart", "ollama")
    flock.ok("model", "add", "ollama:small:1b")
    flock.ok("down")
    program.break_(broken=True)
    flock.ok("up")
    assert "cheese" in said(flock).error["message"]
    program.break_(broken=False)
    flock.ok("engine", "restart", "ollama")
    assert said(flock).status == 200


def test_one_that_has_gone_says_so_to_requests_and_is_started_once_it_is_back(
    program: OllamaProgram, flock: Flock
) -> None:
    flock.ok("model", "add", "ollama:small:1b")
    flock.ok("down")
    aside = program.path.rename(program.path.with_name("elsewhere"))
    flock.ok("up")
    told = said(flock)
    assert told.status >= 500
    assert "ollama" in told.error["message"].lower()
    assert told.error["hint"]
    aside.rename(program.path)
    flock.ok("model", "load", "small-1b")
    assert said(flock).status == 200


def test_one_without_its_runner_names_the_cask(flock: Flock) -> None:
    done = flock.run("model", "add", "ollama:runnerless:1b")
    assert "installed without its llama-server" in done.stderr
    assert "brew install --cask ollama" in done.stderr
    flock.ok("model", "add", "ollama:runnerless:1b", "--no-load")
    told = said(flock, "runnerless-1b")
    assert told.status == 502
    assert "--cask" in told.error["hint"]
    assert "--cask" in row(flock)["error"]
    flock.ok("model", "add", "ollama:small:1b")
    wait_for(lambda: not row(flock)["error"], "it is seen to load models")


def test_one_at_its_own_port_is_adopted_and_none_is_started(program: OllamaProgram) -> None:
    with fake_ollama() as port:
        where = {"OLLAMA_HOST": f"0.0.0.0:{port}", "FLOCK_OLLAMA_PATH": str(program.path)}
        with flock_home(FLOCK_ENGINE="embedded", **where) as flock:
            flock.ok("up")
            found = row(flock)
            assert (found["ownership"], found["source"]) == ("adopted", "Ollama's own port")
            assert found["endpoint"] == f"http://127.0.0.1:{port}"
            flock.ok("model", "add", "ollama:small:1b")
            assert said(flock).status == 200
            assert "would be found again" in flock.run("engine", "detach", "ollama").stderr
            assert flock.ok("logs").count("and is adopted") == 1
    assert program.starts == []


def test_one_on_another_machine_is_only_adopted_when_it_is_named() -> None:
    with flock_home(FLOCK_ENGINE="embedded", OLLAMA_HOST="gpu-box:11434") as flock:
        flock.ok("up")
        assert row(flock) == {}
        done = flock.run("model", "add", "ollama:small:1b")
        assert "flock engine install ollama" in done.stderr
