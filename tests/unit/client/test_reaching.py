"""Reaching a daemon over real sockets, and not reaching one."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from flock import __version__
from flock.client.address import Http
from flock.client.blocking import Client
from flock.client.door import Here
from flock.client.presence import is_alive, lock_pid, look
from flock.client.reach import Reach
from flock.client.web import WebDoor
from flock.contract.models import ListModels, RemoveModel
from flock.errors import DaemonUnreachable, InternalError, ModelNotFound
from flock.paths import Home
from tests.cli.door import Door
from tests.cli.values import QWEN


@pytest.fixture
def home(tmp_path: Path) -> Home:
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    return Home(config=tmp_path, data=tmp_path, logs=tmp_path, run=run)


@contextmanager
def raw_server(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Accept one connection, read its request and let `answer` do the rest."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(65536)
            answer(accepted)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        listener.close()


def health(version: str = __version__, pid: int = 4711) -> bytes:
    return json.dumps({"status": "ok", "version": version, "pid": pid}).encode()


def state_of(client: Client) -> str:
    with pytest.raises(DaemonUnreachable) as found:
        client.call(ListModels())
    return str(found.value.details["state"])


def test_a_call_gives_the_answer_its_bytes_and_the_version(home: Home) -> None:
    body = b'[ {"id":"a","state":"ready","engine":"e","source":"s","context":1,"size_bytes":2,"default":true} ]'
    with Door(home.socket, lambda _: body, version="1.2.3") as door:
        client = Client(home.socket)
        assert client.version == ""
        answer, raw = client.call(ListModels())
        assert raw == body
        assert [m.id for m in answer] == ["a"]
        assert client.version == "1.2.3"
        client.call(ListModels())
        assert door.heard == [ListModels(), ListModels()]


def test_a_call_raises_what_the_daemon_raised(home: Home) -> None:
    def refuse(_: object) -> object:
        raise ModelNotFound("no model 'a/b:c'", hint="flock model ls")

    with Door(home.socket, refuse) as door, pytest.raises(ModelNotFound, match="no model 'a/b:c'"):
        Client(home.socket).call(RemoveModel(id="a/b:c"))
    assert door.heard == [RemoveModel(id="a/b:c")]


def test_nobody_there(home: Home) -> None:
    assert state_of(Client(home.socket)) == "absent"
    assert state_of(Client(home.run / "no" / "such" / "flock.sock")) == "absent"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(home.socket))
    assert state_of(Client(home.socket)) == "stale"


def test_somebody_silent(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home.socket))
        silent.listen(1)
        assert state_of(Client(home.socket, timeout=0.05)) == "silent"


def test_somebody_who_hangs_up(home: Home) -> None:
    with raw_server(home.socket, lambda s: None):
        assert state_of(Client(home.socket)) == "broken"


def test_half_an_answer(home: Home) -> None:
    with raw_server(home.socket, lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[{")):
        assert state_of(Client(home.socket)) == "broken"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na\nb\n\r\n"
KNOWN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\nb"


@pytest.mark.parametrize("said", [CHUNKED, CHUNKED[:-2], CHUNKED[:-4], CHUNKED + b"1", CHUNKED + b"5\r\nc", KNOWN])
def test_lines_that_break_off_are_no_shorter_answer(home: Home, said: bytes) -> None:
    with raw_server(home.socket, lambda s: s.sendall(said)), closing(Reach(Here((home.socket,)))) as reach:
        stream = reach.send("GET", "/")
        with pytest.raises(DaemonUnreachable) as found:
            list(stream)
    assert found.value.details == {"state": "broken"}


@pytest.mark.parametrize("end", [CHUNKED + b"0\r\n\r\n", KNOWN + b"\n"])
def test_lines_to_their_end_leave_the_connection_to_the_next(home: Home, end: bytes) -> None:
    def twice(there: socket.socket) -> None:
        there.sendall(end)
        there.recv(65536)
        there.sendall(end)

    with raw_server(home.socket, twice), closing(Reach(Here((home.socket,)))) as reach:
        for _ in range(2):
            assert list(reach.send("GET", "/")) == [b"a\n", b"b\n"]


def test_what_was_never_sent_is_told_from_what_may_have_been_heard(home: Home) -> None:
    def details(door: "WebDoor | Here") -> dict[str, Any]:
        with closing(Reach(door)) as reach, pytest.raises(DaemonUnreachable) as found:
            reach.send("POST", "/v1/chat/completions", b"{}")
        return found.value.details

    with socket.socket() as nobody:  # a port that is taken, and where nobody listens
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert details(WebDoor(Http(False, "127.0.0.1", port, ""), "", "")) == {"state": "broken", "sent": False}
    with raw_server(home.socket, lambda s: None):
        assert details(Here((home.socket,))) == {"state": "broken"}
    home.socket.unlink()
    assert details(Here((home.socket,))) == {"state": "absent"}
    ended = Reach(Here((home.socket,)))
    ended.close()
    with pytest.raises(DaemonUnreachable) as found:
        ended.send("POST", "/v1/chat/completions", b"{}")
    assert found.value.details == {"state": "broken", "sent": False}


def test_something_that_speaks_no_http(home: Home) -> None:
    with raw_server(home.socket, lambda s: s.sendall(b"220 mail ESMTP\r\n\r\n")), pytest.raises(InternalError):
        Client(home.socket).call(ListModels())


def test_presence_of_a_running_one(home: Home) -> None:
    with Door(home.socket, lambda _: [QWEN], health=health()):
        found = look(home)
    assert (found.state, found.pid, found.version) == ("running", 4711, __version__)


def test_presence_of_another_version(home: Home) -> None:
    with Door(home.socket, lambda _: [], health=health("9.9.9")):
        found = look(home)
    assert (found.state, found.version, found.hint) == ("other_version", "9.9.9", "flock up")
    assert "9.9.9" in found.sentence
    assert __version__ in found.sentence


def test_absence(home: Home) -> None:
    found = look(home)
    assert (found.state, found.pid, found.sentence, found.hint) == ("absent", None, "flock is not running", "flock up")


def test_a_daemon_on_its_way(home: Home) -> None:
    home.lock.write_text(f"{os.getpid()}\n")
    with home.lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = look(home)
    assert (found.state, found.pid) == ("absent", os.getpid())
    assert "is starting or stopping" in found.sentence


def test_a_lock_that_nobody_holds_names_nobody(home: Home) -> None:
    home.lock.write_text(f"{os.getpid()}\n")
    found = look(home)
    assert (found.state, found.pid) == ("absent", None)


def test_a_stale_socket(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(home.socket))
    home.lock.write_text("999999999\n")
    found = look(home)
    assert (found.state, found.pid, found.hint) == ("stale", None, "flock up")


@pytest.mark.parametrize("body", [b"hello", b"{}", b"[]", b'"ok"'])
def test_something_that_is_no_flock(home: Home, body: bytes) -> None:
    with Door(home.socket, lambda _: [], health=body):
        assert look(home).state == "foreign"


def test_one_that_does_not_answer_is_not_taken_for_absent(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home.socket))
        silent.listen(1)
        assert look(home, timeout=0.05).state == "foreign"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket to somebody else")
def test_somebody_elses(home: Home) -> None:
    with Door(home.socket, lambda _: [], health=b"not json"):
        os.chown(home.socket, 65534, 65534)
        found = look(home)
    assert found.state == "foreign"
    assert "belongs to" in found.sentence


@pytest.mark.parametrize(
    ("text", "pid"), [("4711\n", 4711), ("4711", 4711), ("", None), ("x", None), ("-1", None), ("1", None), ("²", None)]
)
def test_the_lock_file_tells_the_pid(home: Home, text: str, pid: int | None) -> None:
    home.lock.write_text(text, "utf-8")
    assert lock_pid(home) == pid


def test_a_process_that_ended_is_not_alive_even_before_its_parent_asks() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_alive(child.pid)
        os.kill(child.pid, 9)
        # waits for the end and leaves the process as it is: a zombie
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(child.pid)
    assert not is_alive(2**40)
