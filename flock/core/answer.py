"""The commit point: from the head of an upstream's response to an Answer the door can move.

Owns how a response is read up to the point from which its bytes go to the client, in whichever form it came: a stream
or one piece, for a client that asked for either. Until then every failure is an error another upstream may still avert.
Called by core/inference.py.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Protocol

import orjson

from flock.clock import Clock
from flock.core.record import Record
from flock.dialects.anthropic.tap import MessagesTap
from flock.dialects.ask import Ask
from flock.dialects.echo import EchoTap, echoed
from flock.dialects.estimate import estimate
from flock.dialects.half import Addressing
from flock.dialects.history import clean
from flock.dialects.ir import Reply, Usage
from flock.dialects.openai import upstream as openai
from flock.dialects.openai.overflow import read_overflow
from flock.dialects.plan import TRANSLATE, Plan
from flock.dialects.responses import tap as responses
from flock.dialects.table import UPSTREAMS
from flock.dialects.translate import Crossing, Gathering
from flock.errors import ContextTooLong, EngineBusy, EngineOverloaded, EngineRefused, FlockError, UpstreamError
from flock.outbound.pool import Exchange
from flock.plain import is_object
from flock.upstream import Upstream
from flock.wire.sse import Frames

AGAIN = "send the request again; how the engines are: flock engine ls"
# An engine that has told why it stopped says no more than its usage; one that does not end then is not waited for
END_SECONDS = 3.0
_STREAM, _JSON = "text/event-stream; charset=utf-8", "application/json"


class Tap(Protocol):
    """Looks at a stream on its way: what came in goes out of `feed` as the client is to get it."""

    @property
    def between_frames(self) -> bool:
        """Whether what has gone out so far ends with a whole frame."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the upstream said that its answer is over."""
        ...

    @property
    def fault(self) -> str | None:
        """A failure the upstream reported and `feed` has passed on."""
        ...

    @property
    def failure(self) -> str:
        """The words of a failure the upstream reported and `feed` has not passed on, "" for none."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Return what the client gets for the bytes of one read."""
        ...

    def end(self) -> None:
        """Hear that the upstream's stream has ended by itself, before it is asked whether it is finished."""
        ...

    def close(self) -> bytes:
        """Return what is left after a good end."""
        ...

    def usage(self) -> Usage | None:
        """Return the usage the stream told."""
        ...

    def counted(self) -> Usage:
        """Return what flock counted."""
        ...


class Answer:
    """A committed answer. `body` is the whole of a plain one; None means a stream that `tap` looks at.

    `head` are the first bytes for the client, looked at already; `fault` spells an error that ends the stream.
    """

    __slots__ = ("_exchange", "body", "content_type", "fault", "head", "retry_after", "status", "tap")

    def __init__(
        self,
        exchange: Exchange | None,
        body: bytes | None,
        content_type: str = "",
        *,
        head: bytes = b"",
        tap: Tap | None = None,
        fault: Callable[[FlockError], bytes] | None = None,
    ) -> None:
        self._exchange = exchange
        self.status = exchange.status if exchange else 200
        self.content_type = content_type or (exchange.content_type.decode("latin-1") if exchange else "") or _JSON
        self.retry_after = exchange.retry_after.decode("latin-1") if exchange else ""
        self.body = body
        self.head = head
        self.tap = tap
        self.fault = fault

    @property
    def exchange(self) -> Exchange:
        """The connection a stream comes over."""
        assert self._exchange is not None
        return self._exchange

    def release(self) -> None:
        """Give the connection back, where there is one."""
        if self._exchange is not None:
            self._exchange.release()


def said(crossing: Crossing, reply: Reply, to: Addressing, *, stream: bool, exchange: Exchange | None = None) -> Answer:
    """Return a whole reply as the answer of a client that asked for a stream, or for one piece."""
    if stream:
        return Answer(exchange, crossing.replayed(reply, to), _STREAM)
    return Answer(exchange, crossing.whole(reply, to), _JSON)


