"""`flock up`: exactly one daemon, whatever stands there before, and an error that says what happened."""

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flock import __version__
from flock.client.presence import is_alive, look
from flock.errors import NotAllowed, StartFailed
from flock.local import last_start
from flock.local.operations import Here
from flock.local.start import start
from flock.paths import private_dir
from tests.unit.local.standing import ROOT, stand_in, starts


def test_the_first_start_shows_the_key_and_the_second_does_not(here: Here) -> None:
    first = start(here, stand_in("first"))
    assert (first.action, first.admin_key) == ("started", "sk-orc-test-key")
    second = start(here, stand_in("first"))
    assert (second.action, second.admin_key) == ("running", None)
    assert second.admin_key_file == str(here.home.admin_key)
    assert len(starts(here)) == 1


def test_the_daemon_is_on_its_own(here: Here) -> None:
    start(here, stand_in("ready"))
    (pid,) = starts(here)
    assert os.getsid(pid) == pid != os.getsid(0)
    assert Path(f"/proc/{pid}/cwd").resolve() == here.home.run.resolve()
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    log = str(here.home.log_file)
    assert os.readlink(f"/proc/{pid}/fd/1") == os.readlink(f"/proc/{pid}/fd/2") == log
    assert stat.S_IMODE(os.stat(log).st_mode) == 0o600
    words = Path(f"/proc/{pid}/status").read_text()
    assert "Umask:\t0077" in words


def test_two_at_once_start_one_daemon_and_both_get_the_card(here: Here) -> None:
    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda _: start(here, stand_in("ready")), range(4)))
    assert len(starts(here)) == 1
    assert sorted(card.action for card in cards) == ["running", "running", "running", "started"]
    assert len({card.status.pid for card in cards}) == 1


def test_an_older_daemon_is_replaced(here: Here) -> None:
    start(here, stand_in("ready"))
    (first,) = starts(here)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    older = start(here, stand_in("ready", "0.0.1"))
    assert (older.action, older.status.version) == ("started", "0.0.1")
    newer = start(here, stand_in("ready"))
    assert (newer.action, newer.status.version) == ("restarted", __version__)
    assert not is_alive(starts(here)[1])


def test_a_crash_leaves_nothing_in_the_way(here: Here) -> None:
    start(here, stand_in("ready"))
    (pid,) = starts(here)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert look(here.home).state == "stale"
    assert start(here, stand_in("ready")).action == "started"


def test_the_daemons_own_error_is_raised_and_kept_for_doctor(here: Here) -> None:
    with pytest.raises(StartFailed, match="port 8080 is taken") as caught:
        start(here, stand_in("error"))
    assert caught.value.hint == "flock config set listen 127.0.0.1:8081"
    kept = last_start.recall(here.home)
    assert kept is not None
    assert kept.error.sentence == "port 8080 is taken"
    start(here, stand_in("ready"))
    assert last_start.recall(here.home) is None


def test_a_daemon_that_dies_is_quoted(here: Here) -> None:
    private_dir(here.home.logs)
    here.home.log_file.write_text("an old line\n")
    with pytest.raises(StartFailed, match="exit code 1") as caught:
        start(here, stand_in("die"))
    assert caught.value.details["log"] == ["line one", "ValueError: the last line"]
    assert "an old line" not in caught.value.sentence


def test_a_daemon_that_says_nothing_is_stopped(here: Here) -> None:
    with pytest.raises(StartFailed, match=r"not ready within 0\.5 s and was stopped"):
        start(here, stand_in("silent"), limit=0.5)
    assert not any(is_alive(pid) for pid in starts(here))


def test_a_program_that_is_not_there(here: Here) -> None:
    with pytest.raises(StartFailed, match="cannot run /nowhere/python"):
        start(here, ["/nowhere/python"])


def test_what_stands_at_the_socket_and_is_no_flock_is_left_alone(here: Here) -> None:
    private_dir(here.home.run)
    code = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True)\n"
    code += "while True: c=s.accept()[0]; c.recv(999); c.sendall(b'220 smtp\\r\\n'); c.close()"
    argv = [sys.executable, "-c", code, str(here.home.socket)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StartFailed):
            start(here, stand_in("ready"))
        assert other.poll() is None
        other.kill()
    assert starts(here) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be in another user's place")
def test_another_users_place_is_refused_before_anything_is_made(here: Here) -> None:
    here.home.config.mkdir()
    os.chown(here.home.config, 65534, 65534)
    with pytest.raises(NotAllowed, match="belongs to user nobody"):
        start(here, stand_in("ready"))
    assert list(here.home.config.iterdir()) == []


def test_the_ready_pipe_is_the_only_descriptor_that_is_inherited(here: Here) -> None:
    start(here, stand_in("ready"))
    (pid,) = starts(here)
    mine = {
        os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")
    }
    theirs = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
    assert not {link for link in mine & theirs if link.startswith(("pipe:", "socket:"))}


def test_the_real_daemon_says_what_is_wrong_with_the_configuration(here: Here) -> None:
    private_dir(here.home.config)
    here.home.config_file.write_text("listne: 127.0.0.1:1\n")
    argv = [sys.executable, "-m", "flock", "up", "--json"]
    done = subprocess.run(argv, cwd=ROOT, env={**here.environ}, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "config_invalid"
    assert "listne" in error["message"]
