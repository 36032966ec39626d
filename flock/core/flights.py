"""Requests in flight: how many run on each upstream, and when a byte came from one last.

Owns the counts that routing goes by, and asks the engines for a place before a request is sent. Refuses to choose.
Called by core/inference.py; the engines' side of it is engines/registry.py.
"""

from collections.abc import Mapping
from typing import Protocol

from flock.clock import Clock
from flock.core.record import Record
from flock.text import count, duration
from flock.upstream import Placement, Upstream, Waiting

# A wait that is shorter than this is no wait that anybody has to be told of.
_TOLD_SECONDS = 0.05


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

    async def seat(self, record: Record, placement: Placement) -> Upstream:
        """Return where a request goes once it may; it is counted in. Raises what Places.ensure raises."""
        upstream = placement.upstream if placement.vendor else self._places.enter(placement)
        if upstream is None:
            upstream = await self._wait(record, placement)
        self.counts[upstream.name] = self.counts.get(upstream.name, 0) + 1
        return upstream

    def leave(self, upstream: str, seconds: float, *, abandoned: bool = False) -> None:
        """Count a request out of an upstream; every `seat` is to be followed by one."""
        self.counts[upstream] = max(0, self.counts.get(upstream, 1) - 1)
        self._places.leave(upstream, seconds, abandoned=abandoned)

    def heard(self, upstream: str) -> float:
        """Return when the last byte came from an upstream for a request that runs; 0.0 for never."""
        return max(
            (r.last for r in self.running.values() if r.upstream == upstream and r.tries and r.tries[-1].first_byte),
            default=0.0,
        )

    async def _wait(self, record: Record, placement: Placement) -> Upstream:
        waiting = record.waiting
        if waiting is None:
            key = record.key
            waiting = record.waiting = Waiting(record.id, key.id or key.name, record.hear, share=key.share)
            waiting.since = self._clock.monotonic()
        # nothing has been sent, or what was sent is lost: no limit on an engine's silence counts
        record.sent = 0.0
        began = self._clock.monotonic()
        outcome = ", and was not let in"
        try:
            found = await self._places.ensure(placement, waiting)
            outcome = ""
            return found
        finally:
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
