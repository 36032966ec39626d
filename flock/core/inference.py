"""Serving one request: resolve the model, choose, plan, send, commit, settle.

Owns the running requests and the attempts: until the commit point (answer.py) nothing reaches the client, so another
upstream may still be tried. Knows no HTTP server: the door moves the bytes of the Answer this hands out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from flock.clock import Clock
from flock.core.answer import Answer, addressing, said
from flock.core.commit import Commit
from flock.core.counting import Count, Counter
from flock.core.dispatch import Dispatch
from flock.core.drift import Drifts, turn_of
from flock.core.ids import REQUESTS_KEPT
from flock.core.metrics import Metrics
from flock.core.names import Named, Names
from flock.core.pictures import PictureBook
from flock.core.record import Record, Try
from flock.dialects import efforts, noops, tokens
from flock.dialects.ask import Ask
from flock.dialects.estimate import estimate
from flock.dialects.families import family_of
from flock.dialects.ir import NO_USAGE, Usage
from flock.dialects.plan import UNCHANGED, Changes, Plan, Target, plan
from flock.dialects.switches import ALL_ON, Switches
from flock.dialects.table import SERVERS, UPSTREAMS
from flock.dialects.translate import Crossing
from flock.errors import ContextTooLong, Draining, EngineBusy, EngineUnreachable, FlockError, Unsupported
from flock.outbound.pool import Exchange, Pools
from flock.profile import NO_FAMILY, Family, Profile
from flock.routing.choose import choose
from flock.routing.health import Health
from flock.upstream import Placement, Upstream

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
# what is known of an engine that has not been started yet
UNKNOWN = Profile("", "the engine", frozenset({"openai"}))
# refusals that another upstream may not share: it may have room, the feature, or a larger window
_ELSEWHERE = (EngineBusy, Unsupported, ContextTooLong)


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


@dataclass(frozen=True, slots=True)
class Manners:
    """How requests are translated: the families of models, what may be changed, who fetches pictures and who counts."""

    families: tuple[Family, ...] = ()
    switches: Switches = ALL_ON
    pictures: PictureBook | None = None
    counter: Counter | None = None


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
    ) -> None:
        self._places = places
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self.health = Health(clock)
        self._dispatch = Dispatch(pools, self.health)
        self._manners = manners or Manners()
        self._families: dict[str, Family] = {}
        self.names = names or Names()
        self.drifts = Drifts()
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
        usage = record.usage or NO_USAGE
        prefill = usage.prefill_ms / 1000 if usage.prefill_ms else record.first - record.sent if record.stream else 0.0
        self.drifts.settled(record.id, usage.input, usage.cached or None, prefill)
        self.recent.append(record.id)
        self._metrics.settled(record)
        self._ledger.put(record)

    def interrupt_key(self, key_id: str, error: FlockError) -> None:
        """End every running request of a key with an error the client can read."""
        for record in list(self.running.values()):
            if record.key.id == key_id and record.interrupt is not None:
                record.interrupt(error)

    # -- from an Ask to an Answer

    def resolve(self, wanted: str) -> Named:
        """Return which model a name means, and where it is. Raises ModelNotFound."""
        return self.names.resolve(wanted, self._places.table)

    async def open(self, record: Record, ask: Ask, progress: Progress | None = None) -> Answer:
        """Bring a request to its commit point, over as many upstreams as it takes.

        Raises the first upstream's error (EngineUnreachable, EngineFailed, UpstreamError, Unsupported), ModelNotFound,
        or InvalidRequest for a request that nobody could serve.
        """
        record.requested, record.stream = ask.model, ask.stream
        named = self.resolve(ask.model)
        record.model = named.model
        if named.alias:
            record.notes.append(f"alias {named.alias}: {ask.model} → {record.model}")
        if self._manners.switches.answer_noops and (answered := self._noop(record, ask)) is not None:
            return answered
        book = self._manners.pictures
        before = await book.inlined(ask) if book is not None else UNCHANGED
        if named.effort:
            before = _with_effort(ask, before, named.effort)
        ranked = record.ranked = choose(named.placements, self.in_flight, self.health.suspect)
        record.chosen = self._clock.monotonic()
        failure: FlockError | None = None
        for choice in ranked:
            try:
                return await self._serve(record, ask, choice.placement, before, progress)
            except FlockError as error:
                if error.status < 500 and not isinstance(error, _ELSEWHERE):
                    raise
                failure = failure or error
        assert failure is not None
        raise failure

    def _noop(self, record: Record, ask: Ask) -> Answer | None:
        """Return flock's own answer to a call that needs no model, None for every other."""
        if ask.endpoint == "completions":
            return None
        try:
            request = SERVERS[ask.dialect].read_request(ask)
        except FlockError:  # an engine that speaks the dialect may know better
            return None
        found = noops.answer(request)
        if found is None:
            return None
        reply, what = found
        record.plan, record.engine, record.usage = "answered", "flock", reply.usage
        record.notes.append(
            f"{what}, answered by flock; to ask the model: flock config set translation.answer_noops false"
        )
        record.chosen = record.first = record.last = self._clock.monotonic()
        crossing = Crossing(request, SERVERS[ask.dialect], UPSTREAMS[ask.dialect])
        return said(crossing, reply, addressing(record), stream=ask.stream)

    def plan(self, ask: Ask, placement: Placement, upstream: Upstream, before: Changes) -> Plan:
        """Return how a request gets to a placement's upstream. Raises what `plan.plan` says."""
        model = placement.model
        target = Target(model, upstream.profile, upstream.version, self.family(model), placement.context, local=True)
        return plan(ask, target, self._manners.switches, before)

    async def count(self, ask: Ask) -> Count:
        """Return the tokens of a prompt as the engine that would answer it counts them; starts no engine.

        What Claude Code is told is in proportion to the window it assumes, like the usage of its answers. Raises
        ModelNotFound, InvalidRequest, Unsupported.
        """
        named = self.resolve(ask.model)
        placement = choose(named.placements, self.in_flight, self.health.suspect)[0].placement
        upstream = placement.upstream
        asked = replace(ask, endpoint="messages", path="/v1/messages")
        profile = replace(upstream.profile if upstream else UNKNOWN, dialects=frozenset({"openai"}), native={})
        target = Target(named.model, profile, family=self.family(named.model), context=placement.context)
        made = plan(asked, target, self._manners.switches)
        request = SERVERS[ask.dialect].read_request(asked)
        counter = self._manners.counter
        if upstream is None or counter is None:
            counted = Count(estimate(request), "estimate")
        else:
            counted = await counter.count(ask, request, upstream, made.sent)
        scaled = tokens.scale(asked, placement.context, self._manners.switches)
        return counted if scaled is None else Count(scaled(Usage(input=counted.tokens)).input, counted.how)

    def family(self, model: str) -> Family:
        """Return the family of a model, looked up once."""
        found = self._families.get(model)
        if found is None:
            families = self._manners.families
            found = self._families[model] = family_of(families, model) if families else NO_FAMILY
        return found

    async def _serve(
        self, record: Record, ask: Ask, placement: Placement, before: Changes, progress: Progress | None
    ) -> Answer:
        """Try one placement; an engine of ours that died while idle is started again once."""
        upstream = placement.upstream
        if upstream is None:
            upstream = await self._places.ensure(placement, progress)
            placement = self._now(placement)
        try:
            return await self._attempt(record, ask, placement, upstream, before)
        except EngineUnreachable as error:
            self._places.report_dead(upstream.name, error.sentence)
            if not placement.own or not error.details.get("refused"):
                raise
            upstream = await self._places.ensure(placement, progress)
            return await self._attempt(record, ask, self._now(placement), upstream, before)

    def _now(self, placement: Placement) -> Placement:
        """Return a placement as it is by now: an engine that has just started knows its window."""
        places = self._places.table.get(placement.model, ())
        return next((place for place in places if place.name == placement.name), placement)

    async def _attempt(
        self, record: Record, ask: Ask, placement: Placement, upstream: Upstream, before: Changes
    ) -> Answer:
        monotonic = self._clock.monotonic
        record.loaded = record.last = monotonic()
        made = self.plan(ask, placement, upstream, before)
        record.plan, record.edits, record.lost = made.kind, made.edits, made.lost
        record.upstream, record.engine = upstream.name, upstream.engine
        tried = Try(upstream.name, monotonic())
        record.tries.append(tried)
        self.in_flight[upstream.name] = self.in_flight.get(upstream.name, 0) + 1
        record.sent = tried.started
        exchange: Exchange | None = None
        try:
            exchange = await self._dispatch.send(upstream, made)
            tried.first_byte = record.last = monotonic()
            answer = await Commit(record, exchange, upstream, made, ask, self._clock).answer()
            turn = turn_of(ask, record.id, record.key.id, record.at, made.dialect, made.sent)
        except BaseException as error:
            if exchange is not None:
                exchange.release()
            self._leave(upstream.name)
            tried.ended = monotonic()
            tried.error = error.sentence if isinstance(error, FlockError) else _why(error)
            if isinstance(error, OSError):
                raise self._dispatch.unreachable(upstream, error, sent=True) from None
            raise
        tried.status = answer.status
        self.health.served(upstream.name)
        if turn is not None:
            self.drifts.observe(turn)
        return answer

    def _leave(self, upstream: str) -> None:
        self.in_flight[upstream] = max(0, self.in_flight.get(upstream, 1) - 1)


def _why(error: BaseException) -> str:
    """Return why an attempt ended without an error of flock's own."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "ended from outside" if isinstance(error, asyncio.CancelledError) else "flock failed"


def _with_effort(ask: Ask, before: Changes, effort: str) -> Changes:
    """Return the changes, and how much to think as the model's name said."""
    words = f"effort: {effort}, by the model's name"
    return Changes({**before.fields, **efforts.fields(ask.dialect, ask.body, effort)}, (*before.edits, words))


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
