"""Serving one request: resolve the model, choose, plan, send, commit, settle.

Owns the running requests, the attempts and the commit point: until the first event of a stream has been decoded (or
the whole body of a plain answer is in) nothing reaches the client, so another upstream may still be tried. Knows no
HTTP server: the door moves the bytes of the Answer this hands out.
"""

import asyncio
import difflib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from flock.clock import Clock
from flock.core.ids import REQUESTS_KEPT
from flock.core.metrics import Metrics
from flock.core.record import Record, Try
from flock.dialects.ask import Ask
from flock.dialects.openai import upstream as openai
from flock.dialects.plan import Plan, plan
from flock.errors import Draining, EngineRefused, EngineUnreachable, FlockError, ModelNotFound, UpstreamError
from flock.outbound.pool import Exchange, Pools
from flock.routing.choose import choose
from flock.routing.health import Health
from flock.upstream import Placement, Upstream
from flock.wire.sse import Frames

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

_AGAIN = "send the request again; how the engines are: flock engine ls"


class Places(Protocol):
    """Where models live; flock.engines.registry.Registry is the real one."""

    @property
    def table(self) -> Mapping[str, tuple[Placement, ...]]:
        """Model id → placements; replaced as a whole on every change."""
        ...

    async def ensure(self, placement: Placement, progress: Progress | None) -> Upstream:
        """Start an engine of ours, once for all who wait."""
        ...

    def report_dead(self, upstream_name: str, why: str) -> None:
        """Hear that an upstream refused a connection or dropped one."""
        ...


class Ledger(Protocol):
    """Who keeps settled records; flock.store.writer.Writer is the real one."""

    def put(self, entry: Record) -> None:
        """Take a settled record without waiting."""
        ...


class Answer:
    """A committed answer. `body` is the whole of a plain one; None means a stream whose first bytes are `head`."""

    __slots__ = ("body", "content_type", "exchange", "head", "retry_after", "status", "tap")

    def __init__(self, exchange: Exchange, body: bytes | None, head: bytes, tap: openai.StreamTap | None) -> None:
        self.exchange = exchange
        self.status = exchange.status
        self.content_type = exchange.content_type.decode("latin-1") or "application/json"
        self.retry_after = exchange.retry_after.decode("latin-1")
        self.body = body
        self.head = head
        self.tap = tap


