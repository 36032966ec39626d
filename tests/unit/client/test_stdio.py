"""Joining two descriptors to a daemon's socket: whole bodies both ways, half-closed ends, and nobody there."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flock.client.stdio import join
from flock.errors import DaemonUnreachable
from tests.house.tree import ROOT

LARGE = os.urandom(1 << 20) * 3


@contextmanager
def door(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Accept one connection at `path` and let `answer` have it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                answer(accepted)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


@contextmanager
def joined(*places: Path) -> Iterator[tuple[socket.socket, threading.Thread]]:
    """Yield the far end of what is joined, and the thread that joins."""
    near, far = socket.socketpair()

    def carry() -> None:
        with far:
            join(far.fileno(), far.fileno(), places)
            far.shutdown(socket.SHUT_RDWR)  # as the end of a process does; the reading thread holds it open here

    thread = threading.Thread(target=carry)
    thread.start()
    with near:
        yield near, thread
    thread.join()


def test_large_bodies_both_ways_and_a_half_closed_end(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def answer(accepted: socket.socket) -> None:
        # the whole request before a byte of the answer: the end of the other side's input has to come through
        with accepted.makefile("rb") as stream:
            heard.append(stream.read())
        accepted.sendall(LARGE[::-1])

    with door(tmp_path / "s", answer), joined(tmp_path / "s") as (near, _):
        near.sendall(LARGE)
        near.shutdown(socket.SHUT_WR)
        with near.makefile("rb") as stream:
            assert stream.read() == LARGE[::-1]
    assert heard == [LARGE]


def test_it_ends_when_the_daemon_does(tmp_path: Path) -> None:
    with door(tmp_path / "s", lambda accepted: None), joined(tmp_path / "s") as (near, thread):
        thread.join()
        assert near.recv(1) == b""


def test_it_ends_when_the_other_side_does(tmp_path: Path) -> None:
    ended = threading.Event()

    def answer(accepted: socket.socket) -> None:
        accepted.sendall(b"never read")
        assert accepted.recv(1) == b""
        ended.set()

    with door(tmp_path / "s", answer), joined(tmp_path / "s") as (near, _):
        near.close()
    assert ended.is_set()


def test_the_second_place_is_taken_where_nobody_is_at_the_first(tmp_path: Path) -> None:
    with (
        door(tmp_path / "shared", lambda accepted: accepted.sendall(b"here")),
        joined(tmp_path / "own", tmp_path / "shared") as (near, _),
    ):
        assert near.recv(9) == b"here"


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match="flock is not running"):
        join(0, 1, [tmp_path / "own", tmp_path / "shared"])


def test_the_command_tells_the_other_end_by_one_line_of_json(tmp_path: Path) -> None:
    environ = {**os.environ, "FLOCK_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-X", "importtime", "-P", "-m", "flock", "dial-stdio"]
    done = subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    *loaded, said = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (3, "")
    assert json.loads(said)["error"] == {
        "code": "daemon_unreachable",
        "message": "flock is not running",
        "hint": "flock up",
        "details": {"state": "absent"},
    }
    modules = {line.rpartition("|")[2].strip() for line in loaded}
    assert modules & {"typer", "flock.cli", "flock.contract", "subprocess"} == set()
