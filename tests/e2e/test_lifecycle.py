"""Starting and stopping: one daemon a home, whatever was there before, and nothing of it left afterwards."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.e2e.machine import CHECKOUT, as_printed, bystander, copy_of_flock, end, foreground, fresh, gone, up
from tests.e2e.parts import ask, body, call, children, serves
from tests.running import Flock, fake_upstream, wait_for


def test_a_second_up_finds_the_first_and_says_where_the_key_is() -> None:
    with fresh() as flock:
        first = flock.ok("up")
        assert flock.key in first
        pid = flock.pid
        second = flock.ok("up")
        assert "flock was up already" in second
        assert flock.pid == pid
        assert str(flock.home / "admin.key") in second
        assert flock.key not in second
        assert "flock token create" in second


def test_a_second_up_with_the_key_lost_gives_the_line_that_makes_another() -> None:
    with up() as flock:
        lost = flock.key
        (flock.home / "admin.key").unlink()
        (line,) = [x for x in flock.json("up")["next_steps"] if "--admin" in x]
        assert line in flock.ok("up")
        done = as_printed(flock, line)
        assert done.returncode == 0, done.stderr
        assert (flock.home / "admin.key").stat().st_mode & 0o777 == 0o600
        assert flock.key != lost
        assert call(flock.port, "GET", "/admin/v1/status", flock.key).status == 200
        assert not any("--admin" in x for x in flock.json("up")["next_steps"])


@pytest.mark.parametrize("count", [2, 5])
def test_many_at_once_start_one_daemon(count: int) -> None:
    with fresh() as flock:
        with ThreadPoolExecutor(count) as pool:
            cards = list(pool.map(lambda _: flock.json("up"), range(count)))
        assert len({card["status"]["pid"] for card in cards}) == 1
        assert sorted(card["action"] for card in cards) == [*["running"] * (count - 1), "started"]
        assert [c["admin_key"] for c in cards if c["admin_key"]] == [flock.key]


def test_up_in_the_foreground_beside_a_daemon_says_that_one_runs() -> None:
    with up() as flock:
        done = flock.run("up", "--foreground")
        assert (done.returncode, f"pid {flock.pid}" in done.stderr) == (1, True), done.stderr
        assert serves(flock)


def test_down_twice() -> None:
    with up() as flock:
        family = [psutil.Process(flock.pid), *children(flock)]
        assert "has stopped" in flock.ok("down")
        assert all(gone(process) for process in family)
        assert not (flock.home / "run/flock.sock").exists()
        assert "flock is not running" in flock.ok("down")
        assert flock.json("down")["running"] is False


def test_up_after_the_daemon_was_killed() -> None:
    with up() as flock, bystander() as other, contextlib.ExitStack() as stack:
        # its engine must be there, so that it can be left behind
        family = wait_for(lambda: children(flock), "an engine runs")
        left = family[0]
        # a pid the daemon once had, which is somebody else's by now
        recorded = json.loads((flock.home / "run/children.json").read_text())
        recorded["0" * 32] = {
            "name": "engine of a former life",
            "argv_hash": "",
            "port": 1,
            "pid": other.pid,
            "create_time": other.create_time() - 3600,
        }
        left.suspend()  # an engine that would notice and go by itself is no test
        stack.callback(end, left)
        killed = psutil.Process(flock.pid)
        killed.kill()
        wait_for(lambda: gone(killed), "the daemon is dead")
        (flock.home / "run/children.json").write_text(json.dumps(recorded))
        assert (flock.home / "run/flock.sock").exists()
        status = flock.run("status")
        assert (status.returncode, "hint: flock up" in status.stderr) == (3, True), status.stderr
        card = flock.json("up")
        assert card["action"] == "started"
        assert card["status"]["pid"] != killed.pid
        wait_for(lambda: gone(left), "the engine left behind was ended")
        assert str(other.pid) not in (flock.home / "run/children.json").read_text()
        assert "which an earlier daemon left running" in flock.ok("logs")
        assert ask(flock.port, flock.key, body("flock-smoke")).status == 200


def test_a_lock_file_that_names_somebody_elses_process() -> None:
    """After a reboot the number in it may be anybody's."""
    with fresh() as flock, bystander() as other:
        (flock.home / "run").mkdir(parents=True)
        (flock.home / "run/daemon.lock").write_text(f"{other.pid}\n")
        assert "not running" in flock.run("status").stderr
        assert "not running" in flock.ok("down")
        assert flock.json("up")["action"] == "started"


