"""Engines of a running daemon: killed with the daemon gone, hung under requests, given up, looked at, restarted."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from tests.e2e.parts import ask, body, environment, many, settings, slots
from tests.running import Flock, flock_home, wait_for

KINDS = ["embedded", pytest.param("llamacpp", marks=pytest.mark.engine("llama-server"))]


@pytest.fixture(scope="module", params=KINDS)
def flock(request: pytest.FixtureRequest, models: dict[str, Path]) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        settings(flock, f"engine:\n  preferred: {request.param}\n  probe_seconds: 1\n")
        flock.ok("up")
        flock.ok("model", "add", f"file:{models['tiny-script']}", "--name", "tiny")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def row(flock: Flock) -> dict[str, Any]:
    """Return the row of the one engine."""
    (found,) = [e for e in flock.json("engine", "ls") if e["models"] == ["tiny"]]
    return found


def gone(process: psutil.Process) -> bool:
    """Say whether a process has ended; where nobody collects the orphaned it stays a zombie."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Reader:
    """Reads lines as they come, in a thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.lines: list[bytes] = []
        threading.Thread(target=lambda: self.lines.extend(stream), daemon=True).start()


def ready(flock: Flock) -> dict[str, Any]:
    """Return the row of the engine once it is ready; it is loaded when it is not."""
    assert ask(flock.port, flock.key, body("tiny")).status == 200
    return row(flock)


def test_requests_under_which_an_engine_hangs_are_answered_by_the_next_one(flock: Flock) -> None:
    before = ready(flock)
    with many(8, flock.port, flock.key) as clients:
        psutil.Process(before["pid"]).send_signal(signal.SIGSTOP)
        for number, client in enumerate(clients):
            client.send(body("tiny", stream=number % 2 == 0))
        answers = [client.tell() for client in clients]
    assert [(told.status, told.error) for told in answers] == [(200, {})] * 8
    after = row(flock)
    assert after["state"] == "ready"
    assert after["restarts"] == before["restarts"] + 1
    assert after["pid"] != before["pid"]
    assert "hung: no token in 2 s, 3 times" in (flock.home / "logs/flock.log").read_text()


def test_one_engine_is_shown_checked_and_read(flock: Flock) -> None:
    name = ready(flock)["name"]
    shown = flock.json("engine", "show", name)
    assert (shown["state"], shown["ownership"]) == ("ready", "own")
    assert shown["memory_bytes"] is None or shown["memory_bytes"] > 10_000_000
    assert str(shown["pid"]) in flock.ok("engine", "show", name)
    assert "model" in Path(shown["log_file"]).read_text()
    assert slots(flock, "tiny").key not in shown["command"]
    (checked,) = flock.json("engine", "check", name)
    assert (checked["state"], checked["sentence"]) == ("ok", "it generates")
    assert any(check["name"] == name for check in flock.json("engine", "check"))
    lines = flock.ok("engine", "logs", name, "--lines", "5").splitlines()
    assert len(lines) == 5
    assert flock.ok("engine", "logs", name, "--grep", "FLOCK STARTS", "--lines", "1").startswith("--- flock starts")
    missing = flock.run("engine", "show", name[:-1])
    assert (missing.returncode, name in missing.stderr) == (5, True)


def test_a_restart_gives_another_process_and_keeps_what_was_said(flock: Flock) -> None:
    before = ready(flock)
    name = before["name"]
    said = len(flock.ok("engine", "logs", name, "--lines", "2000", "--grep", "flock starts").splitlines())
    after = flock.json("engine", "restart", name)
    assert (after["state"], after["restarts"]) == ("ready", before["restarts"])
    assert after["pid"] != before["pid"]
    assert not psutil.pid_exists(before["pid"])
    starts = flock.ok("engine", "logs", name, "--lines", "2000", "--grep", "flock starts").splitlines()
    assert len(starts) == said + 1
    assert ask(flock.port, flock.key, body("tiny")).status == 200


def test_a_log_is_followed_until_ctrl_c(flock: Flock) -> None:
    name = ready(flock)["name"]
    argv = [sys.executable, "-P", "-m", "flock", "engine", "logs", name, "-f", "--lines", "0", "--json"]
    with subprocess.Popen(argv, env=flock.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as following:
        assert following.stdout is not None
        reader = Reader(following.stdout)

        def heard() -> bool:
            assert ask(flock.port, flock.key, body("tiny")).status == 200
            return bool(reader.lines)

        wait_for(heard, "a line came")
        assert json.loads(reader.lines[0])["text"]
        following.send_signal(signal.SIGINT)
        assert following.wait() == 130
        assert b"Traceback" not in following.stderr.read() if following.stderr else True


@pytest.mark.engine("llama-server")
def test_a_killed_daemons_llama_server_serves_the_next_one(models: dict[str, Path]) -> None:
    with flock_home(**environment()) as flock:
        settings(flock, "engine:\n  preferred: llamacpp\n")
        flock.ok("up")
        flock.ok("model", "add", f"file:{models['tiny-script']}", "--name", "tiny")
        before = row(flock)
        key = slots(flock, "tiny").key
        daemon, engine = psutil.Process(flock.pid), psutil.Process(before["pid"])
        os.kill(daemon.pid, signal.SIGKILL)
        wait_for(lambda: gone(daemon), "the daemon is dead")
        assert not gone(engine)
        flock.ok("up")
        after = row(flock)
        assert (after["state"], after["pid"]) == ("ready", before["pid"])
        assert ask(flock.port, flock.key, body("tiny")).status == 200
        assert row(flock)["pid"] == before["pid"]
        for path in flock.home.rglob("*"):
            assert not path.is_file() or key.encode() not in path.read_bytes(), path
        flock.ok("down", "--grace", "0")
        assert gone(engine)
        assert not flock.processes()
