"""The commit point: from the head of an upstream's response to an Answer the door can move.

Owns how a response is read up to the point from which its bytes go to the client, in whichever form it came: a stream
or one piece, for a client that asked for either. Until then every failure is an error another upstream may still avert.
Called by core/inference.py.
"""

import asyncio
from dataclasses import replace

import orjson

from flock.clock import Clock
from flock.core import relays, stages
from flock.core.answer import AGAIN, END_SECONDS, Answer, RawTap, addressing, said
from flock.core.record import Record
from flock.core.refusal import check, named, seconds_of, too_long
from flock.dialects.ask import Ask
from flock.dialects.echo import EchoTap, echoed
from flock.dialects.estimate import estimate
from flock.dialects.history import clean
from flock.dialects.ir import Reply, Usage
from flock.dialects.ollama.loading import is_load
from flock.dialects.ollama.usage import is_estimated
from flock.dialects.openai import upstream as openai
from flock.dialects.openai.overflow import read_overflow
from flock.dialects.plan import TRANSLATE, Plan
from flock.dialects.responses.tap import ResponsesTap
from flock.dialects.table import UPSTREAMS
from flock.dialects.tasks.task import EVENTS, Sent
from flock.dialects.translate import Crossing, Gathering
from flock.errors import FlockError, UpstreamError
from flock.outbound.exchange import Exchange
from flock.plain import is_object
from flock.upstream import Upstream


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
        exchange, made = self._exchange, self._made
        try:
            if made.task is not None:
                return await self._task(made.task)
            if exchange.status != 200 or not self._is_stream():
                return await self._whole()
            if not self._ask.stream:
                return await self._gathered()
            return await (self._translated() if made.kind == TRANSLATE else self._relayed())
        except UpstreamError as error:
            # said in the stream, or under the status of a success: some begin to answer before they count
            overflow = read_overflow(400, orjson.dumps({"error": {"message": clean(error.sentence)}}))
            if overflow is not None:
                raise too_long(error.sentence, *overflow) from None
            raise named(error, self._upstream) from None

    def _is_stream(self) -> bool:
        """Return whether the answer is framed as the streams of the dialect that is spoken are."""
        framing = UPSTREAMS[self._made.dialect].FRAMING
        return self._exchange.content_type.lower().startswith(framing.media_type.encode())

    def _is_renamed(self) -> bool:
        """Return whether the answer names the model by another name than the client used; Gemini's names none."""
        return self._ask.model != self._made.model and "{model}" not in self._ask.path

    # -- what is no conversation

    async def _task(self, sent: Sent) -> Answer:
        """Return the answer to a task: whole, or piece by piece where it needs no rewriting."""
        exchange, record = self._exchange, self._record
        record.estimated = False
        events = exchange.content_type.lower().startswith(EVENTS.encode())
        if exchange.status < 400 and sent.streams and (sent.finish is None or events):
            head = await self._more()
            self._first()
            tap = RawTap(sent.usage_of)
            return Answer(exchange, None, head=tap.feed(head), tap=tap, raw=True)
        body = await exchange.body()
        if exchange.status >= 400:
            if (error := sent.refusal(exchange.status, body)) is not None:
                raise error
            self._refuse(body)
            return Answer(exchange, body)
        self._first()
        if sent.finish is None:
            record.usage = sent.usage_of(body)
            named = exchange.content_type.lower().startswith(b"application/json") and self._is_renamed()
            return Answer(exchange, echoed(body, self._ask.model) if named else body)
        done = sent.finish(body, exchange.content_type.decode("latin-1"))
        record.usage = done.usage
        return Answer(exchange, done.body, done.content_type)

    # -- answers in one piece

    async def _whole(self) -> Answer:
        exchange, made, ask, record = self._exchange, self._made, self._ask, self._record
        body = await exchange.body()
        if exchange.status >= 400:
            self._refuse(body)
            return Answer(exchange, body)
        record.estimated = False
        # an Ollama says in one piece that a model is loaded, whatever was asked for
        if made.kind != TRANSLATE and (not ask.stream or (ask.dialect == "ollama" and is_load(ask))):
            record.usage = self._usage(body)
            record.estimated = is_estimated(record.usage)
            if record.usage is None:  # what tells its usage is an answer
                self._check(body)
            self._first()
            return Answer(exchange, echoed(body, ask.model) if self._is_renamed() else body)
        crossing = self._crossing()
        reply = crossing.read(body)
        record.usage, record.estimated = reply.usage, is_estimated(reply.usage)
        self._first()
        return self._said(crossing, reply)

    def _usage(self, body: bytes) -> Usage | None:
        """Return the usage of a whole answer's bytes, None where it tells none."""
        dialect = self._made.dialect
        if dialect == "openai":
            return openai.read_body_usage(body)
        try:  # an Ollama at times does not count the prompt; the crossing knows about how long it is
            half = self._crossing().upstream if dialect == "ollama" else UPSTREAMS[dialect]
            return half.read_reply(orjson.loads(body), {}).usage
        except (ValueError, FlockError):
            return None

    def _check(self, body: bytes) -> None:
        """Raise UpstreamError for what no client of any dialect would take for an answer."""
        try:
            found = orjson.loads(body)
        except ValueError:
            found = None
        if not is_object(found):
            raise UpstreamError(f"what {self._upstream.engine} answered is no JSON object", hint=AGAIN)
        if "id" not in found and (openai.is_fault(body) or isinstance(found.get("error"), str)):
            raise UpstreamError(f"{self._upstream.engine} failed: {openai.read_fault(body)}", hint=AGAIN)

    async def _gathered(self) -> Answer:
        """Collect a stream for a client that wants one piece; nothing goes out before its end."""
        crossing, record = self._crossing(), self._record
        gathering = Gathering(crossing.events())
        record.counted = lambda: Usage(output=gathering.tokens)
        try:
            while data := await self._next(said_all=gathering.ended):
                gathering.feed(data)
                if gathering.begun:  # an engine's signs of life are no first token
                    self._first()
            reply = gathering.reply()
        except BaseException:  # the engine broke off, or the client left: what came has been paid for
            record.usage, record.estimated = Usage(output=gathering.tokens), True
            raise
        record.usage, record.estimated = (
            reply.usage or Usage(output=gathering.tokens),
            reply.usage is None or is_estimated(reply.usage),
        )
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
        dialect, framing = self._made.dialect, UPSTREAMS[self._made.dialect].FRAMING
        seen, cutter = b"", framing.cutter()
        while True:
            data = await self._more()
            seen += data
            whole, _ = cutter.feed(data)
            event = relays.first_event(dialect, whole) if whole else None
            if event is not None:
                break
        fault = relays.fault_of(dialect, event)
        if fault is not None:
            raise UpstreamError(f"{self._upstream.engine} failed: {fault}", hint=AGAIN)
        self._first()
        tap = relays.tap(self._made)
        # the vendor's library takes a failure only of the response that has begun
        spell = tap.write_fault if isinstance(tap, ResponsesTap) else None
        there, ask = self._made.model, self._ask
        shown = EchoTap(tap, there, ask.model, framing) if ask.model and self._is_renamed() else tap
        return Answer(self._exchange, None, head=shown.feed(seen), tap=shown, fault=spell)

    async def _more(self) -> bytes:
        data = await self._exchange.more()
        if not data:
            raise UpstreamError(f"{self._upstream.engine} ended its stream before the first event", hint=AGAIN)
        return data

    # -- what both need

    def _first(self) -> None:
        record = self._record
        record.last = self._clock.monotonic()
        if not record.first:
            record.first = record.last
            stages.begins(record)

    def _crossing(self) -> Crossing:
        made = self._made
        assert made.crossing is not None
        return made.crossing()

    def _refuse(self, body: bytes) -> None:
        """Raise for answers that must not reach the client as they are."""
        exchange = self._exchange
        wait = seconds_of(exchange.retry_after.decode("latin-1"), self._clock.now())
        lent = self._record.lent
        check(self._upstream, self._made, self._ask.dialect, exchange.status, body, wait, lent=lent)
