"""Vendors over real sockets: what is sent, what is never sent twice, what is never contacted, what an error says."""

import asyncio
import contextlib
import gc
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from flock.outbound.attempt import Limits
from flock.outbound.exchange import Exchange
from flock.outbound.failures import Dropped, NotConfigured, Redirected, TooSlow, Unreached
from flock.outbound.vendors import VendorClient
from tests.running import free_port
from tests.unit.outbound.peer import Peer, running_peer, until

SECRET = "sk-never-in-a-message-0123456789"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
# short enough for a test, and no test looks at how long it took
SHORT = Limits(connect=0.2, tls=0.2, send=0.2, first_byte=0.2, silence=0.2, whole=0.2)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with running_peer() as peer:
        yield peer


Make = Callable[..., VendorClient]


@pytest.fixture
async def make(peer: Peer) -> AsyncIterator[Make]:
    made: list[VendorClient] = []

    def client(*more: tuple[str, int], **options: Any) -> VendorClient:
        allowed = frozenset({("127.0.0.1", peer.port), ("localhost", peer.port), *more})
        made.append(VendorClient(lambda: allowed, environ={}, **options))
        return made[-1]

    yield client
    for one in made:
        await one.close()


async def asked(client: VendorClient, url: str, body: bytes = b"{}") -> bytes:
    exchange = await client.send(url, HEADERS, body)
    try:
        return await exchange.body()
    finally:
        exchange.release()


async def refused(kind: type[OSError], doing: Awaitable[Any]) -> Any:
    """Return the error of an attempt, which says nothing of the key."""
    with pytest.raises(kind) as caught:
        await doing
    error = caught.value
    assert SECRET not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
    assert str(error)
    return error


# -- what is sent


async def test_the_request_arrives_as_it_is_and_nothing_is_added_that_tells(peer: Peer, make: Make) -> None:
    body = json.dumps({"n": "ü" * 200_000}).encode()
    exchange = await make().send(peer.url("/v1/chat/completions"), HEADERS | {"X-Own": "1"}, body)
    assert (exchange.status, exchange.content_type) == (200, b"application/json")
    assert await exchange.body() == b'{"ok":true}'
    assert exchange.complete
    exchange.release()
    (seen,) = peer.seen
    assert (seen.line, seen.body == body) == ("POST /v1/chat/completions HTTP/1.1", True)
    assert seen.headers["authorization"] == f"Bearer {SECRET}"
    assert seen.headers["user-agent"].startswith("flock/")
    assert set(seen.headers) == {
        "host", "authorization", "x-own", "user-agent", "content-type", "content-length", "accept", "accept-encoding"
    }  # fmt: skip
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["content-type"] == "application/json"


async def test_an_upload_keeps_its_own_type(peer: Peer, make: Make) -> None:
    own = {"content-type": "multipart/form-data; boundary=b", "accept-encoding": "gzip", "user-agent": "a client"}
    exchange = await make().send(peer.url("/"), own, b"--b--")
    exchange.release()
    (seen,) = peer.seen
    assert seen.headers["content-type"] == "multipart/form-data; boundary=b"
    assert (seen.headers["accept-encoding"], seen.headers["user-agent"]) == ("identity", "a client")
    assert len(seen.names) == len(set(map(str.lower, seen.names)))


async def test_connections_are_used_again_and_no_cookie_comes_back(peer: Peer, make: Make) -> None:
    client = make()
    for _ in range(3):
        await asked(client, peer.url("/"))
    assert peer.connections == 1
    assert not any("cookie" in seen.headers for seen in peer.seen)


