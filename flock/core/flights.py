"""Requests in flight: how many run on each upstream, and when a byte came from one last.

Owns the counts that routing goes by, and asks the engines for a place before a request is sent; one of low priority
lets others go first before that, by the rule of core/yielding.py. Refuses to choose. Called by core/inference.py; the
engines' side of it is engines/registry.py.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from flock.clock import Clock
from flock.contract.queue import Waiter
from flock.core.record import Record
from flock.core.yielding import WHY, Yielding
from flock.engines.turns import Ticket
from flock.errors import Draining, EngineBusy
from flock.text import count, duration
from flock.upstream import Capacity, Placement, Upstream, Waiting

# A wait that is shorter than this is no wait that anybody has to be told of.
_TOLD_SECONDS = 0.05
# When one of low priority that found the queue full is to come back: nobody can tell how long the others will work.
_AGAIN_SECONDS = 30


class Places(Protocol):
    """Where models live; flock.engines.registry.Registry is the real one."""

    @property
    def table(self) -> Mapping[str, tuple[Placement, ...]]:
        """Model id → placements; replaced as a whole on every change."""
        ...

    def enter(self, placement: Placement) -> Upstream | None:
        """Count a request in and return where it goes; None when it has to wait."""
        ...

    async def ensure(self, placement: Placement, waiting: Waiting) -> Upstream:
        """Wait for the request's turn, loading the model where that is to be done; it is counted in on return."""
        ...

    def leave(self, upstream_name: str, seconds: float, *, abandoned: bool = False) -> None:
        """Count a request out that took so long; `abandoned`: before its answer was complete."""
        ...

    def capacity(self, name: str) -> Capacity:
        """Return what a placement can take."""
        ...

    def report_dead(self, upstream_name: str, why: str) -> None:
        """Hear that an upstream refused a connection or dropped one."""
        ...

    def report_broken(self, upstream_name: str, why: str) -> None:
        """Hear that an engine cannot load models as it is installed."""
        ...


class Flights:
    """The requests in flight: `counts` by the upstream's name, `running` the records by id."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self.counts: dict[str, int] = {}
        self.running: dict[str, Record] = {}
        self._places = places
        self._clock = clock
        self._yielding = Yielding(lambda name: places.capacity(name))
        self._gates: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def seat(self, record: Record, placement: Placement) -> Upstream:
        """Return where a request goes once it may; it is counted in. Raises what Places.ensure raises."""
        if record.low and not placement.vendor:
            await self._let_others_go(record, placement)
        else:
            self._yielding.came(placement.name, low=record.low)
        try:
            upstream = placement.upstream if placement.vendor else self._places.enter(placement)
            if upstream is None:
                upstream = await self._wait(record, placement)
        except BaseException:
            self._left(record, placement.name)
            raise
        self.counts[upstream.name] = self.counts.get(upstream.name, 0) + 1
        return upstream

    def leave(self, record: Record, upstream: str, seconds: float, *, abandoned: bool = False) -> None:
        """Count a request out of an upstream; every `seat` is to be followed by one."""
        self.counts[upstream] = max(0, self.counts.get(upstream, 1) - 1)
        self._places.leave(upstream, seconds, abandoned=abandoned)
        self._left(record, upstream)

    def heard(self, upstream: str) -> float:
        """Return when the last byte came from an upstream for a request that runs; 0.0 for never."""
        return max(
            (r.last for r in self.running.values() if r.upstream == upstream and r.tries and r.tries[-1].first_byte),
            default=0.0,
        )

    async def _wait(self, record: Record, placement: Placement) -> Upstream:
        waiting = self._waiting(record)
        # nothing has been sent, or what was sent is lost: no limit on an engine's silence counts
        record.sent = 0.0
        began = self._clock.monotonic()
        outcome = ", and was not let in"
        if not record.low:
            self._yielding.stands(placement.name, 1)
        try:
            found = await self._places.ensure(placement, waiting)
            outcome = ""
            return found
        finally:
            if not record.low:
                self._yielding.stands(placement.name, -1)
                self._go_on()
            now = self._clock.monotonic()
            record.waited += now - began
            record.last = now
            record.turn = waiting.load_at or now
            if waiting.why and now - began >= _TOLD_SECONDS:
                place = (
                    f", {count(waiting.first_position - 1, 'request')} before it" if waiting.first_position > 1 else ""
                )
                share = f" (its key has a share of {waiting.share})" if waiting.share != 1 else ""
                record.notes.append(f"waited {duration(now - began)}: {waiting.why}{place}{outcome}{share}")

    def _waiting(self, record: Record) -> Waiting:
        if record.waiting is None:
            key = record.key
            record.waiting = Waiting(record.id, key.id or key.name, record.hear, share=key.share)
            record.waiting.since = self._clock.monotonic()
        return record.waiting

    # -- low priority

    def yielding(self) -> tuple[Waiter, ...]:
        """Return the requests of low priority that let others go first."""
        now, found = self._clock.monotonic(), list[Waiter]()
        for position, ticket in self._yielding:
            if (record := self.running.get(ticket.id)) is not None:
                waited = round(max(0.0, now - ticket.arrived), 1)
                found.append(Waiter(ticket.id, record.key.name, record.model, position, waited, None, WHY))
        return tuple(found)

    def close(self) -> None:
        """Send away who lets others go first, now and from now on: the daemon goes down."""
        self._closed = True
        for gate in self._gates.values():
            if not gate.done():
                gate.set_exception(_going_down())

    async def _let_others_go(self, record: Record, placement: Placement) -> None:
        """Wait until a request of low priority may go on; it is counted in. Raises Draining, EngineBusy."""
        if self._closed:
            raise _going_down()
        # they hold connections and bodies as those do that wait for an engine, and are bounded as those are
        if (before := self._yielding.waits(placement.name)) >= self._places.capacity(placement.name).queue:
            raise EngineBusy(
                f"{count(before, 'request')} of low priority wait for {placement.model} already",
                hint="flock queue",
                details={"retry_after": _AGAIN_SECONDS, "waiting": before},
            )
        waiting, began = self._waiting(record), self._clock.monotonic()
        ticket = Ticket.of(placement.name, waiting)
        gate = self._gates[ticket] = asyncio.get_running_loop().create_future()
        record.sent = 0.0
        self._yielding.ask(ticket)
        try:
            self._go_on()
            if not gate.done():
                waiting.position = waiting.first_position = next(n for n, one in self._yielding if one is ticket)
                waiting.why = WHY
                record.hear(WHY)
            await gate
        except BaseException:
            if not self._yielding.give_up(ticket):
                self._left(record, placement.name)
            raise
        finally:
            del self._gates[ticket]
            waiting.position = 0
            record.last = self._clock.monotonic()
            waited = record.last - began
            record.waited += waited
            if waited >= _TOLD_SECONDS:
                record.turn = record.last
                record.notes.append(f"low priority, and let others go first for {duration(waited)}")
            else:
                record.notes.append("low priority")

    def _left(self, record: Record, place: str) -> None:
        self._yielding.left(place, self._clock.monotonic(), low=record.low)
        if self._yielding.any:
            self._go_on()

    def _go_on(self) -> None:
        """Let those of low priority go on who may, and look again when time alone could change that."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._yielding.any:
            return
        now = self._clock.monotonic()
        for ticket in self._yielding.go(now):
            if not (gate := self._gates[ticket]).done():
                gate.set_result(None)
        if (wake := self._yielding.wake_at) < float("inf"):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wake - now), self._go_on)


def _going_down() -> Draining:
    return Draining("flock is going down and takes no new requests", hint="try again in a few seconds")
