"""Waiting, leaving and slow clients: silence is bounded, no pace fills the memory, and who goes is noticed."""

from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from tests.e2e.parts import (
    USAGE,
    Client,
    Told,
    ask,
    body,
    call,
    environment,
    explained,
    running,
    seen,
    serves,
    settings,
    usage,
)
from tests.running import Flock, flock_home, wait_for


def tell(flock: Flock, model: str, *, stream: bool, **fields: object) -> Told:
    return ask(flock.port, flock.key, body(model, stream=stream, **fields))


# -- what waits


def test_headers_and_a_comment_come_while_the_engine_is_silent(flock: Flock, fake: int) -> None:
    with closing(Client(flock.port, flock.key)) as client:
        client.send(body("waits", stream=True))
        told = client.head()
        assert (told.status, told.headers["x-flock-request-id"][:4]) == (200, "req_")
        assert client.until(b"\n\n").startswith(b":")
        call(fake, "GET", "/go")
        client.rest(told)
    assert (told.done, told.clean, told.text) == (True, True, "Hello wörld!")


@pytest.mark.parametrize(("model", "code"), [("waits-500", "upstream_error"), ("waits-400", "engine_refused")])
def test_an_error_after_the_headers_travels_in_the_stream(flock: Flock, fake: int, model: str, code: str) -> None:
    with closing(Client(flock.port, flock.key)) as client:
        client.send(body(model, stream=True))
        told = client.head()
        call(fake, "GET", "/go")
        client.rest(told)
    assert (told.status, told.error["code"], told.done, told.clean) == (200, code, False, True)


@pytest.fixture(scope="module")
def strict(fake: int) -> Iterator[Flock]:
    """A flock of little patience."""
    with flock_home(**environment()) as flock:
        settings(flock, "gateway:\n  first_token_seconds: 1\n  stall_seconds: 1\n  keepalive_seconds: 0.3\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        yield flock


def test_an_engine_that_never_begins_is_given_up(strict: Flock, fake: int) -> None:
    before = seen(fake)["closed_early"]
    told = tell(strict, "silent", stream=False)
    assert (told.status, told.error["code"]) == (504, "upstream_stalled")
    assert "first_token_seconds" in told.error["hint"]
    wait_for(lambda: seen(fake)["closed_early"] > before, "the engine is told to stop")
    streamed = tell(strict, "silent", stream=True)
    assert (streamed.error["code"], streamed.done) == ("upstream_stalled", False)
    assert usage(strict)[streamed.id]["outcome"] == "error"


def test_an_engine_that_falls_silent_midway_is_given_up(strict: Flock, fake: int) -> None:
    before = seen(fake)["closed_early"]
    told = tell(strict, "stalls", stream=True)
    assert (told.status, told.error["code"], told.done, told.clean) == (200, "upstream_stalled", False, True)
    assert "stall_seconds" in told.error["hint"]
    row = usage(strict)[told.id]
    assert (row["outcome"], row["output_tokens"]) == ("partial", 2)
    wait_for(lambda: seen(fake)["closed_early"] > before, "the engine is told to stop")


def test_a_client_that_reads_nothing_is_not_the_engines_fault(strict: Flock, fake: int) -> None:
    with closing(Client(strict.port, strict.key)) as client:
        told = client.send(body("flood", stream=True)).head()
        found = explained(strict, told.id)
    assert found["error"] == "cancelled"


def test_comments_stand_between_frames_only(fake: int) -> None:
    """Two streams wait, one in the middle of a frame; what comes to the other shows that comments are being sent."""
    with flock_home(**environment()) as flock:
        settings(flock, "gateway:\n  keepalive_seconds: 0.1\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        with closing(Client(flock.port, flock.key)) as cut, closing(Client(flock.port, flock.key)) as whole:
            inside = cut.send(body("waits-in-frame", stream=True, **USAGE)).head()
            between = whole.send(body("waits-midway", stream=True, **USAGE)).head()
            between.body += whole.until(b": keep-alive\n\n: keep-alive\n\n")
            call(fake, "GET", "/go")
            assert whole.rest(between).done
            cut.rest(inside)
    assert inside.text == "cut"
    assert b"keep-alive" not in inside.body


# -- who leaves


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(("model", "stream"), [("waits", False), ("waits", True), ("silent", True), ("stalls", True)])
def test_a_client_that_leaves_closes_the_engines_connection(
    flock: Flock, fake: int, model: str, stream: bool, how: str
) -> None:
    """Before a head, before the first word, in mid-answer."""
    before = seen(fake)
    client = Client(flock.port, flock.key).send(body(model, stream=stream))
    wait_for(lambda: seen(fake)["requests"] > before["requests"], "the engine works")
    if model == "stalls":
        client.head()  # in mid-answer: the stream has begun
    getattr(client, how)()
    wait_for(lambda: seen(fake)["closed_early"] > before["closed_early"], "the engine is told to stop")
    wait_for(lambda: running(flock) == 0, "the request has ended")
    newest = next(iter(usage(flock, 1).values()))
    assert (newest["outcome"], newest["stream"]) == ("cancelled", stream)
    assert newest["status"] == (200 if model == "stalls" else 499)


# -- back-pressure


@pytest.mark.parametrize(("model", "receive_buffer"), [("flood", 0), ("flood", 4096), ("floods-at-once", 4096)])
def test_a_client_that_stops_reading_stops_the_engine(flock: Flock, fake: int, model: str, receive_buffer: int) -> None:
    daemon = psutil.Process(flock.pid)
    before, closed = daemon.memory_info().rss, seen(fake)["closed_early"]
    with closing(Client(flock.port, flock.key, receive_buffer)) as client:
        told = client.send(body(model, stream=True, **(USAGE if receive_buffer else {}))).head()
        readings: list[int] = []

        def still() -> bool:
            readings.append(seen(fake)["flooded"])
            return len(readings) > 20 and len(set(readings[-20:])) == 1

        wait_for(still, "the engine can send no more")
        assert daemon.memory_info().rss - before < 20e6
        # and it goes on where it stopped
        assert client.until(b"x" * 100)
        read = 0
        assert client.response is not None
        while read < 20_000_000:
            read += len(client.response.read1(1 << 20))
        wait_for(lambda: seen(fake)["flooded"] > readings[-1], "the engine goes on")
        client.reset()
    wait_for(lambda: seen(fake)["closed_early"] > closed, "the engine is told to stop")
    found = explained(flock, told.id)
    assert found["outcome"] == "cancelled"
    assert running(flock) == 0
    assert serves(flock)
