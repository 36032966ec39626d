"""The stages of a request, told as they come: queued → loading → prefilling → generating → sending → done.

Owns what each event says; the times are the record's own. A request has about five of them, a microsecond each. Called
by core/ where a stage begins, and by daemon/forward.py for the last bytes.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flock.core.record import Record

KIND = "request.stage"
# What came faster came in one piece, which tells nothing of how fast it was made: a tiny model's whole answer, or one
# that waited for this process.
PACE_SECONDS = 0.01
Hear = Callable[[str, str, dict[str, Any]], None]


def tell(record: "Record", stage: str) -> None:
    """Tell that a request has come to a stage."""
    if (hear := record.on_stage) is not None:
        hear(KIND, record.id, _facts(record, stage))


def waits(record: "Record") -> None:
    """Tell where a request stands that waits, and what for: when that has changed."""
    if (hear := record.on_stage) is None or (waiting := record.waiting) is None:
        return
    facts = _facts(record, record.stage)
    facts["position"], facts["eta_seconds"] = waiting.position or None, waiting.eta
    facts["why"] = record.words
    hear(KIND, record.id, facts)


def begins(record: "Record") -> None:
    """Tell that the answer begins, after how long."""
    if (hear := record.on_stage) is not None:
        facts = _facts(record, "generating")
        facts["ttft_ms"] = _ms(record.first - record.arrived)
        hear(KIND, record.id, facts)


def done(record: "Record") -> None:
    """Tell how a request ended, with its tokens and times."""
    if (hear := record.on_stage) is None:
        return
    facts = _facts(record, "done")
    usage = record.usage
    facts["outcome"], facts["status"], facts["error"] = record.outcome, record.status, record.error
    facts["input_tokens"], facts["output_tokens"] = (usage.input, usage.output) if usage else (0, 0)
    facts["ttft_ms"] = _ms(record.first - record.arrived) if record.first and record.stream else None
    facts["tokens_per_second"] = speed(record, record.ended)
    facts["elapsed_ms"] = _ms(record.ended - record.arrived)
    hear(KIND, record.id, facts)


def speed(record: "Record", now: float) -> float | None:
    """Return the tokens per second of a stream since its first, None while there are too few to tell."""
    tokens, seconds = record.output_tokens, now - record.first
    if not record.first or not record.stream or tokens < 2 or seconds < PACE_SECONDS:
        return None
    return round((tokens - 1) / seconds, 1)


def _facts(record: "Record", stage: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "model": record.model or record.requested,
        "user": record.key.name,
        "engine": record.engine,
        "endpoint": record.endpoint,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