class Commit:
    """One response on its way to the commit point."""

    def __init__(
        self, record: Record, exchange: Exchange, upstream: Upstream, made: Plan, ask: Ask, clock: Clock
    ) -> None:
        self._record = record
        self._exchange = exchange
        self._upstream = upstream
        self._made = made
        self._ask = ask
        self._clock = clock

    async def answer(self) -> Answer:
        """Read up to the commit point. Raises UpstreamError and its like, or what the engine refuses the request for.

        A stream that was asked for is committed by its first event, everything else by its end.
        """
        exchange = self._exchange
        try:
            if exchange.status != 200 or not exchange.content_type.lower().startswith(b"text/event-stream"):
                return await self._whole()
            if not self._ask.stream:
                return await self._gathered()
            return await (self._translated() if self._made.kind == TRANSLATE else self._relayed())
        except UpstreamError as error:
            # said in the stream, or under the status of a success: some begin to answer before they count
            overflow = read_overflow(400, orjson.dumps({"error": {"message": clean(error.sentence)}}))
            raise (error if overflow is None else _too_long(error.sentence, *overflow)) from None

    # -- answers in one piece

    async def _whole(self) -> Answer:
        exchange, made, ask, record = self._exchange, self._made, self._ask, self._record
        body = await exchange.body()
        if exchange.status >= 400:
            self._refuse(body)
            return Answer(exchange, body)
        record.estimated = False
        if made.kind != TRANSLATE and not ask.stream:
            record.usage = _usage(made.dialect, body)
            if record.usage is None:  # what tells its usage is an answer
                self._check(body)
            self._first()
            return Answer(exchange, echoed(body, ask.model) if ask.model != record.model else body)
        crossing = self._crossing()
        reply = crossing.read(body)
        record.usage = reply.usage
        self._first()
        return self._said(crossing, reply)

    def _check(self, body: bytes) -> None:
        """Raise UpstreamError for what no client of any dialect would take for an answer."""
        try:
            found = orjson.loads(body)
        except ValueError:
            found = None
        if not is_object(found):
            raise UpstreamError(f"what {self._upstream.engine} answered is no JSON object", hint=AGAIN)
        if "id" not in found and openai.is_fault(body):
            raise UpstreamError(f"{self._upstream.engine} failed: {openai.read_fault(body)}", hint=AGAIN)

    async def _gathered(self) -> Answer:
        """Collect a stream for a client that wants one piece; nothing goes out before its end."""
        crossing, record = self._crossing(), self._record
        gathering = Gathering(crossing.events())
        try:
            while data := await self._next(said_all=gathering.ended):
                gathering.feed(data)
                if gathering.begun:  # an engine's signs of life are no first token
                    self._first()
            reply = gathering.reply()
        except BaseException:  # the engine broke off, or the client left: what came has been paid for
            record.usage, record.estimated = Usage(output=gathering.tokens), True
            raise
        record.usage, record.estimated = reply.usage or Usage(output=gathering.tokens), reply.usage is None
        return self._said(crossing, reply)

    async def _next(self, *, said_all: bool) -> bytes:
        """Return the next bytes of the stream, b"" at its end, or where there should have been one."""
        if not said_all:
            return await self._exchange.more()
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self._exchange.more()
        except TimeoutError:
            return b""

    def _said(self, crossing: Crossing, reply: Reply) -> Answer:
        return said(crossing, reply, addressing(self._record), stream=self._ask.stream, exchange=self._exchange)

    # -- streams

    async def _translated(self) -> Answer:
        crossing, to = self._crossing(), addressing(self._record)
        if self._ask.dialect == "anthropic":  # its first event tells the prompt's tokens, which engines tell last
            to = replace(to, input_estimate=crossing.told(Usage(input=estimate(crossing.request))).input)
        tap = crossing.tap(to)
        head = b""
        while not tap.begun:
            head += tap.feed(await self._more())
        if tap.failure:
            raise UpstreamError(f"{self._upstream.engine} failed: {tap.failure}", hint=AGAIN)
        self._first()
        return Answer(self._exchange, None, head=head, tap=tap, fault=tap.write_fault)

    async def _relayed(self) -> Answer:
        seen, frames = b"", Frames()
        while True:
            data = await self._more()
            seen += data
            whole, _ = frames.feed(data)
            event = openai.first_event(whole) if whole else None
            if event is not None:
                break
        fault = responses.event_fault(event) if self._made.dialect == "responses" else openai.event_fault(event)
        if fault is not None:
            raise UpstreamError(f"{self._upstream.engine} failed: {fault}", hint=AGAIN)
        self._first()
        tap = self._relay_tap()
        # the vendor's library takes a failure only of the response that has begun
        spell = tap.write_fault if isinstance(tap, responses.ResponsesTap) else None
        record, ask = self._record, self._ask
        shown = EchoTap(tap, record.model, ask.model) if ask.model and ask.model != record.model else tap
        return Answer(self._exchange, None, head=shown.feed(seen), tap=shown, fault=spell)

    def _relay_tap(self) -> Tap:
        made = self._made
        if made.dialect == "responses":
            return responses.ResponsesTap()
        return MessagesTap() if made.dialect == "anthropic" else openai.StreamTap(made.withhold_usage)

    async def _more(self) -> bytes:
        data = await self._exchange.more()
        if not data:
            raise UpstreamError(f"{self._upstream.engine} ended its stream before the first event", hint=AGAIN)
        return data

    # -- what both need

    def _first(self) -> None:
        record = self._record
        record.last = self._clock.monotonic()
        record.first = record.first or record.last

    def _crossing(self) -> Crossing:
        made = self._made
        assert made.crossing is not None
        return made.crossing()

    def _refuse(self, body: bytes) -> None:
        """Raise for answers that must not reach the client as they are; the engine's own 4xx about the request may."""
        upstream, status = self._upstream, self._exchange.status
        words = openai.read_fault(body) or f"status {status}"
        overflow = read_overflow(status, body)
        if overflow is not None:
            raise _too_long(words, *overflow)
        if status in (401, 403):
            # the client's key is fine: it is flock's key for the engine that is not
            raise UpstreamError(
                f"{upstream.engine} refuses flock's own key for it ({status}): {words}",
                hint=f"give it again: flock engine detach {upstream.engine} && flock engine attach {upstream.url}",
            )
        wait = seconds_of(self._exchange.retry_after.decode("latin-1"), self._clock.now())
        details = {} if wait is None else {"retry_after": wait}
        if status == 429:
            raise EngineBusy(f"{upstream.engine} takes no more requests for now: {words}", details=details)
        if status in (503, 529):
            raise EngineOverloaded(f"{upstream.engine} is overloaded ({status}): {words}", hint=AGAIN, details=details)
        blamed = status == 500 and words.startswith(upstream.profile.request_faults)
        if status >= 500 and not blamed:
            raise UpstreamError(f"{upstream.engine} failed with status {status}: {words}", hint=AGAIN)
        if blamed or self._made.kind == TRANSLATE or not _is_own_fault(self._ask.dialect, body):
            raise EngineRefused(
                f"{upstream.engine} refuses the request ({status}): {words}", hint="correct the request"
            )


