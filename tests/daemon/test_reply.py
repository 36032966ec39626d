"""A reply whose reader or writer fails: the client hears of it in its dialect, the log knows why, nothing hangs.

The Reply is the real one, behind a real aiohttp server and over a real connection to the fake upstream; what fails is
the tap handed to it, which is what flock's own dialects are to the door.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from flock.configsections import Gateway
from flock.core.answer import Answer, RawTap
from flock.core.record import Record
from flock.daemon.forward import Reply
from flock.dialects.ir import Usage
from flock.dialects.openai import server as openai
from flock.errors import FlockError, UpstreamError
from flock.outbound.pool import Pool
from flock.profile import Profile
from flock.upstream import Upstream
from tests.running import fake_upstream

PROFILE = Profile(kind="x", title="X", dialects=frozenset({"openai"}))


class Tap:
    """Passes on what comes, and fails where it is told to."""

    between_frames = True
    finished = True
    fault = None
    failure = ""

    def __init__(self, where: str, error: Exception) -> None:
        self.where = where
        self.error = error
        self.seen = b""

    def fails(self, where: str) -> None:
        if self.where == where:
            raise self.error

    def feed(self, data: bytes) -> bytes:
        self.fails("feed")
        self.seen += data
        if b"[DONE]" in self.seen:
            self.fails("last feed")
        return data

    def end(self) -> None:
        self.fails("end")

    def close(self) -> bytes:
        self.fails("close")
        return b""

    def usage(self) -> Usage | None:
        return None

    def counted(self) -> Usage:
        return Usage(output=1)

    def write_fault(self, error: FlockError) -> bytes:
        return f"data: fault {error.code}\n\n".encode()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with fake_upstream() as port:
        yield Upstream(name="f", engine="fake", host="127.0.0.1", port=port, profile=PROFILE, own=False)


class Door:
    """A server whose every answer is the fake's, looked at by `tap`."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.tap: Tap | RawTap = Tap("", ValueError())
        self.model = "ok"
        self.record = Record("chat", 0.0, 0.0)
        self.failed: BaseException | None = None
        self.raw = False
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.record = Record("chat", 0.0, asyncio.get_running_loop().time())
        self.record.engine, self.record.stream = "fake", True
        reply = Reply(request, self.record, Gateway(), openai)
        exchange = await self.pool.get()
        body = b'{"model":"%b","stream":true}' % self.model.encode()
        await exchange.send(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        tap: Any = self.tap
        try:
            fault = None if self.raw else tap.write_fault
            return await reply.stream(Answer(exchange, None, tap=tap, fault=fault, raw=self.raw))
        except ValueError as error:  # as the gateway does
            self.failed = error
            return await reply.fault(UpstreamError("told by the gateway"))


@pytest.fixture
async def door(upstream: Upstream) -> AsyncIterator[Door]:
    pool = Pool(upstream, 3.0)
    door = Door(pool)
    app = web.Application()
    app.router.add_post("/", door.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield door
    await runner.cleanup()
    pool.close()


async def told(door: Door) -> str:
    """Return the whole stream that a client hears."""
    async with aiohttp.ClientSession() as session, session.post(door.url) as response:
        return (await response.read()).decode()


@pytest.mark.parametrize(
    ("where", "model"),
    [("feed", "ok"), ("feed", "cut"), ("feed", "flood"), ("last feed", "ok"), ("last feed", "cut")],
)
async def test_an_exception_while_reading_is_an_error_in_the_stream(
    door: Door, caplog: pytest.LogCaptureFixture, where: str, model: str
) -> None:
    door.tap, door.model = Tap(where, ValueError("a reader's fault")), model
    heard = await told(door)
    assert heard.endswith("data: fault internal_error\n\n")
    assert "[DONE]" not in heard
    assert (door.record.outcome, door.record.error) == ("partial", "internal_error")
    (entry,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert door.record.id in entry.getMessage()
    assert entry.exc_info is not None
    assert "a reader's fault" in str(entry.exc_info[1])


async def test_an_error_of_flocks_own_while_reading_is_told_as_the_engines(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.tap = Tap("feed", UpstreamError("a frame is larger than any"))
    door.tap.finished = False
    assert (await told(door)).endswith("data: fault upstream_error\n\n")
    assert (door.record.outcome, door.record.error) == ("partial", "upstream_error")
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


async def test_an_error_that_cannot_be_spelled_is_spelled_as_any(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    class Mute(Tap):
        def write_fault(self, error: FlockError) -> bytes:
            raise self.error

    door.tap = Mute("feed", ValueError("mute"))
    heard = await told(door)
    assert '"code":"internal_error"' in heard.split("\n\n")[-2]
    assert door.record.outcome == "partial"
    assert len([r for r in caplog.records if r.levelno >= logging.ERROR]) == 2


@pytest.mark.parametrize("where", ["end", "close"])
async def test_an_exception_at_the_end_is_told_by_the_writer_that_has_begun(door: Door, where: str) -> None:
    door.tap = Tap(where, ValueError("an end's fault"))
    assert (await told(door)).endswith("data: fault upstream_error\n\n")
    assert str(door.failed) == "an end's fault"


async def test_the_engines_connection_serves_on_or_is_closed(door: Door) -> None:
    for where in ("feed", "last feed", "end", "close", ""):
        door.tap = Tap(where, ValueError())
        heard = await told(door)
        assert heard.endswith("[DONE]\n\n" if not where else "_error\n\n")


@pytest.mark.parametrize("raw", [False, True])
async def test_nothing_is_said_in_what_is_no_dialects(door: Door, upstream: Upstream, raw: bool) -> None:
    """A sign of life in the middle of a sound would be heard."""
    door.raw, door.model = raw, "waits-midway"
    door.tap = RawTap(lambda _: None) if raw else Tap("", ValueError())
    async with aiohttp.ClientSession() as session, session.post(door.url) as response:
        heard = await response.content.readany()
        assert door.record.tick is not None
        door.record.tick(asyncio.get_running_loop().time() + 11)
        if not raw:
            heard += await response.content.readuntil(b": keep-alive\n\n")
        async with session.get(f"{upstream.url}/go"):
            heard += await response.read()
    assert (b"keep-alive" in heard) is not raw
    assert heard.endswith(b"[DONE]\n\n")
    assert door.record.outcome == "ok"
    assert (door.record.usage, door.record.estimated) == ((None, False) if raw else (Usage(output=1), True))
