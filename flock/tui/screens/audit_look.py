"""How acts look on their page: rows, one of them with all that is known, the chain, and what all come to.

Owns these formats. Refuses to know a widget. Called by `audit.py`.
"""

import json
from collections.abc import Sequence
from typing import Any

from textual.content import Content

from flock import text
from flock.contract.audit import Act, AuditChain, AuditRow, AuditSummary, Count
from flock.tui import look
from flock.tui.widgets.listing import Cell, Column, Row

ACTS = (
    Column("time"),
    Column(""),
    Column("actor", most=16),
    Column("action", spare=1),
    Column("target", grow=True),
    Column("with", spare=3, most=40),
    Column("outcome", spare=2),
)
HISTORY = (
    Column("act", right=True),
    Column("time", spare=2),
    Column("actor", spare=3, most=16),
    Column("action", spare=1),
    Column("target", spare=4, most=24),
    Column("undoing it would", grow=True),
)
_BAR = 20


def act_row(row: AuditRow, now: float) -> Row:
    """Return the row of an act, or of one that was refused."""
    is_ok = row.outcome == "ok"
    cells: tuple[Cell, ...] = (
        look.dim(look.clock(row.at, now)),
        look.styled("✓", "$text-success") if is_ok else look.styled("✗", "$text-error"),
        row.actor or look.dim(look.NONE),
        look.styled(row.action, "" if is_ok else "$text-error"),
        row.target or look.dim(look.NONE),
        look.dim(_given(row.details)),
        look.dim("ok") if is_ok else look.styled(row.outcome, "$text-error"),
    )
    return str(row.id), cells


def history_row(act: Act, now: float) -> Row:
    """Return the row of an act that was carried out, with what undoing it would do."""
    cells: tuple[Cell, ...] = (
        str(act.id),
        look.dim(look.clock(act.at, now)),
        act.actor or look.dim(look.NONE),
        act.action,
        act.target or look.dim(look.NONE),
        _undo(act),
    )
    return str(act.id), cells


def detail(row: AuditRow, act: Act | None, now: float) -> Content:
    """Return all there is to know of a row; `act` is the same in the history, None where that has it not."""
    mark = look.dot("ok") if row.outcome == "ok" else look.styled(f"✗ {row.outcome}", "$text-error")
    head = Content.assemble(look.styled(f"{row.action} {row.target}".rstrip(), "bold"), "  ", mark)
    facts: list[tuple[str, Any]] = [
        ("act", f"{row.id}, {look.clock(row.at, now)}, {look.ago(row.at, now)}"),
        ("by", row.actor or look.NONE),
        *((f"  {name}", _plain(value)) for name, value in row.details.items()),
    ]
    if act is not None:
        facts.append(("undo", _undo(act)))
    if row.hash:
        facts.append(("hash", look.dim(f"{row.hash[:16]}…")))
    return Content("\n").join([head, look.pairs(facts)])


def act_detail(act: Act, now: float) -> Content:
    """Return all there is to know of an act of the history."""
    head = look.styled(f"{act.action} {act.target}".rstrip(), "bold")
    facts: list[tuple[str, Any]] = [
        ("act", f"{act.id}, {look.clock(act.at, now)}, {look.ago(act.at, now)}"),
        ("by", act.actor or look.NONE),
        *((f"  {name}", _plain(value)) for name, value in act.details.items()),
        ("undo", _undo(act)),
    ]
    return Content("\n").join([head, look.pairs(facts)])


def chain(found: AuditChain) -> Content:
    """Return in one line what the check of the chain found."""
    if found.state == "broken":
        return look.styled(f"✗ the chain is broken: {found.problem}", "$text-error")
    if found.state == "unchained":
        return look.styled(f"◐ all {found.rows:,} rows are of releases without a chain", "$text-warning")
    rows = text.count(found.rows, "row")
    return Content.assemble(
        look.styled(f"● the chain is whole: {rows}", "$text-success"), look.dim(f" · head {found.head[:16]}…")
    )


def summary(found: AuditSummary, width: int) -> Content:
    """Return how many acts there were, and by whom, of which kind and with which outcome, as bars."""
    head = Content.assemble(
        look.styled(text.count(found.acts, "act"), "bold"),
        look.dim(f" from {found.since[:10]} to {found.until[:10]} · "),
        look.styled(f"{found.refused:,} refused", "$text-warning" if found.refused else "$text-muted"),
    )
    named = (("actors", found.top_actors), ("actions", found.top_actions), ("outcomes", found.outcomes))
    wide = max((len(one.name) for _, counts in named for one in counts), default=0)
    parts = [_counts(title, counts, found.acts, wide, width) for title, counts in named if counts]
    return Content("\n\n").join([head, *parts])


def _counts(title: str, counts: Sequence[Count], of_all: int, wide: int, width: int) -> Content:
    room = max(_BAR, min(60, width - wide - 12))
    lines = [look.styled(title.upper(), "bold $text-muted")]
    for one in counts:
        tone = "$text-error" if title == "outcomes" and one.name != "ok" else "$primary"
        name = look.fit(one.name or look.NONE, wide)
        bar = look.bar(one.count / max(1, of_all), room, tone)
        lines.append(Content("  ").join([name, bar, Content(f"{one.count:,}")]))
    return Content("\n").join(lines)


def undone(act: Act) -> str:
    """Return what is asked before an act is undone."""
    return f"It was {act.action} {act.target} by {act.actor}. Undoing it would {act.undo}."


def _undo(act: Act) -> Content:
    if act.undone_by is not None:
        return look.dim(f"undone by {act.undone_by}")
    return look.plain(act.undo) if act.undo else look.dim(f"{look.NONE} {act.reason}".rstrip())


def _given(details: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in details.items())


def _plain(value: Any) -> str:
    shown = isinstance(value, str) and value and value.isprintable()
    return value if shown else json.dumps(value, ensure_ascii=False)
