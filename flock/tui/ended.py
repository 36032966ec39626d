"""The requests that have ended: those that events told of, before them those on record.

Owns how the two become one list. Pure. Used by Home and Monitor.
"""

from collections.abc import Iterable, Sequence

from flock.contract.requests import RequestRow
from flock.tui.state import Live


def of_row(row: RequestRow) -> Live:
    """Return a request of the record as one that was told of."""
    return Live(
        row.id,
        at=row.at,
        user=row.user,
        model=row.model,
        endpoint=row.endpoint,
        engine=row.engine,
        stage=row.stage,
        outcome=row.outcome,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        elapsed_ms=row.elapsed_ms,
        ttft_ms=row.ttft_ms,
        tokens_per_second=row.tokens_per_second,
    )


def ended(told: Iterable[Live], recorded: Sequence[RequestRow] | None) -> list[Live]:
    """Return the ended requests, newest first: those that events told of, then those on record from before."""
    found = list(told)
    known = {live.id for live in found}
    return found + [of_row(row) for row in recorded or () if row.outcome and row.id not in known]
