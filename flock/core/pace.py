"""How fast upstreams have been, how much is asked of each model, and the orders that requests may ask for: by price, by
throughput.

In memory; a restarted daemon learns it again. Written when a request settles, read when one is routed. Called by
core/inference.py.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from flock.core.record import Record
from flock.core.stages import PACE_SECONDS
from flock.routing.choose import alike
from flock.upstream import Placement

# how much the newest answer counts: the last ten or so make the figure
_WEIGHT = 0.2
# answers of a few tokens tell the time of the first one, not the pace
_TOKENS_MIN = 8
# requests are counted over the last minute
_MINUTE = 60


class Pace:
    """Tokens per second by (upstream, model), smoothed; requests of the last minute by model."""

    def __init__(self) -> None:
        self._speeds: dict[tuple[str, str], float] = {}
        # by model: (second, how many ended in it), 60 at most
        self._ended: dict[str, deque[list[int]]] = {}

    def settled(self, record: Record) -> None:
        """Count a request, and take the speed of a streamed answer that ended well."""
        self._count(record.model, int(record.ended))
        usage, seconds = record.usage, record.ended - record.first
        if record.outcome != "ok" or not record.stream or usage is None or usage.output < _TOKENS_MIN:
            return
        if seconds < PACE_SECONDS:
            return
        place, speed = (record.upstream, record.model), usage.output / seconds
        before = self._speeds.get(place)
        self._speeds[place] = speed if before is None else before + _WEIGHT * (speed - before)

    def _count(self, model: str, second: int) -> None:
        if (counts := self._ended.get(model)) is None:
            counts = self._ended[model] = deque(maxlen=_MINUTE)
        if counts and counts[-1][0] == second:
            counts[-1][1] += 1
        else:
            counts.append([second, 1])

    def per_minute(self, model: str, now: float) -> float:
        """Return how many requests for a model ended within the last minute; `now` is on the monotonic clock."""
        return float(sum(count for second, count in self._ended.get(model, ()) if now - second < _MINUTE))

    def speed(self, upstream: str, model: str) -> float | None:
        """Return the tokens per second of a model at an upstream, None when no answer told yet."""
        return self._speeds.get((upstream, model))

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
    price = place.price
    if price is None or price.input is None or price.output is None:
        return float("inf")
    return float(Decimal(price.input) + Decimal(price.output))
