"""A vendor's answer on its way in: outbound/exchange.py's Exchange over an aiohttp response.

Owns the pump that reads it, back-pressure towards the vendor, and the words for an answer that breaks. Bytes are read
as they come, so that what a vendor said before it broke off is never lost; a paused answer stops the socket itself.
Made by vendors.py.
"""

import asyncio
import math
from collections.abc import Mapping

import aiohttp

from flock.outbound.exchange import Sink
from flock.outbound.failures import Dropped, TooSlow


class VendorExchange:
    """One answer whose head is in."""

    __slots__ = (
        "__weakref__",
        "_chunks",
        "_most_bytes",
        "_named",
        "_paused",
        "_pump",
        "_response",
        "_resumed",
        "_silence_seconds",
        "_sink",
        "_size",
        "_waiting",
        "complete",
        "error",
        "headers",
        "status",
    )

    # what could be sent again has been by vendors.py, before the head came
    untouched = False

    def __init__(
        self, response: aiohttp.ClientResponse, named: str, *, silence_seconds: float, most_bytes: int
    ) -> None:
        self._response = response
        self._named = named
        self._silence_seconds = silence_seconds
        self._most_bytes = most_bytes
        self._sink: Sink | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._paused = False
        self._resumed: asyncio.Future[None] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.complete = False
        self.error: Exception | None = None
        self._pump = asyncio.get_running_loop().create_task(self._run())

    @property
    def content_type(self) -> bytes:
        """What the body is, b"" when the vendor does not say."""
        return self.headers.get("Content-Type", "").encode("latin-1", "replace")

    @property
    def retry_after(self) -> bytes:
        """When to ask again; OpenAI and Anthropic also tell it in milliseconds, in a header of their own."""
        told = self.headers.get("Retry-After", "")
        if told:
            return told.encode("latin-1", "replace")
        try:
            return b"%d" % max(0, math.ceil(float(self.headers.get("Retry-After-Ms", "")) / 1000))
        except (ValueError, OverflowError):
            return b""

    # -- what the forward path calls

    async def body(self) -> bytes:
        """Return the whole body. Raises ConnectionError or TimeoutError when it does not come whole."""
        while not self.complete:
            await self._progress()
        return self.taken()

    async def more(self) -> bytes:
        """Return the next body bytes, b"" at the end. Raises ConnectionError or TimeoutError when it breaks."""
        while not self._chunks and not self.complete:
            await self._progress()
        return self.taken()

    def taken(self) -> bytes:
        """Return and forget the body bytes that came so far."""
        chunks, self._chunks, self._size = self._chunks, [], 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def stream_to(self, sink: Sink) -> None:
        """Hand the rest of the body to a sink; bytes that came already are not repeated (see `taken`)."""
        self._sink = sink
        if self.complete or self.error is not None:
            sink.end(self.error)

    def pause(self) -> None:
        """Stop reading from the socket: the client does not keep up."""
        self._paused = True
        transport = self._transport()
        if transport is not None:
            transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        transport = self._transport()
        if transport is not None:
            transport.resume_reading()
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    def release(self) -> None:
        """Let go of the answer; one that has not ended is cut off at once, so that the vendor stops generating."""
        self._sink = None
        if self.complete:  # aiohttp took the connection back with the last byte
            return
        self._pump.cancel()
        transport = self._transport()
        if transport is not None:
            transport.abort()  # `close` would wait until what is buffered had gone out, over TLS for an answer to it
        self._response.close()

    def cut(self) -> None:
        """Break the answer off, for whoever waits for it as for the vendor."""
        if not self.complete and self.error is None:
            self._pump.cancel()
            self._fail(Dropped(f"the connection to {self._named} was closed by flock"))

    # -- inside

    def _transport(self) -> asyncio.Transport | None:
        """Return the transport while the answer is coming; afterwards it may be another request's."""
        connection = self._response.connection
        transport = connection.transport if connection is not None else None
        return transport if isinstance(transport, asyncio.Transport) and not transport.is_closing() else None

    async def _progress(self) -> None:
        if self.error is not None:
            raise self.error
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    async def _run(self) -> None:
        """Read to the end, and hand on what comes."""
        content = self._response.content
        try:
            while not self.complete:
                chunk = await self._read(content)
                self.complete = content.is_eof() and content.exception() is None
                self._deliver(chunk)
                if self._paused and not self.complete:
                    self._resumed = asyncio.get_running_loop().create_future()
                    await self._resumed
        except Exception as error:  # parsers and unpackers raise of many kinds, and whoever waits must hear of the end
            self._fail(self._failure(error))

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        """Return what came next. While the client is the one who does not read, a vendor's silence is no fault."""
        while True:
            try:
                async with asyncio.timeout(self._silence_seconds or None):
                    return await content.readany()
            except TimeoutError:
                if content.exception() is not None or not self._paused:
                    raise

    def _failure(self, error: Exception) -> OSError:
        match error:
            case TooSlow() | Dropped():
                return error
            case TimeoutError():
                return TooSlow(f"{self._named} sent nothing for {self._silence_seconds:g} s", sent=True)
            case aiohttp.ClientPayloadError() if "content-encoding" in str(error):
                return Dropped(f"the answer of {self._named} cannot be unpacked")
            case _:
                return Dropped(f"{self._named} closed the connection in the middle of its answer")

    def _deliver(self, chunk: bytes) -> None:
        sink = self._sink
        if sink is not None:
            if self._chunks:
                chunk = self.taken() + chunk
            if chunk:
                sink.data(chunk)
            if self.complete:
                self._sink = None
                sink.end(None)
            return
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
            if self._size > self._most_bytes:
                raise Dropped(f"the answer of {self._named} is larger than {self._most_bytes // 2**20} MiB")
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _fail(self, error: OSError) -> None:
        self.error = error
        transport = self._transport()
        if transport is not None:
            transport.abort()
        self._response.close()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.end(error)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
