"""How fast upstreams have been, and the orders that requests may ask for: by price, by throughput.

In memory; a restarted daemon learns it again. Written when a request settles, read when one is routed. Called by
core/inference.py.
"""

from collections.abc import Callable
from decimal import Decimal

from flock.core.record import Record
from flock.routing.choose import alike
from flock.upstream import Placement

# how much the newest answer counts: the last ten or so make the figure
_WEIGHT = 0.2
# answers of a few tokens tell the time of the first one, not the pace
_TOKENS_MIN = 8


class Pace:
    """Tokens per second by (upstream, model), smoothed."""

    def __init__(self) -> None:
        self._speeds: dict[tuple[str, str], float] = {}

    def settled(self, record: Record) -> None:
        """Take the speed of a streamed answer that ended well."""
        usage, seconds = record.usage, record.ended - record.first
        if record.outcome != "ok" or not record.stream or usage is None or usage.output < _TOKENS_MIN or seconds <= 0:
            return
        place, speed = (record.upstream, record.model), usage.output / seconds
        before = self._speeds.get(place)
        self._speeds[place] = speed if before is None else before + _WEIGHT * (speed - before)

    def order(self, sort: str) -> Callable[[Placement], float]:
        """Return the value by which placements are sorted, the lowest first: those of which nothing is known last."""
        if sort == "price":
            return _price
        if sort == "throughput":
            return lambda place: -self._speeds.get((place.name, place.model), 0.0)
        return alike


def _price(place: Placement) -> float:
    """Return dollars per million tokens in and out; an engine of the team's costs nothing per token."""
    if not place.vendor:
        return 0.0
    if place.price is None:
        return float("inf")
    return float(Decimal(place.price.input) + Decimal(place.price.output))
