"""The pooled connections, against a real process that misbehaves on demand."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from flock.outbound.pool import Pool
from flock.profile import Profile
from flock.upstream import Upstream

PROFILE = Profile(kind="x", title="X", dialects=frozenset({"openai"}))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    fake = subprocess.Popen([sys.executable, "-m", "tests.fakes.upstream"], stdout=subprocess.PIPE, text=True)
    assert fake.stdout is not None
    yield int(fake.stdout.readline().split()[1])
    fake.kill()
    fake.wait()
    fake.stdout.close()


def upstream(port: int) -> Upstream:
    return Upstream(name="f", engine="f", host="127.0.0.1", port=port, profile=PROFILE, own=False)


@pytest.fixture
async def connections(port: int) -> AsyncIterator[Pool]:
    pool = Pool(upstream(port), 3.0)
    yield pool
    pool.close()
    for _ in range(3):  # transports report their loss in the loop's next turns
        await asyncio.sleep(0)


def request(model: str, stream: bool = False) -> bytes:
    body = json.dumps({"model": model, "stream": stream}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def whole(exchange, data: bytes) -> bytes:
    await exchange.send(data)
    return await exchange.body()


async def test_a_connection_that_was_paused_at_the_end_of_an_answer_reads_the_next(connections: Pool) -> None:
    exchange = await connections.get()
    await whole(exchange, request("ok"))
    exchange.pause()  # the whole answer came at once, and its client takes it slowly
    exchange.release()
    again = await connections.get()
    assert again is exchange
    assert json.loads(await whole(again, request("ok")))["object"] == "chat.completion"
    again.release()


async def test_a_connection_is_used_again_newest_first(connections: Pool) -> None:
    first = await connections.get()
    assert json.loads(await whole(first, request("ok")))["object"] == "chat.completion"
    first.release()
    again = await connections.get()
    assert again is first
    assert again.reused
    await whole(again, request("ok"))
    again.release()


async def test_status_and_type_are_there_before_the_body(connections: Pool) -> None:
    exchange = await connections.get()
    await exchange.send(request("status-500"))
    assert (exchange.status, exchange.content_type) == (500, b"application/json")
    assert b"boom" in await exchange.body()
    exchange.release()


class Taker:
    def __init__(self) -> None:
        self.got = b""
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data(self, chunk: bytes) -> None:
        self.got += chunk

    def end(self, error: Exception | None) -> None:
        self.ended.set_result(error)


@pytest.mark.parametrize("model", ["ok", "cut", "http10", "bad-utf8", "ends-without-done"])
async def test_streams_reach_the_sink_whole(connections: Pool, model: str) -> None:
    exchange, taker = await connections.get(), Taker()
    await exchange.send(request(model, stream=True))
    start = await exchange.more()
    exchange.stream_to(taker)
    assert await taker.ended is None
    assert start + taker.got
    if model != "ends-without-done":
        assert (start + taker.got).endswith(b"data: [DONE]\n\n")
    exchange.release()


async def test_a_reset_midway_is_an_error(connections: Pool) -> None:
    exchange, taker = await connections.get(), Taker()
    await exchange.send(request("dies-midway", stream=True))
    exchange.stream_to(taker)
    assert isinstance(await taker.ended, ConnectionError)
    exchange.release()


@pytest.mark.parametrize("model", ["dies-before", "garbage"])
async def test_no_head_is_a_connection_error(connections: Pool, model: str) -> None:
    exchange = await connections.get()
    with pytest.raises(ConnectionError):
        await exchange.send(request(model))
    assert not exchange.untouched
    exchange.release()


async def test_releasing_midway_closes_the_connection(connections: Pool) -> None:
    exchange = await connections.get()
    await exchange.send(request("stalls", stream=True))
    before = await seen(connections)
    exchange.release()
    after = before
    while after["closed_early"] == before["closed_early"]:  # a state, not a time: the test's limit bounds it
        after = await seen(connections)
    assert after["closed_early"] == before["closed_early"] + 1


async def seen(connections: Pool) -> dict[str, int]:
    exchange = await connections.get(fresh=True)
    found = json.loads(await whole(exchange, b"GET /seen HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    exchange.release()
    return found


async def test_a_refused_connection_is_an_os_error() -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        await Pool(upstream(9), 3.0).get()