def test_a_daemon_of_another_version_ends_its_requests_and_is_replaced() -> None:
    with fresh() as flock, fake_upstream() as upstream:
        older = copy_of_flock(flock.home.parent, "0.0.1")
        now = dict(flock.environment)
        flock.environment["PYTHONPATH"] = str(older)
        assert "0.0.1" in flock.ok("up")
        flock.environment = now
        assert "the daemon is flock 0.0.1" in flock.run("status").stderr
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}")
        answers = []
        asked = threading.Thread(target=lambda: answers.append(ask(flock.port, flock.key, body("waits", stream=True))))
        asked.start()
        wait_for(lambda: call(upstream, "GET", "/seen").json["requests"], "the request has arrived")
        with foreground(flock, sys.executable, "-P", "-m", "flock", "up") as restart:
            wait_for(lambda: call(flock.port, "GET", "/readyz").json.get("status") == "draining", "it drains")
            assert call(upstream, "GET", "/go").status == 200
            said, _ = restart.communicate()
            asked.join()
            assert restart.returncode == 0, said
        assert "flock was restarted and is up" in said
        assert "0.0.1" in said
        assert (answers[0].status, answers[0].done) == (200, True)
        assert flock.json("version")["daemon"] == flock.json("version")["version"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_down(number: signal.Signals) -> None:
    with fresh() as flock, fake_upstream() as upstream, foreground(flock) as daemon:
        assert daemon.stdout is not None
        said = [wait_for(daemon.stdout.readline, "a first word")]
        while "serves at" not in said[-1]:
            said.append(wait_for(daemon.stdout.readline, f"it serves: {said}"))
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}")
        family = wait_for(lambda: children(flock), "an engine runs")
        answers = []
        asked = threading.Thread(target=lambda: answers.append(ask(flock.port, flock.key, body("waits", stream=True))))
        asked.start()
        wait_for(lambda: call(upstream, "GET", "/seen").json["requests"], "the request has arrived")
        daemon.send_signal(number)
        wait_for(lambda: call(flock.port, "GET", "/readyz").json.get("status") == "draining", "it drains")
        call(upstream, "GET", "/go")
        rest, _ = daemon.communicate()
        asked.join()
        assert (daemon.returncode, "Traceback" in rest) == (0, False), rest
        assert (answers[0].status, answers[0].done) == (200, True)
        assert all(gone(process) for process in family)
        assert not (flock.home / "run/flock.sock").exists()


def test_errors_of_the_foreground_are_sentences_and_tracebacks_only_on_request() -> None:
    with up() as flock:
        other = Flock(flock.home.parent / "other", flock.port, **CHECKOUT)
        done = other.run("up", "--foreground")
        assert done.returncode == 1
        assert (done.stderr.splitlines()[0]).startswith(f"flock: port {flock.port} is taken by ")
        assert "Traceback" not in done.stderr
        other.environment["FLOCK_DEBUG"] = "1"
        debug = other.run("up", "--foreground")
        assert "Traceback (most recent call last)" in debug.stderr
        assert f"flock: port {flock.port} is taken by " in debug.stderr


def test_the_log_is_rotated_and_followed_through_it() -> None:
    with fresh() as flock:
        logs = flock.home / "logs"
        logs.mkdir(parents=True)
        (logs / "flock.log").write_bytes(b"old\n" * 2_500_001)  # just above what one file may hold
        flock.ok("up")
        old = logs / "flock.log.1"
        wait_for(lambda: old.exists() and "old" not in (logs / "flock.log").read_text(), "the log was rotated")
        files = {os.readlink(f"/proc/{flock.pid}/fd/{n}") for n in (1, 2)}
        assert files == {str(logs / "flock.log")}, "what the interpreter itself says goes to the old file"
        assert (logs / "flock.log").stat().st_mode & 0o777 == 0o600
        with foreground(flock, sys.executable, "-P", "-m", "flock", "logs", "-f", "--lines", "1") as follow:
            assert follow.stdout is not None
            assert follow.stdout.readline()
            with (logs / "flock.log").open("ab") as file:
                file.truncate(10_000_001)
            flock.ok("down")
            line = ""
            while "going down" not in line:
                line = follow.stdout.readline()
                assert line
        assert (logs / "flock.log.2").exists()


def test_the_daemon_survives_the_terminal_it_was_started_in() -> None:
    with fresh() as flock:
        command = [sys.executable, "-P", "-m", "flock", "up"]
        shell = subprocess.Popen(
            [sys.executable, "-c", f"import subprocess; subprocess.run({command!r}); input()"],
            env=flock.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with shell:
            assert shell.stdout is not None
            wait_for(lambda: shell.stdout and "Next:" in shell.stdout.readline(), "the card")
            os.killpg(shell.pid, signal.SIGHUP)
        assert serves(flock)
        assert Path(f"/proc/{flock.pid}/cwd").resolve() == (flock.home / "run").resolve()