async def test_lists_are_read_whole_and_within_bounds(peer: Peer, make: Make) -> None:
    client = make(most_listed=100_000)
    status, headers, body = await client.get(peer.url("/v1/models"), HEADERS)
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"ok": True})
    assert peer.seen[0].line.startswith("GET ")
    assert "content-length" not in peer.seen[0].headers
    assert (await client.get(peer.url("/status/401"), HEADERS))[0] == 401
    assert "larger than" in str(await refused(Dropped, client.get(peer.url("/large"), HEADERS)))
    assert "larger than" in str(await refused(Dropped, asked(make(most_bytes=100_000), peer.url("/large"))))


@pytest.mark.parametrize(("path", "wait"), [("/status/429", b"7"), ("/wait-ms", b"2"), ("/", b"")])
async def test_when_to_ask_again(peer: Peer, make: Make, path: str, wait: bytes) -> None:
    exchange = await make().send(peer.url(path), HEADERS, b"{}")
    assert exchange.retry_after == wait
    await exchange.body()
    exchange.release()


# -- what is never contacted


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/v1", "https://api.elsewhere.example/v1", "http://{own}@127.0.0.1:{port}/", "ftp://127.0.0.1/",
        "https://127.0.0.1/", "//127.0.0.1", "", "http://127.0.0.1:99999/", "unix:///run/x", "http://[::1]:{port}/",
    ],
)  # fmt: skip
async def test_only_configured_places_are_contacted(peer: Peer, make: Make, url: str) -> None:
    url = url.replace("{port}", str(peer.port)).replace("{own}", SECRET)
    error = await refused(NotConfigured, make().send(url, HEADERS, b"{}"))
    assert error.sent is False
    await refused(NotConfigured, make().get(url, HEADERS))
    assert peer.connections == 0


async def test_what_is_configured_may_change_meanwhile(peer: Peer) -> None:
    places: set[tuple[str, int]] = set()
    client = VendorClient(lambda: frozenset(places), environ={})
    await refused(NotConfigured, client.send(peer.url("/"), HEADERS, b"{}"))
    places.add(("127.0.0.1", peer.port))
    assert await asked(client, peer.url("/"))
    await client.close()


async def test_plain_http_goes_to_the_internet_only_where_a_row_says_so(make: Make) -> None:
    name = f"{'v' * 64}.example"  # too long to be looked up: these tests ask no resolver
    place = (name, 80)
    error = await refused(NotConfigured, make(place).send(f"http://{name}/v1", HEADERS, b"{}"))
    assert "https only" in str(error)
    client = make(place, plain=lambda: frozenset({place}))
    error = await refused(Unreached, client.send(f"http://{name}/v1", HEADERS, b"{}"))
    assert str(error) == f"{name}:80 has no address"


@pytest.mark.parametrize("method", ["send", "get"])
async def test_redirects_are_an_error_that_says_where_to(peer: Peer, make: Make, method: str) -> None:
    client = make()
    url = peer.url("/to/https://evil.example/take?key=" + SECRET)
    error = await refused(Redirected, client.send(url, HEADERS, b"{}") if method == "send" else client.get(url, {}))
    assert str(error) == f"127.0.0.1:{peer.port} answers 302 and wants the request at https://evil.example/take"
    assert len(peer.seen) == 1


async def test_headers_that_cannot_be_sent_are_not_repeated_in_the_error(peer: Peer, make: Make) -> None:
    error = await refused(Unreached, make().send(peer.url("/"), {"x-api-key": f"{SECRET}\nX-More: 1"}, b"{}"))
    assert "header" in str(error)
    assert peer.seen == []


# -- what goes wrong


async def test_a_port_where_nobody_listens(make: Make) -> None:
    port = free_port()
    error = await refused(Unreached, make(("127.0.0.1", port)).send(f"http://127.0.0.1:{port}/", HEADERS, b"{}"))
    assert str(error) == f"127.0.0.1:{port} does not answer: Connection refused"
    assert error.sent is False


@pytest.mark.parametrize("path", ["/dies", "/garbage"])
async def test_a_fresh_connection_is_never_asked_twice(peer: Peer, make: Make, path: str) -> None:
    error = await refused(Dropped, make().send(peer.url(path), HEADERS, b"{}"))
    assert error.sent is True
    assert len(peer.seen) == 1


