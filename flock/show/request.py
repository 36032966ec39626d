"""How requests look: a table, and the waterfall of one."""

from typing import Any, cast

from flock import text
from flock.contract.op import Op
from flock.contract.requests import Attempt, Explanation, RequestRow, Span
from flock.show.view import NONE, Line, Pairs, Table, View, or_none, since, table

# Columns of the waterfall's bars: with a name, a duration and a detail beside them a line fits into 80
_BAR = 30


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the requests, one in brief, or one explained."""
    if isinstance(value, Explanation):
        return explained(value, now)
    if isinstance(value, RequestRow):
        return View((Pairs(tuple(zip(_LABELS, _row(value, now), strict=True))),))
    rows = [_row(r, now) for r in cast("list[RequestRow]", value)]
    return table(
        "request when user model engine endpoint stage outcome out took",
        rows,
        "no request yet",
        "endpoint engine out user",
    )


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the requests' ids."""
    return (
        [value.id] if isinstance(value, Explanation | RequestRow) else [r.id for r in cast("list[RequestRow]", value)]
    )


_LABELS = ("request", "when", "user", "model", "engine", "endpoint", "stage", "outcome", "tokens out", "took")


def _row(r: RequestRow, now: float) -> tuple[str, ...]:
    took = text.duration(r.elapsed_ms / 1000)
    outcome = or_none(r.outcome)
    return (
        r.id,
        since(r.at, now),
        r.user,
        r.model,
        or_none(r.engine),
        r.endpoint,
        r.stage,
        outcome,
        f"{r.output_tokens:,}",
        took,
    )


def explained(e: Explanation, now: float) -> View:
    """Show where a request went, why, and where its time went."""
    blocks: list[Line | Pairs | Table] = [Pairs(_facts(e, now))]
    if e.spans:
        blocks += [Line(), Line("Where its time went", "strong"), *waterfall(e.spans)]
    if e.attempts:
        blocks += [Line(), Line("Attempts", "strong")]
        blocks.append(Table(("upstream", "from", "first byte", "to", "status", "error"), _attempts(e.attempts), ""))
    if e.candidates:
        rows = tuple(
            (c.upstream, c.engine, "rejected" if c.rejected else f"{c.rank + 1}", c.reason) for c in e.candidates
        )
        blocks += [Line(), Line("Candidates", "strong"), Table(("upstream", "engine", "rank", "reason"), rows, "")]
    return View(tuple(blocks))


def _facts(e: Explanation, now: float) -> tuple[tuple[str, str], ...]:
    model = e.model or e.requested_model
    if e.model and e.model != e.requested_model:
        model = f"{e.requested_model} → {e.model}" if e.requested_model else f"{e.model} (none was named)"
    end = max((s.start_ms + s.duration_ms for s in e.spans), default=None)
    tokens = f"{e.input_tokens:,} in ({e.cached_tokens:,} cached), {e.output_tokens:,} out"
    rows = [
        ("request", e.id),
        ("when", since(e.at, now)),
        ("who", f"{e.user} ({e.key_id})" if e.key_id else or_none(e.user)),
        ("asked", f"{e.endpoint}, {'streamed' if e.stream else 'in one piece'}"),
        ("model", or_none(model)),
        ("went to", e.upstream if e.upstream == e.engine else f"{e.upstream} ({e.engine})" if e.upstream else NONE),
        ("why", or_none(e.why)),
        ("plan", f"{e.plan}: {', '.join(e.edits)}" if e.edits else or_none(e.plan)),
        ("outcome", f"{e.outcome or e.stage}, status {e.status}" if e.status else e.outcome or e.stage),
        ("took", _ms(end)),
        ("tokens", f"{tokens}{', counted by flock' if e.estimated else ''}"),
        ("bytes", f"{text.size(e.bytes_in)} in, {text.size(e.bytes_out)} out"),
    ]
    if e.vendor:
        rows.append(
            ("paid", f"{e.vendor}, ${e.cost_usd}" if e.cost_usd is not None else f"{e.vendor}, price not known")
        )
    rows += [("error", e.error)] if e.error else []
    rows += [("lost", ", ".join(e.lost))] if e.lost else []
    rows += [("note", note) for note in e.notes]
    return tuple(rows)


def waterfall(spans: tuple[Span, ...], width: int = _BAR) -> list[Line]:
    """Return one line per span: its name, a bar on the common time axis, its duration and what is known of it."""
    total = max((s.start_ms + s.duration_ms for s in spans), default=0.0) or 1.0
    room = max(len(s.name) for s in spans)
    took = [text.duration(s.duration_ms / 1000) for s in spans]
    wide = max(len(t) for t in took)
    found: list[Line] = []
    for span, duration in zip(spans, took, strict=True):
        first = min(width - 1, max(0, int(span.start_ms / total * width)))
        last = min(width, max(first + 1, round((span.start_ms + span.duration_ms) / total * width)))
        bar = "·" * first + "█" * (last - first) + "·" * (width - last)
        words = f"  {span.name:<{room}}  {bar}  {duration:>{wide}}  "
        found.append(Line((words + span.detail).rstrip(), hang=len(words)))
    return found


def _attempts(attempts: tuple[Attempt, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            a.upstream,
            _ms(a.started_ms),
            _ms(a.first_byte_ms),
            _ms(a.ended_ms),
            or_none(a.status or None),
            or_none(a.error),
        )
        for a in attempts
    )


def _ms(value: float | None) -> str:
    return NONE if value is None else text.duration(value / 1000)