def addressing(record: Record) -> Addressing:
    """Return what the writers say of an answer: the request's id, and the model by the name the client used."""
    return Addressing(record.id, record.requested or record.model, int(record.at))


def seconds_of(retry_after: str, now: float) -> int | None:
    """Return the seconds that a Retry-After header means, a number or a date (RFC 9110, 10.2.3); None for neither."""
    if retry_after.isdecimal() and retry_after.isascii():
        return int(retry_after[:9])
    try:
        return max(0, math.ceil(parsedate_to_datetime(retry_after).timestamp() - now))
    except (ValueError, OverflowError):
        return None


def _too_long(words: str, tokens: int | None, limit: int | None) -> ContextTooLong:
    """Return the error of a prompt that does not fit the window, with both numbers where they are known."""
    details = {name: value for name, value in (("tokens", tokens), ("limit", limit)) if value is not None}
    return ContextTooLong(
        words, hint="send a shorter conversation, or use a model with a larger window", details=details
    )


def _is_own_fault(dialect: str, body: bytes) -> bool:
    """Return whether an error body has the client's dialect's own shape and may be relayed as it is."""
    if dialect != "anthropic":
        return openai.is_fault(body)
    try:
        found = orjson.loads(body)
    except ValueError:
        return False
    return isinstance(found, dict) and "type" in found and openai.is_fault(body)


def _usage(dialect: str, body: bytes) -> Usage | None:
    """Return the usage of a whole answer's bytes, None where it tells none."""
    if dialect == "openai":
        return openai.read_body_usage(body)
    try:
        return UPSTREAMS[dialect].read_reply(orjson.loads(body), {}).usage
    except (ValueError, FlockError):
        return None