async def test_a_kept_connection_that_is_dead_is_replaced_once(peer: Peer, make: Make) -> None:
    client = make()
    await asked(client, peer.url("/second-dies"))
    assert await asked(client, peer.url("/second-dies"), b'{"second":1}') == b'{"ok":true}'
    assert [seen.body for seen in peer.seen] == [b"{}", b'{"second":1}', b'{"second":1}']
    assert peer.connections == 2


async def test_many_dead_connections_do_not_use_up_a_request(peer: Peer, make: Make) -> None:
    client = make()
    first = [await client.send(peer.url("/second-dies"), HEADERS, b"{}") for _ in range(3)]
    for exchange in first:
        await exchange.body()
        exchange.release()
    assert peer.connections == 3
    assert await asked(client, peer.url("/second-dies")) == b'{"ok":true}'


async def test_an_answer_that_has_begun_is_not_asked_for_again(peer: Peer, make: Make) -> None:
    client = make()
    await asked(client, peer.url("/second-begins"))
    await refused(Dropped, client.send(peer.url("/second-begins"), HEADERS, b"{}"))
    assert len(peer.seen) == 2


async def test_a_connection_that_was_alive_for_a_while_is_not_asked_again(peer: Peer, make: Make) -> None:
    client = make(limits=Limits(stale=0.0))  # whatever it lived was long
    await asked(client, peer.url("/second-dies"))
    await refused(Dropped, client.send(peer.url("/second-dies"), HEADERS, b"{}"))
    assert len(peer.seen) == 2


@pytest.mark.parametrize(
    ("path", "words", "sent"),
    [("/silent", "sent no answer within", True), ("/takes-nothing", "did not take the request within", True)],
)
async def test_every_phase_has_its_limit(peer: Peer, make: Make, path: str, words: str, sent: bool) -> None:
    big = b"x" * (2**20 if path == "/silent" else 2**25)
    limits = Limits(first_byte=0.2) if path == "/silent" else Limits(send=0.2, slowest=2**40)
    error = await refused(TooSlow, make(limits=limits).send(peer.url(path), HEADERS, big))
    assert words in str(error)
    assert error.sent is sent
    peer.go.set()


async def test_a_list_has_one_limit_for_all(peer: Peer, make: Make) -> None:
    client = make(limits=Limits(whole=0.2))
    await refused(TooSlow, client.get(peer.url("/silent"), HEADERS))
    await refused(TooSlow, client.get(peer.url("/stalls"), HEADERS))


async def test_a_vendor_that_takes_no_connection(make: Make) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(8):  # a listener whose queue is full answers no further SYN
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        port = server.getsockname()[1]
        client = make(("127.0.0.1", port), limits=SHORT)
        error = await refused(TooSlow, client.send(f"http://127.0.0.1:{port}/", HEADERS, b"{}"))
    assert str(error) == f"127.0.0.1:{port} gave no connection within 0.2 s"
    assert error.sent is False


# -- streams


class Taker:
    """A sink that may ask for a pause with every chunk."""

    def __init__(self, exchange: Exchange, *, pausing: bool = False) -> None:
        self.exchange = exchange
        self.pausing = pausing
        self.got = b""
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.complete_at_last = False

    def data(self, chunk: bytes) -> None:
        self.got += chunk
        self.complete_at_last = self.exchange.complete
        if self.pausing:
            self.exchange.pause()

    def end(self, error: Exception | None) -> None:
        self.ended.set_result(error)


async def test_a_stream_reaches_its_sink(peer: Peer, make: Make) -> None:
    client = make()
    for _ in range(2):
        exchange = await client.send(peer.url("/events"), HEADERS, b"{}")
        first = await exchange.more()
        taker = Taker(exchange)
        exchange.stream_to(taker)
        rest = exchange.taken()
        assert await taker.ended is None
        assert first + rest + taker.got == b"data: one\n\ndata: two\n\n"
        exchange.release()
    assert peer.connections == 1


