"""Pooled plain connections to engines: one keep-alive HTTP/1.1 connection carries one exchange at a time.

Owns sockets, the response parser and back-pressure towards the engine. Refuses to know about dialects: it moves bytes.
aiohttp's ClientSession costs 100-130 µs of CPU a request, this about 15; it serves the forward path alone, control
traffic goes through flock/outbound/session.py. Called by core/inference.py.
"""

import asyncio
import ssl
from collections import deque

import httptools

from flock.outbound.exchange import Sink
from flock.upstream import Upstream

# An engine's keep-alive time is short (cpp-httplib: 5 s, uvicorn: 5 s); an older idle connection is likely dead.
IDLE_SECONDS = 4.0


class Exchange(asyncio.Protocol):
    """One connection to an upstream; `send` starts an exchange, `head` ends when the status line and headers are in."""

    __slots__ = (
        "_chunks",
        "_framed",
        "_got_bytes",
        "_head",
        "_keep",
        "_loop",
        "_parser",
        "_pool",
        "_sink",
        "_waiting",
        "complete",
        "content_type",
        "error",
        "idle_since",
        "retry_after",
        "reused",
        "status",
        "transport",
    )

    def __init__(self, pool: "Pool", loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._parser: httptools.HttpResponseParser | None = None
        self._head: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._chunks: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self._got_bytes = False
        self._framed = False
        self._keep = True
        self.transport: asyncio.Transport | None = None
        self.reused = False
        self.idle_since = 0.0
        self.status = 0
        self.content_type = b""
        self.retry_after = b""
        self.complete = False
        self.error: Exception | None = None

    # -- what the forward path calls

    async def send(self, data: bytes) -> None:
        """Write a whole request and wait for the response's head.

        Raises ConnectionError when the connection ends first; `untouched` then says whether a retry is safe.
        """
        assert self.transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._chunks = []
        self._got_bytes = self._framed = self.complete = False
        self.status, self.content_type, self.retry_after, self.error = 0, b"", b"", None
        self._head = self._loop.create_future()
        self.transport.write(data)
        await self._head

    @property
    def untouched(self) -> bool:
        """Whether a reused connection died without a single response byte: the request may be sent again."""
        return self.reused and not self._got_bytes

    async def body(self) -> bytes:
        """Return the whole body. Raises ConnectionError when the connection ends before it is complete."""
        while not self.complete:
            await self._progress()
        return self.taken()

    def taken(self) -> bytes:
        """Return and forget the body bytes that came so far."""
        chunks = self._chunks
        if len(chunks) == 1:
            self._chunks = []
            return chunks[0]
        joined = b"".join(chunks)
        self._chunks = []
        return joined

    async def more(self) -> bytes:
        """Return the next body bytes, b"" at the end. Raises ConnectionError when the connection breaks."""
        while not self._chunks and not self.complete:
            await self._progress()
        return self.taken()

    async def _progress(self) -> None:
        if self.error is not None:
            raise self.error
        self._waiting = self._loop.create_future()
        await self._waiting

    def stream_to(self, sink: Sink) -> None:
        """Hand the rest of the body to a sink; bytes that came already are not repeated (see `taken`)."""
        self._sink = sink
        if self.complete or self.error is not None:
            sink.end(self.error)

    def pause(self) -> None:
        """Stop reading: the client does not keep up."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def release(self) -> None:
        """Give the connection back; one that is not at a message's end is closed, which makes the engine stop."""
        self._sink = None
        transport = self.transport
        if transport is None:
            return
        if self.complete and self._keep and not transport.is_closing():
            transport.resume_reading()  # a large answer that came at once has paused a client's end of it
            self._pool.put(self)
        else:
            transport.abort()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser; whatever body it yields goes out in one piece."""
        if self._parser is None:  # bytes nobody asked for: the peer is confused
            self._abort()
            return
        self._got_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the engine's answer is not HTTP: {error}"))
            self._abort()
            return
        self._deliver()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: a body without framing ends here by design (HTTP/1.0), any other is broken."""
        self._pool.forget(self)
        if self.complete or self._parser is None:
            return
        if exc is None and self.status and not self._framed:
            self._deliver()
            self.on_message_complete()
            self._deliver()
            return
        self._fail(ConnectionResetError("the engine closed the connection"))

    # -- httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the few headers that matter."""
        lower = name.lower()
        if lower == b"content-type":
            self.content_type = value
        elif lower in (b"content-length", b"transfer-encoding"):
            self._framed = True
        elif lower == b"retry-after":
            self.retry_after = value

    def on_headers_complete(self) -> None:
        """Wake whoever waits for the head."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        self._keep = self._parser.should_keep_alive()
        if self.status < 200:  # 100 Continue and friends announce the real head
            return
        if self._head is not None and not self._head.done():
            self._head.set_result(None)

    def on_body(self, data: bytes) -> None:
        """Collect; `data_received` delivers."""
        self._chunks.append(data)

    def on_message_complete(self) -> None:
        """Mark the exchange as whole."""
        if 0 < self.status < 200:
            return
        self.complete = True
        self._parser = None

    # -- inside

    def _deliver(self) -> None:
        sink = self._sink
        if sink is not None:
            if self._chunks:
                sink.data(self.taken())
            if self.complete:
                self._sink = None
                sink.end(None)
        elif self._waiting is not None and (self.complete or self._chunks):
            waiting, self._waiting = self._waiting, None
            if not waiting.done():
                waiting.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._parser = None
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
            return
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.end(error)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Pool:
    """Idle connections to one address, newest first; there is no upper bound, admission is the policy's business."""

    def __init__(self, upstream: Upstream, connect_seconds: float) -> None:
        self._host, self._port = upstream.host, upstream.port
        self._tls = ssl.create_default_context() if upstream.tls else None
        self._connect_seconds = connect_seconds
        self._idle: deque[Exchange] = deque()
        self._closed = False
        self._loop = asyncio.get_running_loop()

    async def get(self, *, fresh: bool = False) -> Exchange:
        """Return a connection, an idle one unless `fresh`.

        Raises OSError (refused, unreachable, TLS) or TimeoutError after the connect limit, 0 being none.
        """
        oldest = self._loop.time() - IDLE_SECONDS
        while self._idle and not fresh:
            exchange = self._idle.pop()
            transport = exchange.transport
            if transport is None or transport.is_closing():
                continue
            if exchange.idle_since < oldest:
                transport.abort()
                continue
            exchange.reused = True
            return exchange
        async with asyncio.timeout(self._connect_seconds or None):
            _, exchange = await self._loop.create_connection(
                lambda: Exchange(self, self._loop), self._host, self._port, ssl=self._tls
            )
        return exchange

    def put(self, exchange: Exchange) -> None:
        """Keep a connection for the next exchange; nobody asks a pool again that was closed meanwhile."""
        if self._closed and exchange.transport is not None:
            exchange.transport.abort()
            return
        exchange.idle_since = self._loop.time()
        self._idle.append(exchange)

    def forget(self, exchange: Exchange) -> None:
        """Drop a connection that has closed."""
        try:
            self._idle.remove(exchange)
        except ValueError:
            pass

    def close(self) -> None:
        """Close every idle connection, and later those still in use when they come back."""
        self._closed = True
        while self._idle:
            transport = self._idle.pop().transport
            if transport is not None:
                transport.abort()


class Pools:
    """One pool per upstream address, made on first use."""

    def __init__(self, connect_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        self._pools: dict[tuple[str, int, bool], Pool] = {}

    def of(self, upstream: Upstream) -> Pool:
        """Return the pool of an upstream's address."""
        address = (upstream.host, upstream.port, upstream.tls)
        pool = self._pools.get(address)
        if pool is None:
            pool = self._pools[address] = Pool(upstream, self._connect_seconds)
        return pool

    def retain(self, addresses: set[tuple[str, int, bool]]) -> None:
        """Close the pools of addresses that are no longer used."""
        for address in set(self._pools) - addresses:
            self._pools.pop(address).close()

    def close(self) -> None:
        """Close everything."""
        self.retain(set())
