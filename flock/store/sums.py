"""What rows of usage come to: the one place that says how a row counts.

Owns the sums and what is an error, a price that is not known, a duration that counts. Pure: no database. Called by
hours.py, which keeps sums by the hour, and reckoning.py, which adds rows where an hour is asked for in part: so both
are the same to the last digit.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, DecimalException
from math import isclose
from typing import Any

from flock.store.histogram import Buckets, added, tally

# the columns of `usage` that count, in the order `Sums.count` takes them behind the vendor
COUNTED = (
    *("outcome", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "latency_ms", "ttft_ms"),
    "engine_ms",
)
# the columns of `usage_hours` that are plain sums, in the order of `Sums.plain`
PLAIN = (
    *("requests", "errors", "cancelled", "input_tokens", "cached_tokens", "output_tokens"),
    *("nano_usd", "priced", "unpriced", "engine_ms"),
)
# what a database's integer holds; a row with more is given up by itself before that
_LARGEST = 2**63 - 1


class Sums:
    """Sums of rows. `latency` are the milliseconds of requests that ended well, `ttft` those to the first token of
    every stream that had one; `errors` are requests that ended in an error, before or in the middle of their answer.
    `priced` counts rows whose cost is known, `unpriced` those that took a vendor's tokens at a price nobody knows.
    """

    __slots__ = (*PLAIN, "latency", "ttft")
    requests: int
    errors: int
    cancelled: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    nano_usd: int
    priced: int
    unpriced: int
    engine_ms: float

    def __init__(self, plain: Iterable[Any] = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0)) -> None:
        for name, value in zip(PLAIN, plain, strict=True):
            setattr(self, name, value)
        self.latency: Buckets = {}
        self.ttft: Buckets = {}

    def count(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows: of each its vendor and the values of COUNTED. By columns, which is half of what a loop costs."""
        vendors, outcomes, inputs, cached, outputs, costs, latencies, ttfts, engines = zip(*rows, strict=True)
        ended = outcomes.count("ok")
        cancelled = outcomes.count("cancelled")
        self.requests += len(rows)
        self.cancelled += cancelled
        self.errors += len(rows) - ended - cancelled
        self.input_tokens += sum(inputs)
        self.cached_tokens += sum(cached)
        self.output_tokens += sum(outputs)
        self.engine_ms += sum(engines)
        if ended == len(rows):
            tally(self.latency, latencies)
        elif ended:
            tally(self.latency, [ms for ms, outcome in zip(latencies, outcomes, strict=True) if outcome == "ok"])
        tally(self.ttft, [ms for ms in ttfts if ms is not None])
        if costs.count(None) < len(rows) or any(vendors):
            self._price(zip(vendors, costs, inputs, outputs, strict=True))

    def _price(self, rows: Iterable[tuple[str, str | None, int, int]]) -> None:
        for vendor, cost_usd, input_tokens, output_tokens in rows:
            nano = None if cost_usd is None else _nano(cost_usd)
            if nano is not None:
                self.nano_usd += nano
                self.priced += 1
            elif vendor and (input_tokens or output_tokens):
                self.unpriced += 1

    def plain(self) -> tuple[Any, ...]:
        """Return the plain sums in the order of PLAIN."""
        return (
            *(self.requests, self.errors, self.cancelled, self.input_tokens, self.cached_tokens, self.output_tokens),
            *(self.nano_usd, self.priced, self.unpriced, self.engine_ms),
        )

    def add_plain(self, plain: Iterable[Any]) -> None:
        """Add plain sums in the order of PLAIN."""
        for name, value in zip(PLAIN, plain, strict=True):
            setattr(self, name, getattr(self, name) + value)

    def add(self, other: "Sums") -> None:
        """Add other sums, histograms too."""
        self.add_plain(other.plain())
        self.latency, self.ttft = added(self.latency, other.latency), added(self.ttft, other.ttft)

    def equals(self, other: "Sums") -> bool:
        """Say whether both are the same; seconds add up differently in another order, all else does not."""
        mine, others = self.plain(), other.plain()
        exact = mine[:-1] == others[:-1] and self.latency == other.latency and self.ttft == other.ttft
        return exact and isclose(mine[-1], others[-1], rel_tol=1e-6, abs_tol=1e-3)


def _nano(dollars: str) -> int | None:
    """Return billionths of a dollar; None for words that no release of flock wrote, which are a price not known."""
    try:
        found = int(Decimal(dollars).scaleb(9).to_integral_value())
    except (DecimalException, ValueError, OverflowError):
        return None
    return found if abs(found) <= _LARGEST else None