async def test_a_break_comes_after_everything_that_was_said(peer: Peer, make: Make) -> None:
    exchange = await make().send(peer.url("/broken"), HEADERS, b"{}")
    taker = Taker(exchange)
    exchange.stream_to(taker)
    rest = exchange.taken()
    error = await taker.ended
    assert isinstance(error, Dropped)
    assert rest + taker.got == b"data: one\n\ndata: two\n\n"
    assert not exchange.complete
    exchange.release()


async def test_a_break_is_raised_to_who_reads(peer: Peer, make: Make) -> None:
    exchange = await make().send(peer.url("/broken"), HEADERS, b"{}")
    error = await refused(Dropped, exchange.body())
    assert "in the middle of its answer" in str(error)
    exchange.release()
    exchange = await make().send(peer.url("/packed"), HEADERS, b"{}")
    assert "cannot be unpacked" in str(await refused(Dropped, exchange.body()))
    exchange.release()


async def test_silence_in_an_answer_ends_it(peer: Peer, make: Make) -> None:
    exchange = await make(limits=Limits(silence=0.2)).send(peer.url("/stalls"), HEADERS, b"{}")
    assert await exchange.more() == b"data: one\n\n"
    assert "sent nothing for 0.2 s" in str(await refused(TooSlow, exchange.more()))
    exchange.release()
    await until(lambda: peer.closed == 1)


async def test_a_release_midway_is_seen_by_the_vendor_at_once(peer: Peer, make: Make) -> None:
    exchange = await make().send(peer.url("/stalls"), HEADERS, b"{}")
    await exchange.more()
    exchange.release()
    await until(lambda: peer.closed == 1)


async def test_a_request_that_is_given_up_while_it_waits_is_cut(peer: Peer, make: Make) -> None:
    waiting = asyncio.ensure_future(make().send(peer.url("/silent"), HEADERS, b"{}"))
    await until(lambda: peer.seen)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: peer.closed == 1)


async def test_a_paused_answer_stops_the_vendor(peer: Peer, make: Make) -> None:
    client = make(limits=Limits(silence=0.05))
    exchange = await client.send(peer.url("/endless"), HEADERS, b"{}")
    taker = Taker(exchange, pausing=True)
    exchange.stream_to(taker)
    taker.got += exchange.taken()
    await until(lambda: taker.got)
    before = -1
    while before != peer.written:  # until the sockets' own buffers are full
        before = peer.written
        for _ in range(50):
            await asked(client, peer.url("/"))
    held = len(taker.got)
    for _ in range(200):  # longer than the silence allowed: a client that reads nothing is no fault of the vendor
        await asked(client, peer.url("/"))
    assert (peer.written, len(taker.got)) == (before, held)
    assert not taker.ended.done()
    taker.pausing = False
    exchange.resume()
    await until(lambda: peer.written > before and len(taker.got) > held)
    exchange.release()
    await until(lambda: peer.closed == 1)


async def test_the_last_bytes_and_the_end_come_together(peer: Peer, make: Make) -> None:
    exchange = await make().send(peer.url("/large"), HEADERS, b"{}")
    taker = Taker(exchange)
    exchange.stream_to(taker)
    rest = exchange.taken()
    assert await taker.ended is None
    assert len(rest + taker.got) == 4 * 65536
    assert taker.complete_at_last or not taker.got
    exchange.release()


async def test_closing_ends_what_is_running(peer: Peer, make: Make) -> None:
    client = make()
    exchange = await client.send(peer.url("/stalls"), HEADERS, b"{}")
    await exchange.more()
    await client.close()
    await refused(Dropped, exchange.more())
    exchange.release()
    del exchange
    gc.collect()  # an unclosed response would warn now
