"""A decision record as kept, and as people read it.

Packing is on the path of every request (a few µs in the writer's batch): one flat JSON array of what the record holds.
Unpacking happens when somebody asks: it derives the waterfall and spells everything out as an Explanation. Positions
are fixed; a later version may only append (tests/compat).
"""

from typing import TYPE_CHECKING, Any

import orjson

from flock.clock import rfc3339
from flock.contract.requests import Attempt, Candidate, Explanation, Span
from flock.dialects.ir import NO_USAGE

if TYPE_CHECKING:
    from flock.core.record import Record


def pack(record: "Record") -> bytes:
    """Return the record as a JSON array: words, moments in seconds since arrival (0 is "not yet"), counts."""
    usage = record.usage or NO_USAGE
    start = record.arrived
    return orjson.dumps(
        (
            record.id,
            record.at,
            record.key.name,
            record.key.id,
            record.endpoint,
            record.requested,
            record.model,
            record.stream,
            record.outcome,
            record.status,
            record.error,
            record.plan,
            record.edits,
            record.upstream,
            record.engine,
            [(r.placement.name, r.placement.engine, r.reason) for r in record.ranked],
            [
                (
                    t.upstream,
                    t.started - start,
                    t.first_byte and t.first_byte - start,
                    t.ended and t.ended - start,
                    t.status,
                    t.error,
                )
                for t in record.tries
            ],
            record.chosen and record.chosen - start,
            record.loaded and record.loaded - start,
            record.sent and record.sent - start,
            record.first and record.first - start,
            record.ended and record.ended - start,
            record.last - start,
            usage.input,
            usage.cached,
            usage.output,
            usage.prefill_ms,
            usage.decode_ms,
            record.estimated,
            record.bytes_in,
            record.bytes_out,
            record.notes,
            record.stage,
            record.lost,
            record.vendor,
            record.cost_usd,
            record.turn and record.turn - start,
        )
    )


# what each position of a packed record holds
FIELDS = (
    *("id", "at", "user", "key_id", "endpoint", "requested", "model", "stream", "outcome", "status", "error", "plan"),
    *("edits", "upstream", "engine", "ranked", "tries", "chosen", "loaded", "sent", "first", "ended", "last"),
    *("tokens_in", "cached", "tokens_out", "prefill_ms", "decode_ms", "estimated", "bytes_in", "bytes_out", "notes"),
    *("stage", "lost", "vendor", "cost_usd", "turn"),
)


def unpack(packed: bytes) -> Explanation:
    """Return the Explanation of a packed record."""
    kept = dict(zip(FIELDS, orjson.loads(packed), strict=False))
    failed = {name for name, *_, words in kept["tries"] if words}
    return Explanation(
        id=kept["id"],
        at=rfc3339(kept["at"]),
        user=kept["user"],
        key_id=kept["key_id"],
        endpoint=kept["endpoint"],
        requested_model=kept["requested"],
        model=kept["model"],
        stream=kept["stream"],
        stage=kept["stage"],
        outcome=kept["outcome"],
        status=kept["status"],
        error=kept["error"],
        plan=kept["plan"],
        edits=tuple(kept["edits"]),
        upstream=kept["upstream"],
        engine=kept["engine"],
        why=next((reason for name, _, reason in kept["ranked"] if name == kept["upstream"]), ""),
        candidates=tuple(
            Candidate(name, of, rank, reason, name in failed) for rank, (name, of, reason) in enumerate(kept["ranked"])
        ),
        attempts=tuple(_attempt(*t) for t in kept["tries"]),
        spans=tuple(Span(n, _ms(a), _ms(max(0.0, b - a)), detail) for n, a, b, detail in _moments(kept)),
        input_tokens=kept["tokens_in"],
        cached_tokens=kept["cached"],
        output_tokens=kept["tokens_out"],
        estimated=kept["estimated"],
        bytes_in=kept["bytes_in"],
        bytes_out=kept["bytes_out"],
        lost=tuple(kept.get("lost", ())),
        notes=tuple(kept["notes"]),
        vendor=kept.get("vendor", ""),
        cost_usd=kept.get("cost_usd"),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _attempt(upstream: str, started: float, first: float, ended: float, status: int, error: str) -> Attempt:
    return Attempt(upstream, _ms(started), _ms(first) if first else None, _ms(ended) if ended else None, status, error)


Moment = tuple[str, float, float, str]


def _moments(kept: dict[str, Any]) -> list[Moment]:
    """Return the waterfall: each stretch ends where the next begins, only those that happened."""
    chosen, loaded, sent = kept["chosen"], kept["loaded"], kept["sent"]
    end = kept["ended"] or kept["last"]
    # one that waited for its turn stood in the queue until its load began or it was let in
    turn = max(chosen, min(kept.get("turn") or 0.0, loaded or end)) if chosen else 0.0
    waited = ", waited for its turn" if turn > chosen else ""
    found: list[Moment] = [("queue", 0.0, turn or end, f"read, authenticated, routed{waited}")]
    if chosen:
        found.append(("load", turn, loaded or end, "engine start, when it was not ready"))
    if loaded:
        found.append(("translation", loaded, sent or end, kept["plan"] or "none"))
    return found + _generation(kept, sent, end) if sent else found


def _generation(kept: dict[str, Any], sent: float, end: float) -> list[Moment]:
    """Return prefill and decode: by a stream's first byte, by the engine's clock for an answer in one piece."""
    first, words_in, words_out = kept["first"], f"{kept['tokens_in']} tokens in", f"{kept['tokens_out']} tokens out"
    if not kept["stream"] and (kept["prefill_ms"] or kept["decode_ms"]):
        split = min(end, sent + (kept["prefill_ms"] or 0.0) / 1000)
        return [
            ("prefill", sent, split, f"{words_in}, by the engine's clock"),
            ("decode", split, end, words_out),
        ]
    spans: list[Moment] = [("prefill", sent, first or end, f"{words_in}, to the first byte")]
    return spans + ([("decode", first, end, words_out)] if first else [])
