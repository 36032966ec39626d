"""A decision record as kept, and as people read it.

Packing is on the path of every request (a few µs in the writer's batch): one flat JSON array of what the record holds.
Unpacking happens when somebody asks: it derives the waterfall and spells everything out as an Explanation. Positions
are fixed; a later version may only append (tests/compat).
"""

from typing import TYPE_CHECKING, Any

import orjson

from flock.clock import rfc3339
from flock.contract.requests import Attempt, Candidate, Explanation, Span
from flock.dialects.openai.upstream import NO_USAGE

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
        )
    )


def unpack(packed: bytes) -> Explanation:
    """Return the Explanation of a packed record."""
    (
        request_id,
        at,
        user,
        key_id,
        endpoint,
        requested,
        model,
        stream,
        outcome,
        status,
        error,
        plan,
        edits,
        upstream,
        engine,
        ranked,
        tries,
        chosen,
        loaded,
        sent,
        first,
        ended,
        last,
        tokens_in,
        cached,
        tokens_out,
        prefill_ms,
        decode_ms,
        estimated,
        bytes_in,
        bytes_out,
        notes,
        stage,
    ) = orjson.loads(packed)[:33]
    failed = {name for name, *_, error_words in tries if error_words}
    moments = _moments(plan, chosen, loaded, sent, ended or last)
    if sent:
        engine_ms = None if stream else (prefill_ms or 0.0) if prefill_ms or decode_ms else None
        moments += _generation(sent, first, ended or last, engine_ms, tokens_in, tokens_out)
    return Explanation(
        id=request_id,
        at=rfc3339(at),
        user=user,
        key_id=key_id,
        endpoint=endpoint,
        requested_model=requested,
        model=model,
        stream=stream,
        stage=stage,
        outcome=outcome,
        status=status,
        error=error,
        plan=plan,
        edits=tuple(edits),
        upstream=upstream,
        engine=engine,
        why=next((reason for name, _, reason in ranked if name == upstream), ""),
        candidates=tuple(
            Candidate(name, of, rank, reason, name in failed) for rank, (name, of, reason) in enumerate(ranked)
        ),
        attempts=tuple(_attempt(*t) for t in tries),
        spans=tuple(Span(n, _ms(a), _ms(max(0.0, b - a)), detail) for n, a, b, detail in moments),
        input_tokens=tokens_in,
        cached_tokens=cached,
        output_tokens=tokens_out,
        estimated=estimated,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        notes=tuple(notes),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _attempt(upstream: str, started: float, first: float, ended: float, status: int, error: str) -> Attempt:
    return Attempt(upstream, _ms(started), _ms(first) if first else None, _ms(ended) if ended else None, status, error)


Moment = tuple[str, float, float, str]


def _moments(plan: str, chosen: float, loaded: float, sent: float, end: float) -> list[Moment]:
    """Return the stretches before generation; each ends where the next begins, only those that happened."""
    found: list[Moment] = [("queue", 0.0, chosen or end, "read, authenticated, routed")]
    if chosen:
        found.append(("load", chosen, loaded or end, "engine start, when it was not ready"))
    if loaded:
        found.append(("translation", loaded, sent or end, plan or "none"))
    return found


def _generation(
    sent: float, first: float, end: float, engine_ms: float | None, tokens_in: int, tokens_out: int
) -> list[Moment]:
    """Return prefill and decode: by the first byte of a stream, by the engine's clock for an answer in one piece."""
    if engine_ms is not None:
        split: Any = min(end, sent + engine_ms / 1000)
        return [
            ("prefill", sent, split, f"{tokens_in} tokens in, by the engine's clock"),
            ("decode", split, end, f"{tokens_out} tokens out"),
        ]
    spans: list[Moment] = [("prefill", sent, first or end, f"{tokens_in} tokens in, to the first byte")]
    return spans + ([("decode", first, end, f"{tokens_out} tokens out")] if first else [])
