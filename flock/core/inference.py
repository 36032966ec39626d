"""Serving one request: resolve the model, choose, plan, send, commit, settle.

Owns the running requests and the attempts: until the commit point (answer.py) nothing reaches the client, so another
upstream may still be tried. Knows no HTTP server: the door moves the bytes of the Answer this hands out.
"""

import asyncio
import logging
from collections import deque
from typing import Protocol

from flock.clock import Clock
from flock.core import stages
from flock.core.admission import Admission
from flock.core.answer import Answer
from flock.core.commit import Commit
from flock.core.counting import Count
from flock.core.dispatch import Dispatch
from flock.core.drift import Drifts, Turn, turn_of
from flock.core.egress import Egress, Post, unreachable
from flock.core.flights import Flights, Places
from flock.core.ids import REQUESTS_KEPT
from flock.core.kinds import of_kind
from flock.core.metrics import Metrics
from flock.core.names import Named, Names
from flock.core.pace import Pace
from flock.core.planning import Manners, Planning
from flock.core.power import Power
from flock.core.pricing import Pricing
from flock.core.rates import Recent
from flock.core.reach import Audit, Paid, Reach
from flock.core.record import Record, Try
from flock.core.wishes import wishes
from flock.dialects.ask import Ask
from flock.dialects.ir import NO_USAGE
from flock.dialects.ollama import loading
from flock.dialects.plan import Changes, Plan
from flock.errors import (
    ContextTooLong,
    Draining,
    EngineBusy,
    EngineUnreachable,
    FlockError,
    ModelNotLoaded,
    Unsupported,
    UpstreamError,
    VendorKeyMissing,
)
from flock.outbound.exchange import Exchange
from flock.outbound.pool import Pools
from flock.policy.keys import ANYONE, Key, masked
from flock.policy.limits import Limits
from flock.profile import TASKS
from flock.routing.choose import choose
from flock.routing.health import Health
from flock.upstream import Placement, Upstream

log = logging.getLogger(__name__)

# refusals that another upstream may not share: it may have room, the feature, or a larger window
_ELSEWHERE = (EngineBusy, Unsupported, ContextTooLong, ModelNotLoaded)


class Ledger(Protocol):
    """Who keeps settled records; flock.store.writer.Writer is the real one."""

    def put(self, entry: Record) -> None:
        """Take a settled record without waiting."""
        ...


