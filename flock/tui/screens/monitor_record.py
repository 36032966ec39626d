"""How the record of one request looks: its waterfall over time, where it could have gone, what was changed, the cost.

Owns the arrangement; figures are look.py's. Pure. Called by `screens/monitor.py` for the part beside the list and by
`screens/monitor_request.py` for the whole.
"""

from collections.abc import Sequence

from textual.content import Content

from flock import text
from flock.contract.requests import Attempt, Candidate, Explanation, Span
from flock.tui import look

# A colour for each stretch of a request's time; what flock itself took stands back
_TONES = {"queue": "$text-muted", "load": "$warning", "translation": "$secondary", "prefill": "$primary"}
_LABEL = 9


def record(e: Explanation, width: int) -> Content:
    """Return everything known of a request, in `width` cells."""
    lines = [_title(e, width), Content("")]
    if e.spans:
        lines += [*waterfall(e.spans, width), Content("")]
    lines += _facts(e, width)
    if e.attempts:
        lines += [Content(""), _head("attempts"), *(_attempt(one, width) for one in e.attempts)]
    if e.candidates:
        lines += [Content(""), _head("candidates")]
        for one in e.candidates:
            lines += _candidate(one, width)
    return Content("\n").join(lines)


def _title(e: Explanation, width: int) -> Content:
    stage = look.outcome(e.outcome) if e.outcome else look.dot(e.stage)
    end = max((span.start_ms + span.duration_ms for span in e.spans), default=None)
    right = Content.assemble(stage, (f" {e.status}" if e.status else "", "$text-muted"), f"  {look.ms(end)}")
    return look.apart(look.styled(e.model or e.requested_model or e.id, "bold"), right, width)


def _head(words: str) -> Content:
    return look.styled(words.upper(), "bold $text-muted")


def waterfall(spans: Sequence[Span], width: int) -> list[Content]:
    """Return one line for each stretch, a bar on the common axis of time, and the axis."""
    total = max((span.start_ms + span.duration_ms for span in spans), default=0.0) or 1.0
    name = max(len(span.name) for span in spans)
    took = [look.ms(span.duration_ms) for span in spans]
    wide = max(len(words) for words in took)
    # what is known of a stretch stands behind its bar where there is room for both
    detail = min(40, max((len(span.detail) for span in spans), default=0)) if width >= 90 else 0
    room = max(10, width - name - wide - detail - 4 - (2 if detail else 0))
    lines = [
        Content.assemble(
            (f"{span.name:<{name}}  ", "$text-muted"),
            _bar(span, total, room),
            f"  {words:>{wide}}",
            look.dim(f"  {text.one_line(span.detail, detail)}" if detail else ""),
        )
        for span, words in zip(spans, took, strict=True)
    ]
    axis = look.apart(look.dim("0"), look.dim(look.ms(total)), room)
    return [*lines, Content.assemble(" " * (name + 2), axis)]


def _bar(span: Span, total: float, room: int) -> Content:
    first = min(room - 1, max(0, int(span.start_ms / total * room)))
    last = min(room, max(first + 1, round((span.start_ms + span.duration_ms) / total * room)))
    # what took less than half a cell is a line, since a block would claim more
    drawn = "▏" if span.duration_ms / total * room < 0.5 else "█" * (last - first)
    rest = room - first - len(drawn)
    return Content.assemble(
        ("·" * first, "$foreground 25%"), (drawn, _TONES.get(span.name, "$success")), ("·" * rest, "$foreground 25%")
    )


def _facts(e: Explanation, width: int) -> list[Content]:
    model = e.model or e.requested_model
    if e.model and e.requested_model and e.model != e.requested_model:
        model = f"{e.requested_model} → {e.model}"
    rows: list[tuple[str, Content]] = [
        ("request", look.plain(e.id)),
        ("who", look.plain(f"{e.user} ({e.key_id})" if e.key_id else e.user or look.NONE)),
        ("asked", look.plain(f"{e.endpoint}, {'streamed' if e.stream else 'in one piece'}")),
        ("model", look.plain(model or look.NONE)),
        ("went to", look.plain(_place(e))),
        ("why", look.plain(e.why or look.NONE)),
        ("plan", look.plain(f"{e.plan}: {', '.join(e.edits)}" if e.edits else e.plan or look.NONE)),
        ("tokens", look.plain(_tokens(e))),
        ("bytes", look.plain(f"{look.size(e.bytes_in)} in, {look.size(e.bytes_out)} out")),
        ("cost", _cost(e)),
    ]
    rows += [("error", look.styled(e.error, "$text-error"))] if e.error else []
    rows += [("lost", look.styled(", ".join(e.lost), "$text-warning"))] if e.lost else []
    rows += [("note", look.plain(note)) for note in e.notes]
    return [line for label, value in rows for line in _labelled(label, value, width)]


def _labelled(label: str, value: Content, width: int) -> list[Content]:
    wrapped = value.wrap(max(10, width - _LABEL)) or [Content("")]
    heads = [look.dim(f"{label:<{_LABEL}}"), *[Content(" " * _LABEL)] * (len(wrapped) - 1)]
    return [Content.assemble(head, words) for head, words in zip(heads, wrapped, strict=True)]


def _place(e: Explanation) -> str:
    if not e.upstream:
        return look.NONE
    return e.upstream if e.upstream == e.engine else f"{e.upstream} ({e.engine})"


def _tokens(e: Explanation) -> str:
    if not (e.input_tokens or e.output_tokens or e.outcome):
        return look.NONE
    if not e.outcome:
        return f"{e.output_tokens:,} out so far"
    counted = ", counted by flock" if e.estimated else ""
    return f"{e.input_tokens:,} in ({e.cached_tokens:,} cached), {e.output_tokens:,} out{counted}"


def _cost(e: Explanation) -> Content:
    if not e.vendor:
        return look.dim(look.NONE)
    if e.cost_usd is None:
        return look.styled(f"{e.vendor}: price not known", "$text-warning")
    return look.plain(f"{look.usd(e.cost_usd)} to {e.vendor}")


def _attempt(one: Attempt, width: int) -> Content:
    good = not one.error and 0 < one.status < 400
    sign, tone = ("✓", "$text-success") if good else ("✗", "$text-error") if one.ended_ms is not None else ("◐", "")
    times = f"{look.ms(one.started_ms)} → {look.ms(one.first_byte_ms)} → {look.ms(one.ended_ms)}"
    left = Content.assemble((f"{sign} ", tone), look.plain(one.upstream), look.styled(f"  {one.error}", "$text-error"))
    return look.apart(left, look.dim(f"{times}  {one.status or look.NONE}"), width)


def _candidate(one: Candidate, width: int) -> list[Content]:
    sign, tone = ("✗", "$text-error") if one.rejected else (str(one.rank + 1), "$text-success")
    head = Content.assemble((f"{sign} ", tone), look.plain(one.upstream), "  ")
    if head.cell_length + len(one.reason) <= width:
        return [Content.assemble(head, look.dim(one.reason))]
    return [look.fit(head, width), *(Content.assemble("    ", part) for part in look.dim(one.reason).wrap(width - 4))]
