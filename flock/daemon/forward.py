"""Moving response bytes to the client: the only loops that do.

Owns the client's side of an answer: headers, one transport write per upstream read, back-pressure, keep-alive comments
while an engine is silent, and how a stream ends. Refuses to choose or to retry (core/inference.py does). Called by
daemon/gateway.py; a Reply's `tick` by the watch over running requests.

Invariants (tests/e2e/test_streams.py): a broken upstream never ends in `[DONE]` or a clean end without an error; a
client that leaves makes the engine stop; a slow client never makes flock buffer more than one high-water mark.
"""

import asyncio
import logging

from aiohttp import web
from aiohttp.http import HttpVersion11, StreamWriter

from flock.config import Gateway as Limits
from flock.core import stages
from flock.core.answer import END_SECONDS, Answer, Tap, account
from flock.core.record import Record
from flock.daemon.headers import headers_of
from flock.dialects.half import FaultHalf
from flock.dialects.translate import TranslationTap
from flock.errors import Cancelled, FlockError, InternalError, UpstreamError, UpstreamStalled
from flock.wire.sse import KEEPALIVE

log = logging.getLogger(__name__)

# asyncio pauses writing above 64 KiB by default; above the same mark the engine is not read any further
HIGH_WATER = 64 * 1024
# A stream whose engine is silent for this long gets its headers and a comment; sooner errors keep their status
FIRST_WORD_SECONDS = 1.0
# How long a client whose request is ended from outside may take to read what it was sent, and why it ended
LAST_WORD_SECONDS = 0.5


