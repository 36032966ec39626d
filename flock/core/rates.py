"""How the last minute went: requests, tokens, latencies, errors.

In memory; a restarted daemon begins anew. Written when a request settles, read by `flock top`. Called by
core/inference.py.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from flock.core.record import Record

SECONDS = 60.0
# A gateway at 300 requests a second fills this within the minute; then the figures are of a shorter time.
KEPT = 20_000
# How the client's leaving is called: neither an error nor a latency that anybody waited for.
_LEFT = "cancelled"


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the last minute, or of the time since the start where that is shorter; latencies from arrival to the last byte
    of requests that ended well, null without one; `error_rate` 0…1 of those that were not cancelled.
    """

    requests_per_minute: float
    tokens_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_rate: float | None


class Recent:
    """The requests that ended within the last minute."""

    def __init__(self) -> None:
        # (when it ended, seconds it took, its outcome, tokens of its answer)
        self._ended: deque[tuple[float, float, str, int]] = deque(maxlen=KEPT)

    def settled(self, record: Record) -> None:
        """Count a request."""
        tokens = record.usage.output if record.usage else 0
        self._ended.append((record.ended, record.ended - record.arrived, record.outcome, tokens))

    def rates(self, now: float, uptime: float) -> Rates:
        """Return the rates of the time before `now` (monotonic seconds); `uptime` is how long the daemon has run."""
        while self._ended and self._ended[0][0] < now - SECONDS:
            self._ended.popleft()
        rows = list(self._ended)
        span = min(SECONDS, max(uptime, 1.0))
        if len(rows) == KEPT:
            span = max(now - rows[0][0], 1.0)
        took = sorted(seconds for _, seconds, outcome, _ in rows if outcome == "ok")
        judged = [outcome for _, _, outcome, _ in rows if outcome != _LEFT]
        return Rates(
            requests_per_minute=round(len(rows) * 60 / span, 1),
            tokens_per_second=round(sum(tokens for _, _, _, tokens in rows) / span, 1),
            p50_ms=_percentile(took, 50),
            p95_ms=_percentile(took, 95),
            p99_ms=_percentile(took, 99),
            error_rate=round(sum(outcome != "ok" for outcome in judged) / len(judged), 4) if judged else None,
        )


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that at least so many percent are no larger than (nearest rank), in milliseconds."""
    if not ordered:
        return None
    return round(ordered[-(-len(ordered) * percent // 100) - 1] * 1000, 2)