class Inference:
    """The request path behind the doors."""

    def __init__(self, *, places: Places, pools: Pools, ledger: Ledger, metrics: Metrics, clock: Clock) -> None:
        self._places = places
        self._pools = pools
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._heads: dict[tuple[str, str], tuple[Upstream, bytes]] = {}
        self.health = Health(clock)
        self.default_model = ""
        self.running: dict[str, Record] = {}
        self.in_flight: dict[str, int] = {}
        self.total = 0
        self.recent: deque[str] = deque(maxlen=REQUESTS_KEPT)
        self.draining = False

    # -- the life of a record

    def begin(self, endpoint: str) -> Record:
        """Open the record of a request that just arrived. Raises Draining while the daemon goes down."""
        if self.draining:
            raise Draining("flock is going down and takes no new requests", hint="try again in a few seconds")
        record = Record(endpoint, self._clock.now(), self._clock.monotonic())
        self.running[record.id] = record
        self.total += 1
        return record

    def settle(self, record: Record) -> None:
        """Close a record: count it, keep it, forget it. Settling twice is harmless."""
        if self.running.pop(record.id, None) is None:
            return
        record.ended = self._clock.monotonic()
        record.interrupt = record.tick = None
        if record.tries:
            tried = record.tries[-1]
            tried.ended = record.ended
            if tried.status:
                self._leave(record.upstream)
        self.recent.append(record.id)
        self._metrics.settled(record)
        self._ledger.put(record)

    def interrupt_key(self, key_id: str, error: FlockError) -> None:
        """End every running request of a key with an error the client can read."""
        for record in list(self.running.values()):
            if record.key.id == key_id and record.interrupt is not None:
                record.interrupt(error)

    # -- from an Ask to an Answer

    def resolve(self, wanted: str) -> tuple[str, tuple[Placement, ...]]:
        """Return the model id and its placements; an empty name means the default model.

        Raises ModelNotFound with the nearest ids.
        """
        table = self._places.table
        name = wanted or self.default_model or next(iter(table), "")
        placements = table.get(name)
        if placements:
            return name, placements
        nearest = difflib.get_close_matches(name, list(table), n=3, cutoff=0.4)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise ModelNotFound(
            f"there is no model {name!r} here" if name else "no model is installed and the request names none",
            hint=f"{hint}list them: flock model ls",
            details={"param": "model", "nearest": nearest or list(table)[:5]},
        )

    async def open(self, record: Record, ask: Ask, progress: Progress | None = None) -> Answer:
        """Bring a request to its commit point, over as many upstreams as it takes.

        Raises the last upstream's error (EngineUnreachable, EngineFailed, UpstreamError), or ModelNotFound.
        """
        record.requested, record.stream = ask.model, ask.stream
        record.model, placements = self.resolve(ask.model)
        ranked = record.ranked = choose(placements, self.in_flight, self.health.suspect)
        record.chosen = self._clock.monotonic()
        failure: FlockError | None = None
        for choice in ranked:
            try:
                return await self._serve(record, ask, choice.placement, progress)
            except FlockError as error:
                if error.status < 500:
                    raise
                failure = failure or error
        assert failure is not None
        raise failure

    async def _serve(self, record: Record, ask: Ask, placement: Placement, progress: Progress | None) -> Answer:
        """Try one placement; an engine of ours that died while idle is started again once."""
        upstream = placement.upstream
        if upstream is None:
            upstream = await self._places.ensure(placement, progress)
        try:
            return await self._attempt(record, ask, placement.model, upstream)
        except EngineUnreachable as error:
            self._places.report_dead(upstream.name, error.sentence)
            if not placement.own or not error.details.get("refused"):
                raise
            upstream = await self._places.ensure(placement, progress)
            return await self._attempt(record, ask, placement.model, upstream)

    async def _attempt(self, record: Record, ask: Ask, model: str, upstream: Upstream) -> Answer:
        monotonic = self._clock.monotonic
        record.loaded = record.last = monotonic()
        made = plan(ask, model, upstream.profile)
        record.plan, record.edits = made.kind, made.edits
        record.upstream, record.engine = upstream.name, upstream.engine
        tried = Try(upstream.name, monotonic())
        record.tries.append(tried)
        self.in_flight[upstream.name] = self.in_flight.get(upstream.name, 0) + 1
        record.sent = tried.started
        exchange: Exchange | None = None
        try:
            exchange = await self._send(upstream, ask.path, made)
            tried.first_byte = record.last = monotonic()
            answer = await self._commit(record, exchange, upstream, made)
        except BaseException as error:
            if exchange is not None:
                exchange.release()
            self._leave(upstream.name)
            tried.ended = monotonic()
            tried.error = error.sentence if isinstance(error, FlockError) else type(error).__name__
            if isinstance(error, OSError):
                raise self._unreachable(upstream, error, sent=True) from None
            raise
        tried.status = answer.status
        self.health.served(upstream.name)
        return answer

    def _leave(self, upstream: str) -> None:
        self.in_flight[upstream] = max(0, self.in_flight.get(upstream, 1) - 1)

    async def _send(self, upstream: Upstream, path: str, made: Plan) -> Exchange:
        """Send the request; a kept-alive connection the engine had already closed is replaced once."""
        pool = self._pools.of(upstream)
        data = b"%b%d\r\n\r\n%b" % (self._head(upstream, path), len(made.body), made.body)
        try:
            exchange = await pool.get()
        except OSError as error:
            raise self._unreachable(upstream, error) from None
        try:
            await exchange.send(data)
        except ConnectionError as error:
            untouched = exchange.untouched
            exchange.release()
            if not untouched:
                raise self._unreachable(upstream, error, sent=True) from None
        except BaseException:
            exchange.release()
            raise
        else:
            return exchange
        try:
            exchange = await pool.get(fresh=True)
            await exchange.send(data)
        except OSError as error:
            exchange.release()
            raise self._unreachable(upstream, error) from None
        except BaseException:
            exchange.release()
            raise
        return exchange

    def _head(self, upstream: Upstream, path: str) -> bytes:
        """Return the request head up to the value of Content-Length, made once per upstream and path."""
        cached = self._heads.get((upstream.name, path))
        if cached is not None and cached[0] is upstream:
            return cached[1]
        auth = f"Authorization: Bearer {upstream.key}\r\n" if upstream.key else ""
        host = upstream.url.split("://", 1)[1].split("/", 1)[0]
        head = (
            f"POST {upstream.prefix}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\n{auth}Content-Length: "
        ).encode("latin-1")
        self._heads[upstream.name, path] = (upstream, head)
        return head

    async def _commit(self, record: Record, exchange: Exchange, upstream: Upstream, made: Plan) -> Answer:
        """Read up to the commit point: a stream's first event, or all of a plain answer."""
        streamed = exchange.status == 200 and exchange.content_type.startswith(b"text/event-stream")
        if not streamed:
            body = await exchange.body()
            if exchange.status >= 400:
                self._refuse(exchange, body, upstream)
            record.usage = openai.read_body_usage(body)
            record.first = record.last = self._clock.monotonic()
            return Answer(exchange, body, b"", None)
        seen, frames = b"", Frames()
        while True:
            data = await exchange.more()
            if not data:
                raise UpstreamError(f"{upstream.engine} ended its stream before the first event", hint=_AGAIN)
            seen += data
            whole, _ = frames.feed(data)
            event = openai.first_event(whole) if whole else None
            if event is not None:
                break
        fault = openai.event_fault(event)
        if fault is not None:
            raise UpstreamError(f"{upstream.engine} failed: {fault}", hint=_AGAIN)
        record.first = record.last = self._clock.monotonic()
        return Answer(exchange, None, seen, openai.StreamTap(made.withhold_usage))

    def _refuse(self, exchange: Exchange, body: bytes, upstream: Upstream) -> None:
        """Raise for answers that must not reach the client as they are; the engine's own 4xx about the request may."""
        words = openai.read_fault(body) or f"status {exchange.status}"
        if exchange.status in (401, 403):
            # the client's key is fine: it is flock's key for the engine that is not
            raise UpstreamError(
                f"{upstream.engine} refuses flock's own key for it ({exchange.status}): {words}",
                hint=f"give it again: flock engine detach {upstream.engine} && flock engine attach {upstream.url}",
            )
        blamed = exchange.status == 500 and words.startswith(upstream.profile.request_faults)
        if exchange.status >= 500 and not blamed:
            raise UpstreamError(
                f"{upstream.engine} failed with status {exchange.status}: {words}",
                hint=_AGAIN,
            )
        if blamed or not openai.is_fault(body):
            raise EngineRefused(
                f"{upstream.engine} refuses the request ({exchange.status}): {words}", hint="correct the request"
            )

    def _unreachable(self, upstream: Upstream, error: OSError, *, sent: bool = False) -> EngineUnreachable:
        self.health.failed(upstream.name)
        why = "did not accept a connection in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        verb = "dropped the connection" if sent else "does not answer"
        start = upstream.profile.start_hint
        return EngineUnreachable(
            f"the engine {upstream.engine} at {upstream.url} {verb}: {why}",
            hint="flock engine ls" if upstream.own else f"start it: {start}" if start else "flock engine ls",
            details={"engine": upstream.engine, "endpoint": upstream.url, "refused": not sent},
        )


async def watch(inference: Inference, clock: Clock, every: float = 0.25) -> None:
    """Look at every running request four times a second: its tick bounds silence and keeps its connection warm.

    One timer for all requests costs less than two per request.
    """
    while True:
        await asyncio.sleep(every)
        now = clock.monotonic()
        for record in list(inference.running.values()):
            try:
                if record.tick is not None:
                    record.tick(now)
            except Exception:
                log.exception("request %s: the watch failed", record.id)