class Reply:
    """The client's side of one request."""

    __slots__ = (
        "_answer",
        "_chunked",
        "_comment",
        "_draining",
        "_end_error",
        "_ended",
        "_full",
        "_last",
        "_limits",
        "_loop",
        "_request",
        "_response",
        "_server",
        "_task",
        "_transport",
        "_wake",
        "_writer",
        "interrupted",
        "last_write",
        "record",
    )

    def __init__(self, request: web.Request, record: Record, limits: Limits, server: FaultHalf) -> None:
        self._request = request
        self._server = server
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._response: web.StreamResponse | None = None
        self._writer: StreamWriter | None = None
        self._transport: asyncio.Transport | None = None
        self._chunked = True
        self._answer: Answer | None = None
        self._wake: asyncio.Future[None] | None = None
        self._ended = False
        self._end_error: Exception | None = None
        self._last = b""
        self._full = False
        self._draining = False
        self._comment: asyncio.Task[None] | None = None
        self.record = record
        self.interrupted: FlockError | None = None
        self.last_write = record.arrived
        record.interrupt, record.tick = self.interrupt, self.tick

    # -- whole answers

    def whole(self, answer: Answer) -> web.Response:
        """Return the response of a plain answer and give the connection back."""
        record = self.record
        body = answer.body or b""
        self._sending()
        answer.release()
        self.close()
        record.status, record.bytes_out = answer.status, len(body)
        record.outcome = "ok" if answer.status < 400 else "error"
        headers = headers_of(record)
        headers["Content-Type"] = answer.content_type
        if answer.retry_after:
            headers["Retry-After"] = answer.retry_after
        return web.Response(status=answer.status, body=body, headers=headers)

    # -- streams

    async def start(self) -> None:
        """Send the headers of a stream. Nothing inside suspends, so watch and handler cannot interleave here."""
        if self._response is not None:
            return
        headers = headers_of(self.record)
        answer = self._answer
        headers["Content-Type"] = answer.content_type if answer is not None and answer.raw else self._server.STREAM_TYPE
        headers["Cache-Control"] = "no-cache"
        headers["X-Accel-Buffering"] = "no"
        response = self._response = web.StreamResponse(headers=headers)
        self._chunked = self._request.version >= HttpVersion11
        if self._chunked:
            response.enable_chunked_encoding()
        writer = await response.prepare(self._request)
        transport = self._request.transport
        if transport is None:
            raise ConnectionResetError("the client left")
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(writer, StreamWriter)
        self._transport, self._writer = transport, writer
        self.record.status = 200

    @property
    def started(self) -> bool:
        """Whether headers of a stream have gone out: errors must then travel inside it."""
        return self._response is not None

    def close(self) -> None:
        """Send no more comments: something else ends the answer."""
        self._ended = True

    def tick(self, now: float) -> None:
        """Bound the silence of the request and keep its connection warm; called a few times a second while it runs."""
        record, limits = self.record, self._limits
        silent = now - record.last
        setting = "stall_seconds" if record.first else "first_token_seconds"
        limit = limits.stall_seconds if record.first else limits.first_token_seconds
        if limit and record.sent and silent > limit:
            if self._draining:
                self.interrupt(Cancelled(f"the client has read nothing for {silent:.0f} s", hint="read the stream"))
                return
            self.interrupt(
                UpstreamStalled(
                    f"{record.engine} sent nothing for {silent:.0f} s",
                    hint=f"raise the limit, 0 is none: flock config set gateway.{setting} {2 * limit:g}",
                )
            )
            return
        if silent > END_SECONDS and self._has_answered():
            self.end(None)
            return
        keepalive = limits.keepalive_seconds
        if not self._server.KEEPALIVE or self._is_raw():
            return
        if record.stream and keepalive and now - self.last_write > (keepalive if self.started else FIRST_WORD_SECONDS):
            self.last_write = now
            self._comment = self._loop.create_task(self._send_comment())

    def _has_answered(self) -> bool:
        """Return whether a translation waits for nothing but the end of an answer that is over.

        In a relay the client has heard the end, and a second answer (n > 1) may still be going on.
        """
        tap = self._answer.tap if self._answer is not None and not (self._ended or self._full) else None
        return isinstance(tap, TranslationTap) and tap.finished

    def _is_raw(self) -> bool:
        """Return whether the answer is no dialect's, so that nothing can be said in it."""
        return self._answer is not None and self._answer.raw

    async def _send_comment(self) -> None:
        if self._ended or self._is_raw():  # in the same turn of the loop in which this was scheduled
            return
        try:
            await self.start()
            tap = self._answer.tap if self._answer is not None else None
            if (tap is None or tap.between_frames) and not self._draining:
                assert self._writer is not None
                comment = self._sign_of_life()
                self.record.bytes_out += len(comment)
                await self._writer.write(comment, drain=False)
        except ConnectionError:
            pass  # the client left; its handler hears of that by itself

    def _sign_of_life(self) -> bytes:
        """Return what keeps the client waiting; where that is a comment, it says what the wait is for."""
        keepalive = self._server.KEEPALIVE
        words = self.record.words
        return f": {words}\n\n".encode() if words and keepalive == KEEPALIVE else keepalive

    async def rest(self, body: bytes) -> web.StreamResponse:
        """End a stream that has begun with the frames of a whole answer."""
        await self.start()
        assert self._response is not None
        self.close()
        self.record.bytes_out += len(body)
        self.record.outcome = "ok"
        return await self._say(body)

    async def stream(self, answer: Answer) -> web.StreamResponse:
        """Pass a committed stream on to its end; raises CancelledError when the client leaves."""
        assert answer.tap is not None
        self._answer = answer
        self.record.counted = answer.tap.counted
        exchange = answer.exchange
        try:
            await self.start()
            await self._begin(answer.head)
            exchange.stream_to(self)
            rest = exchange.taken()
            if rest:
                self.data(rest)
            while not self._ended:
                if self._full:
                    await self._drain()
                    exchange.resume()
                    continue
                self._wake = self._loop.create_future()
                await self._wake
            return await self._finish(answer)
        finally:
            exchange.release()
            account(self.record, answer)

    async def fault(self, error: FlockError) -> web.StreamResponse:
        """End a stream that has begun with the dialect's in-stream error."""
        await self.start()
        self.close()
        self.record.outcome = "partial" if self.record.first else "error"
        self.record.error = error.code
        return await self._say(self._spelled(error))

    # -- Sink: called by the upstream connection

    def data(self, chunk: bytes) -> None:
        """Pass one read on in one write; stop reading when the client's buffer is full.

        Runs inside the engine's transport, which would take an exception for a lost connection, or lose the end.
        """
        answer, transport = self._answer, self._transport
        assert answer is not None
        assert answer.tap is not None
        try:
            out = answer.tap.feed(chunk)
        except Exception as error:
            answer.exchange.pause()
            self.end(self._failed(error))
            return
        now = self._loop.time()
        self.record.last = now
        if not out or transport is None or transport.is_closing():
            return
        if answer.exchange.complete:  # the end follows at once: one write for both
            self._last = out
            return
        self.last_write = now
        self.record.bytes_out += len(out)
        transport.write(b"%x\r\n%b\r\n" % (len(out), out) if self._chunked else out)
        if transport.get_write_buffer_size() > HIGH_WATER:
            self._fill(answer)

    def end(self, error: Exception | None) -> None:
        """Take the end of the upstream's stream; why it was given up before counts more."""
        self._ended, self._end_error = True, self._end_error or error
        self._wake_up()

    def interrupt(self, error: FlockError) -> None:
        """End the request from outside (revoked key, stall, shutdown): typed, and within the loop's next turn."""
        if self.interrupted is not None:
            return
        self.interrupted = error
        if self._transport is not None:
            self._loop.call_later(LAST_WORD_SECONDS, self._give_up, self._transport)
        if self._answer is not None:
            self.end(error)
        elif self._task is not None:
            self._task.cancel()

    def _give_up(self, transport: asyncio.Transport) -> None:
        if not self.record.ended:  # a client that reads nothing would not read an error either
            transport.abort()

    # -- inside

    async def _begin(self, data: bytes) -> None:
        """Send the headers, where no comment has yet, with the first bytes; never waits for a slow client.

        Waiting would leave the engine's connection unpaused with nobody to take what it sends.
        """
        assert self._writer is not None
        assert self._transport is not None
        assert self._answer is not None
        self.record.bytes_out += len(data)
        self.last_write = self._loop.time()
        # also where all of it was withheld: `data` writes past aiohttp's writer, which may still hold the headers
        await self._writer.write(data, drain=False)
        if self._transport.get_write_buffer_size() > HIGH_WATER:
            self._fill(self._answer)

    def _fill(self, answer: Answer) -> None:
        self._full = True
        answer.exchange.pause()
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _drain(self) -> None:
        assert self._writer is not None
        self._draining = True
        await self._writer.drain()
        self._draining = self._full = False

    async def _finish(self, answer: Answer) -> web.StreamResponse:
        assert self._response is not None
        assert answer.tap is not None
        record, tap = self.record, answer.tap
        self._sending()
        if self._end_error is None:
            tap.end()
        error = self.interrupted or self._broken(answer)
        last = self._last
        if error is not None and not self._answered(tap):
            record.outcome, record.error = "partial", error.code
            if answer.raw:
                return self._cut()
            # a frame of which half has gone out must not swallow the error; what was held back of one is dropped
            last += (b"" if tap.between_frames else b"\n\n") + self._spelled(error)
        elif tap.fault is not None:
            record.outcome, record.error = "partial", UpstreamError.code
        else:
            record.outcome = "ok"
            last += tap.close()
        record.bytes_out += len(last)
        return await self._say(last)

    def _sending(self) -> None:
        """Note that all of the answer is here and what is left is the client's to take."""
        self.record.said = self._loop.time()
        stages.tell(self.record, "sending")

    def _cut(self) -> web.StreamResponse:
        """Break the connection: a stream of sound can say no error, and a clean end would be a success."""
        assert self._response is not None
        if self._transport is not None:
            self._transport.abort()
        return self._response

    async def _say(self, last: bytes) -> web.StreamResponse:
        """Send the last bytes of the answer."""
        assert self._response is not None
        self._draining = True  # until the client has taken it: what it never takes must not hold the request for ever
        await self._response.write_eof(last)
        return self._response

    def _spelled(self, error: FlockError) -> bytes:
        """Return an error as the last frames of this stream, whatever has gone out of it."""
        if self._answer is not None and self._answer.fault is not None:
            try:
                return self._answer.fault(error)
            except Exception:  # a writer that has failed may fail at this too
                log.exception("request %s: the error could not be written", self.record.id)
        return self._server.stream_fault(error, self.record.id)

    def _failed(self, error: Exception) -> FlockError:
        """Return what a client is told of an exception in the reading or writing of its stream."""
        if isinstance(error, FlockError):
            return error
        log.error("request %s failed", self.record.id, exc_info=error)
        return InternalError("flock failed on this request", hint="flock logs")

    def _answered(self, tap: Tap) -> bool:
        """Return whether the engine had said all before it died, or fell silent without an end."""
        quiet = self.interrupted is None or isinstance(self.interrupted, UpstreamStalled)
        return tap.finished and quiet and not isinstance(self._end_error, InternalError)

    def _broken(self, answer: Answer) -> FlockError | None:
        assert answer.tap is not None
        if self._end_error is None and (answer.tap.finished or answer.tap.fault is not None):
            return None
        if isinstance(self._end_error, InternalError):
            return self._end_error
        said = answer.tap.failure or self._end_error
        why = f": {said}" if said else ""
        return UpstreamError(
            f"{self.record.engine} broke off in the middle of its answer{why}", hint="send the request again"
        )