class Inference:
    """The request path behind the doors."""

    def __init__(
        self,
        *,
        places: Places,
        pools: Pools,
        ledger: Ledger,
        metrics: Metrics,
        clock: Clock,
        names: Names | None = None,
        manners: Manners | None = None,
        vendors: Paid | None = None,
        post: Post | None = None,
        on_stage: stages.Hear | None = None,
        limits: Limits | None = None,
        audit: Audit | None = None,
        pricing: Pricing | None = None,
        power: Power | None = None,
    ) -> None:
        self._on_stage = on_stage
        self._places = places
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self.health = Health(clock)
        self._dispatch = Dispatch(pools, self.health)
        self._admission = Admission(limits, clock, metrics.refused)
        self._egress = Egress(post, self.health, clock, self._admission.spend) if post is not None else None
        self.pace = Pace()
        self.rates = Recent()
        self.planning = Planning(manners or Manners(), clock)
        self.names = names or Names()
        self.reach = Reach(
            self.names, lambda: places.table, clock, vendors=vendors, audit=audit, refused=metrics.refused
        )
        self._pricing = pricing
        self._power = power or Power(clock)
        self.drifts = Drifts()
        self._flights = Flights(places, clock)
        self.running = self._flights.running
        self.in_flight = self._flights.counts
        self.heard = self._flights.heard
        self.yielding = self._flights.yielding
        self.total = 0
        self.recent: deque[str] = deque(maxlen=REQUESTS_KEPT)
        self.draining = False

    # -- the life of a record

    def begin(self, endpoint: str) -> Record:
        """Open the record of a request that just arrived. Raises Draining while the daemon goes down."""
        if self.draining:
            raise Draining("flock is going down and takes no new requests", hint="try again in a few seconds")
        record = Record(endpoint, self._clock.now(), self._clock.monotonic())
        record.on_stage = self._on_stage
        self.running[record.id] = record
        self.total += 1
        return record

    def drain(self) -> None:
        """Take no new requests; who lets others go first is sent away, everybody else may be answered."""
        self.draining = True
        self._flights.close()

    def settle(self, record: Record) -> None:
        """Close a record: count it, keep it, forget it. Settling twice is harmless."""
        if self.running.pop(record.id, None) is None:
            return
        record.ended = self._clock.monotonic()
        record.interrupt = record.tick = record.counted = None
        if record.tries:
            tried = record.tries[-1]
            tried.ended = record.ended
            if tried.status:
                seconds = record.ended - record.sent
                self._flights.leave(record, record.upstream, seconds, abandoned=record.outcome != "ok")
        if self._pricing is not None:
            self._pricing.settled(record)
        self._power.settled(record)
        self._admission.settle(record)  # what follows reads the usage that this completes; nothing of it may wait
        usage = record.usage or NO_USAGE
        prefill = usage.prefill_ms / 1000 if usage.prefill_ms else record.first - record.sent if record.stream else 0.0
        self.drifts.settled(record.id, usage.input, usage.cached or None, prefill)
        self.pace.settled(record)
        self.rates.settled(record)
        stages.done(record)
        self.recent.append(record.id)
        self._metrics.settled(record)
        self._ledger.put(record)

    def interrupt_key(self, key_id: str, error: FlockError) -> None:
        """End every running request of a key with an error the client can read."""
        for record in list(self.running.values()):
            if record.key.id == key_id and record.interrupt is not None:
                record.interrupt(error)

    # -- from an Ask to an Answer

    def resolve(self, wanted: str, key: Key = ANYONE, endpoint: str = "chat", ask: Ask | None = None) -> Named:
        """Return which model a name means to the holder of a key, and where it is. Raises ModelNotFound, Unsupported.

        See core/reach.py: it may also be one that the key may not ask for (ModelNotAllowed).
        """
        return self.reach.resolve(wanted, key, endpoint, ask)

    async def open(self, record: Record, ask: Ask) -> Answer:
        """Bring a request to its commit point, over as many upstreams as it takes.

        Raises the first upstream's error (EngineUnreachable, EngineFailed, UpstreamError, Unsupported), ModelNotFound,
        ModelNotAllowed, what a limit of the key refuses, or InvalidRequest for a request that nobody could serve.
        """
        record.requested, record.stream, record.dialect = masked(ask.model), ask.stream, ask.dialect
        ask, wished = wishes(ask)
        record.low, record.most = wished.low, wished.most
        named = self.resolve(ask.model, record.key, record.endpoint, ask)
        record.model = named.model
        stages.tell(record, "queued")
        if named.alias:
            record.notes.append(f"alias {named.alias}: {ask.model} → {record.model}")
        if named.why:
            record.notes.append(f"auto: {named.why}")
        named = of_kind(record.endpoint, named, self.reach.table(record.key))
        self._admission.reserve(record, ask, named)
        answered = self.planning.noop(record, ask) or await self._loaded(record, ask, named)
        if answered is not None:
            return answered
        before = await self.planning.before(ask, named)
        ranked = record.ranked = choose(
            named.placements, self.in_flight, self.health.suspect, self.pace.order(wished.sort or named.sort)
        )
        record.chosen = self._clock.monotonic()
        failure: FlockError | None = None
        for choice in ranked:
            try:
                return await self._serve(record, ask, choice.placement, before)
            except FlockError as error:
                if error.status < 500 and not isinstance(error, _ELSEWHERE):
                    raise
                failure = failure or error
        assert failure is not None
        raise failure

    async def _loaded(self, record: Record, ask: Ask, named: Named) -> Answer | None:
        """Return the answer to Ollama's clients that only want a model loaded, None for every other request.

        An Ollama loads it itself. Raises Unsupported for one that is to leave: flock decides that.
        """
        place = named.placements[0]
        native = place.upstream is not None and "ollama" in place.upstream.profile.dialects
        if ask.dialect != "ollama" or ask.endpoint in TASKS or native or not loading.is_load(ask):
            return None
        if loading.is_unload(ask):
            raise Unsupported("flock itself decides when a model leaves memory", hint="leave out keep_alive: 0")
        record.plan, record.engine, record.upstream = "answered", place.engine, place.name
        if place.own:
            self._flights.leave(record, (await self._flights.seat(record, place)).name, 0.0)
        return Answer(None, loading.write_loaded(ask, unload=False, created=int(record.at)))

    async def count(self, ask: Ask, key: Key = ANYONE) -> Count:
        """Return the tokens of a prompt. Raises ModelNotFound, InvalidRequest, Unsupported."""
        named = self.resolve(ask.model, key, ask=ask)
        ranked = choose(named.placements, self.in_flight, self.health.suspect)
        return await self.planning.count(ask, named, ranked[0].placement)

    async def _serve(self, record: Record, ask: Ask, placement: Placement, before: Changes) -> Answer:
        """Try one placement; an engine of ours that died, idle or under this request, is started again once."""
        upstream = await self._flights.seat(record, placement)
        try:
            return await self._attempt(record, ask, self._now(placement, upstream), upstream, before)
        except EngineUnreachable as error:
            if placement.vendor:
                raise
            self._places.report_dead(upstream.name, error.sentence)
            if not upstream.own:
                raise
            # nothing of an answer has gone out yet, so it may be asked for again
        except UpstreamError as error:
            if error.details.get("broken"):
                self._places.report_broken(upstream.name, f"{error.sentence} (hint: {error.hint})")
            raise
        log.info("request %s: %s ended under it; once more", record.id, upstream.name)
        upstream = await self._flights.seat(record, placement)
        return await self._attempt(record, ask, self._now(placement, upstream), upstream, before)

    def _now(self, placement: Placement, upstream: Upstream) -> Placement:
        """Return a placement as it is by now: an engine that has just started knows its window."""
        if placement.upstream is upstream:
            return placement
        places = self._places.table.get(placement.model, ())
        return next((place for place in places if place.name == placement.name), placement)

    async def _attempt(
        self, record: Record, ask: Ask, placement: Placement, upstream: Upstream, before: Changes
    ) -> Answer:
        monotonic = self._clock.monotonic
        record.loaded = record.last = monotonic()
        price = placement.price
        try:
            made = self.planning.plan(ask, placement, upstream, before)
            if placement.vendor and self._pricing is not None:
                price = await self._pricing.before(record.key, placement, capped=record.most is not None)
        except BaseException:
            self._flights.leave(record, upstream.name, 0.0)
            raise
        record.plan, record.edits, record.lost = made.kind, made.edits, made.lost
        record.upstream, record.engine, record.vendor = upstream.name, upstream.engine, placement.vendor
        record.price = price
        tried = Try(upstream.name, monotonic())
        record.tries.append(tried)
        record.sent = tried.started
        self._power.began(record)
        stages.tell(record, "prefilling")
        exchange: Exchange | None = None
        try:
            exchange = await self._send(record, upstream, made, ask)
            tried.first_byte = record.last = monotonic()
            answer = await Commit(record, exchange, upstream, made, ask, self._clock).answer()
            turn = self._turn(record, ask, made)
        except BaseException as error:
            if exchange is not None:
                exchange.release()
            tried.ended = monotonic()
            tried.left = left = isinstance(error, asyncio.CancelledError)
            self._flights.leave(record, upstream.name, tried.ended - tried.started, abandoned=left)
            tried.error = error.sentence if isinstance(error, FlockError) else _why(error)
            if isinstance(error, OSError):
                broken = unreachable(upstream, error) if upstream.channel is not None else None
                raise (broken or self._dispatch.unreachable(upstream, error, sent=True)) from None
            raise
        tried.status = answer.status
        self.health.served(upstream.name)
        if turn is not None:
            self.drifts.observe(turn)
        return answer

    async def _send(self, record: Record, upstream: Upstream, made: Plan, ask: Ask) -> Exchange:
        if upstream.channel is None:
            return await self._dispatch.send(upstream, made)
        if self._egress is None:
            raise VendorKeyMissing(f"{upstream.engine} cannot be reached from here", hint="flock vendor ls")
        return await self._egress.send(record, upstream, made, ask)

    def _turn(self, record: Record, ask: Ask, made: Plan) -> Turn | None:
        """Return the turn of a conversation that an engine's cache may know; a vendor's is the vendor's business."""
        if made.task is not None or record.vendor:
            return None
        return turn_of(ask, record.id, record.key.id, record.at, made.dialect, made.sent)


def _why(error: BaseException) -> str:
    """Return why an attempt ended without an error of flock's own."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "ended from outside" if isinstance(error, asyncio.CancelledError) else "flock failed"


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
