"""The daemon as a service: what it tells the system's manager, and the door for the group of the machine's service."""

import contextlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.running import PATIENCE, Flock, flock_home

# a group that is not ours and whose number every Linux and macOS leaves free
STRANGERS = 54321


@contextlib.contextmanager
def served(flock: Flock, manager: socket.socket, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a daemon that a manager started, once it has said that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "flock", "up", "--foreground"],
        env={**flock.environment, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert manager.recv(4096).startswith(b"READY=1\nSTATUS=serves at http://127.0.0.1:")
        yield process
    finally:
        process.terminate()
        assert process.stderr is not None
        process.stderr.close()
        process.wait(PATIENCE)


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """Yield the socket a manager listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # Linux gives it an abstract address of its own
        listening.settimeout(PATIENCE)
        yield listening


def address(manager: socket.socket) -> str:
    name = manager.getsockname()
    return "@" + name[1:].decode() if isinstance(name, bytes) else str(name)


@pytest.mark.skipif(sys.platform != "linux", reason="systemd and abstract sockets are Linux's")
def test_ready_alive_and_going_down(manager: socket.socket) -> None:
    with flock_home() as flock:
        told = {"NOTIFY_SOCKET": address(manager), "WATCHDOG_USEC": "200000"}
        with served(flock, manager, **told) as daemon:
            assert {manager.recv(4096) for _ in range(3)} == {b"WATCHDOG=1"}
            # what a manager started writes the log that `flock logs` shows
            assert "serves at" in flock.ok("logs")
            # and no engine inherits the way to the manager
            assert flock.pid == daemon.pid
            # somebody must read meanwhile, as a manager does: its queue is short
            with ThreadPoolExecutor() as aside:
                down = aside.submit(flock.ok, "down")
                words = manager.recv(4096)
                while words == b"WATCHDOG=1":
                    words = manager.recv(4096)
                assert words == b"STOPPING=1\nSTATUS=0 requests are running"
                down.result()
            assert daemon.wait(PATIENCE) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the machine's service is Linux's")
def test_the_door_for_the_group(manager: socket.socket, tmp_path: Path) -> None:
    # not below pytest's own directory, which others may not even pass
    with tempfile.TemporaryDirectory() as place, flock_home() as flock:
        door = Path(place) / "flock.sock"
        with served(flock, manager, NOTIFY_SOCKET=address(manager), FLOCK_SYSTEM_SOCKET=str(door)):
            found = door.stat()
            assert stat.S_IMODE(found.st_mode) == 0o660
            assert found.st_gid == os.getegid()
            assert flock.json("status")["pid"] == flock.pid
            # a user without a flock of their own reaches the machine's
            elsewhere = {**flock.environment, "FLOCK_HOME": str(tmp_path / "own"), "FLOCK_SYSTEM_SOCKET": str(door)}
            done = subprocess.run(
                [sys.executable, "-P", "-m", "flock", "status", "--quiet"],
                env=elsewhere,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            if os.getuid() == 0:
                assert_only_its_group_is_let_in(door, flock)
        assert not door.exists()


def assert_only_its_group_is_let_in(door: Path, flock: Flock) -> None:
    """Ask as another user: within the group by the group's door, else not, and never by the owner's own."""
    door.parent.chmod(0o755)
    owners = flock.home / "run" / "flock.sock"
    for path, group, expected in ((door, os.getegid(), "200"), (door, STRANGERS, "13"), (owners, STRANGERS, "13")):
        assert asked_as_another_user(path, group) == expected


def asked_as_another_user(door: Path, group: int) -> str:
    """Return the status of an admin question asked by user 65534 of that group, or the error's number."""
    script = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "try:\n"
        "    s.connect(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error.errno); sys.exit()\n"
        "s.sendall(b'GET /admin/v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "print(s.recv(4096).split()[1].decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(door), str(group)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout.strip() or done.stderr
