"""The event feed of a running daemon, as its readers hear it: both doors, the command line, the live table."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from flock import __version__
from flock.client.blocking import Client
from flock.client.door import Here
from flock.client.reach import Reach
from flock.contract import codec
from flock.contract.events import Event, FollowEvents, ShowTop
from flock.contract.models import ListModels
from flock.errors import InvalidRequest
from tests.daemon.conftest import Door, UnixConnection, bearer
from tests.running import PATIENCE, Flock, running_flock, wait_for
from tests.screen import Screen

CHAT = {"stream": True, "messages": [{"role": "user", "content": "Hello"}]}
LIFE = ["queued", "prefilling", "generating", "sending", "done"]


def chat(flock: Flock, **more: Any) -> str:
    """Send a request and return its id once it has been settled."""
    status, headers, body = Door(flock, private=False).ask(
        "POST", "/v1/chat/completions", {**CHAT, **more}, bearer(flock.key)
    )
    assert status == 200, body
    return headers["x-flock-request-id"]


def reaching(flock: Flock) -> closing[Reach]:
    """Return the way to a flock, closed behind the block."""
    return closing(Reach(Here((flock.home / "run" / "flock.sock",))))


class Feed:
    """A feed that is read frame by frame."""

    def __init__(self, connection: http.client.HTTPConnection, path: str, **headers: str) -> None:
        self.connection = connection
        connection.request("GET", path, headers=headers)
        self.answer = connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.frame() == ["retry: 1000"]

    def frame(self) -> list[str]:
        """Return the lines of the next frame, [] at the end."""
        lines: list[str] = []
        while line := self.answer.readline().decode():
            if line == "\n":
                return lines
            lines.append(line.rstrip("\n"))
        return lines

    def event(self) -> tuple[str, dict[str, Any]]:
        """Return id and data of the next event."""
        while (lines := self.frame())[0].startswith(":"):
            pass
        number, data = lines
        return number.removeprefix("id: "), json.loads(data.removeprefix("data: "))

    def stages_of(self, request: str) -> list[dict[str, Any]]:
        """Read to the end of a request and return what was told of it."""
        told: list[dict[str, Any]] = []
        while not told or told[-1]["data"]["stage"] != "done":
            _, event = self.event()
            if event["subject"] == request:
                told.append(event)
        return told


@contextmanager
def feed(flock: Flock, query: str = "", private: bool = False, **headers: str) -> Iterator[Feed]:
    door = flock.home / "run" / "flock.sock"
    connection: http.client.HTTPConnection = (
        UnixConnection(door) if private else http.client.HTTPConnection("127.0.0.1", flock.port, timeout=PATIENCE)
    )
    headers = headers if private else {**bearer(flock.key), **headers}
    try:
        yield Feed(connection, f"/admin/v1/events{query}", **headers)
    finally:
        connection.close()


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_a_request_is_told_of_stage_by_stage_at_both_doors(flock: Flock, private: bool) -> None:
    with feed(flock, "?kind=request.stage", private) as heard:
        assert heard.answer.getheader("Content-Type") == "text/event-stream"
        assert heard.answer.getheader("X-Flock-Version") == __version__
        request = chat(flock)
        told = heard.stages_of(request)
    assert [event["data"]["stage"] for event in told] == LIFE
    done = told[-1]["data"]
    assert (done["model"], done["user"], done["outcome"], done["status"]) == ("flock-smoke", "admin", "ok", 200)
    shown = flock.json("request", "show", request)
    assert done["output_tokens"] == shown["output_tokens"]
    assert done["elapsed_ms"] == pytest.approx(shown["elapsed_ms"], abs=0.1)  # a sum of rounded spans
    assert 0 < done["ttft_ms"] <= done["elapsed_ms"]


def test_an_answer_in_one_piece_and_a_refused_request_come_to_their_end_too(flock: Flock) -> None:
    with feed(flock, "?kind=request.stage") as heard:
        whole = heard.stages_of(chat(flock, stream=False))
        assert [event["data"]["stage"] for event in whole] == LIFE
        assert whole[-1]["data"]["ttft_ms"] is None
        Door(flock, private=False).ask("POST", "/v1/chat/completions", {"messages": 5}, bearer(flock.key))
        _, event = heard.event()
        assert (event["data"]["stage"], event["data"]["status"], event["data"]["error"]) == (
            "done",
            400,
            "invalid_request",
        )


def test_a_reader_goes_on_where_it_was(flock: Flock) -> None:
    with feed(flock, "?kind=request.stage") as heard:
        request = chat(flock)
        ids = [heard.event()[0] for _ in LIFE]
    number = int(ids[1].partition("-")[0])
    for query, headers in (
        ("", {"Last-Event-ID": ids[1]}),
        (f"?since={number}", {}),
        ("?since=0", {"Last-Event-ID": str(number)}),
    ):
        with feed(flock, query, **headers) as again:
            assert [again.event()[0] for _ in LIFE[2:]] == ids[2:]
    with feed(flock, **{"Last-Event-ID": f"{number}-another-daemon"}) as new:
        _, first = new.event()
        assert (first["kind"], first["data"]) == ("feed.lost", {"lost": 0})
        assert new.event()[1]["id"] == 1
    found, _ = Client(flock.home / "run" / "flock.sock").call(FollowEvents(subject=request, since=0, once=True))
    assert [event.data["stage"] for event in found] == LIFE


def test_an_answer_says_which_events_it_knows_of(flock: Flock) -> None:
    chat(flock)
    with reaching(flock) as reach:
        top, _, event = reach.told(ShowTop(once=True))
        assert event == top.last_event >= len(LIFE)
        chat(flock)
        assert reach.told(ListModels())[2] >= event + len(LIFE)


def test_filters_and_kinds_that_do_not_exist(flock: Flock) -> None:
    with reaching(flock) as reach:
        found, _ = reach.call(FollowEvents(kind="engine.state,model.state", since=0, once=True))
        assert {event.kind for event in found} == {"engine.state", "model.state"}
        assert {event.subject for event in found} == {"embedded:flock-smoke", "flock-smoke"}
        for once in (True, False):
            with pytest.raises(InvalidRequest, match="no events of the kind 'nonsense'"):
                list(reach.follow(FollowEvents(kind="nonsense", once=once)))


def test_a_feed_is_for_admins(flock: Flock, public: Door, user_key: str) -> None:
    assert public.ask("GET", "/admin/v1/events", None, bearer(user_key))[0] == 403
    assert flock.json("audit", "--limit", "1")[0]["action"] == "events.follow"


def test_the_command_line_prints_the_same_json(flock: Flock) -> None:
    argv = [sys.executable, "-P", "-m", "flock", "events", "--kind", "request.stage", "--json"]
    with subprocess.Popen(argv, env=flock.environment, stdout=subprocess.PIPE, cwd=flock.home.parent) as process:
        assert process.stdout is not None
        lines: list[bytes] = []
        reading = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
        reading.start()
        # the command takes a moment to follow
        wait_for(lambda: chat(flock) and lines, "the command hears of a request")
        wait_for(lambda: json.loads(lines[-1])["data"]["stage"] == "done", "its end")
        process.terminate()
        reading.join()
    first = json.loads(lines[0])["id"]
    found, _ = Client(flock.home / "run" / "flock.sock").call(
        FollowEvents(kind="request.stage", since=first - 1, once=True)
    )
    assert [line.rstrip(b"\n") for line in lines] == [codec.dumps(event) for event in found][: len(lines)]


def test_a_person_reads_one_line_an_event(flock: Flock) -> None:
    screen = Screen(sys.executable, "-P", "-m", "flock", "events", "--since", "0", **flock.environment)
    shown = screen.until("ready flock-smoke")
    screen.process.send_signal(signal.SIGINT)
    assert screen.end() == 130
    assert "engine.state   embedded:flock-smoke  starting flock-smoke" in shown
    piped = subprocess.Popen(
        [sys.executable, "-P", "-m", "flock", "events", "--since", "0", "--kind", "model.state"],
        env=flock.environment,
        stdout=subprocess.PIPE,
        cwd=flock.home.parent,
    )
    assert piped.stdout is not None
    cells = piped.stdout.readline().decode().rstrip("\n").split("\t")
    piped.stdout.close()
    piped.terminate()
    piped.wait(PATIENCE)
    assert cells[2:4] == ["model.state", "flock-smoke"]


def test_readers_that_leave_are_forgotten_and_a_slow_one_holds_nobody(flock: Flock) -> None:
    slow = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(str(flock.home / "run" / "flock.sock"))
    slow.sendall(b"GET /admin/v1/events?since=0 HTTP/1.1\r\nHost: flock\r\n\r\n")
    with feed(flock) as quick:
        for _ in range(20):
            quick.stages_of(chat(flock))
    slow.close()
    assert chat(flock)


def test_top_once_is_the_value_and_live_is_a_screen(flock: Flock) -> None:
    chat(flock)
    value = flock.json("top", "--once")
    assert value["memory"]["models"][0]["id"] == "flock-smoke"
    assert value["requests_per_minute"] > 0
    assert value["p50_ms"] > 0
    assert flock.ok("top").splitlines()[0].startswith("flock, up ")
    dumb = Screen(sys.executable, "-P", "-m", "flock", "top", **{**flock.environment, "TERM": "dumb"})
    assert dumb.end() == 0
    assert "\x1b" not in dumb.shown
    for key in ("q", ""):
        screen = Screen(sys.executable, "-P", "-m", "flock", "top", **{**flock.environment, "NO_COLOR": "1"})
        screen.until("no request runs")
        screen.shown = ""
        chat(flock)  # what happens is drawn
        shown = screen.until("last minute: p50")
        assert "\x1b[3" not in shown  # no colour
        if key:
            screen.type(key)
        else:
            screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 0
        assert screen.shown.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")


def test_a_feed_ends_with_the_daemon() -> None:
    with running_flock() as flock:
        argv = [sys.executable, "-P", "-m", "flock", "events", "--json"]
        follower = subprocess.Popen(
            [*argv, "--since", "0"],
            env=flock.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=flock.home.parent,
        )
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["id"] == 1
        with feed(flock, "?since=0") as heard:
            heard.event()
            flock.ok("down")
            while heard.frame():
                pass
        _, said = follower.communicate(timeout=PATIENCE)
        assert follower.returncode == 3
        assert json.loads(said)["error"]["message"] == "flock went down, and its events have ended"


def test_a_request_can_be_ended(flock: Flock) -> None:
    missing = flock.run("request", "cancel", "req_nothing")
    assert (missing.returncode, "there is no request" in missing.stderr) == (5, True)
    ended = chat(flock)
    again = flock.run("request", "cancel", ended)
    assert (again.returncode, f"the request {ended} has ended already: ok" in again.stderr) == (1, True)


def test_an_event_is_what_the_contract_says(flock: Flock) -> None:
    with reaching(flock) as reach:
        for data in reach.follow(FollowEvents(since=0)):
            event = codec.loads(Event, data)
            assert codec.dumps(event) == data
            if event.kind == "engine.state":
                return
