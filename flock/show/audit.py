"""How the audit looks: its rows, what they come to, and whether the chain through them is whole."""

import json
from typing import Any

from flock.contract.audit import AuditChain, AuditRow, AuditSummary, Count, RecentAudit
from flock.contract.op import Op
from flock.show.view import Line, Pairs, View, or_none, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show who did what, when, and what came of it."""
    if isinstance(value, AuditChain):
        return _chain(value)
    if isinstance(value, AuditSummary):
        return _summary(value)
    rows: list[tuple[str, ...]] = [
        (str(a.id), since(a.at, now), a.actor, a.action, or_none(a.target), a.outcome, _details(a)) for a in value
    ]
    return table("id when actor action target outcome details", rows, _empty(op), "details id")


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the rows' numbers, the actors of a summary, or the head of the chain."""
    if isinstance(value, AuditChain):
        return [value.head] if value.head else []
    if isinstance(value, AuditSummary):
        return [actor.name for actor in value.top_actors]
    rows: list[AuditRow] = value
    return [str(a.id) for a in rows]


def _empty(op: Op[Any]) -> str:
    """Say that nothing is there, or that nothing is what was asked for."""
    asked = isinstance(op, RecentAudit) and (op.actor or op.action or op.since or op.until)
    return "no act on record is like that" if asked else "no act is on record"


def _details(row: AuditRow) -> str:
    """Return "ttl=7d, models=["a*"]": words as they are, everything else as JSON has it."""
    return ", ".join(f"{name}={_plain(value)}" for name, value in row.details.items())


def _plain(value: Any) -> str:
    shown = isinstance(value, str) and value and value.isprintable()
    return value if shown else json.dumps(value, ensure_ascii=False)


def _summary(found: AuditSummary) -> View:
    span = f"{found.since[:19]}Z to {found.until[:19]}Z".replace("T", " ")
    head = (("time", span), ("acts", f"{found.acts:,}"), ("refused", f"{found.refused:,}"))
    named = (("actors", found.top_actors), ("actions", found.top_actions), ("outcomes", found.outcomes))
    return View((Pairs((*head, *((label, _counts(counts)) for label, counts in named))),))


def _counts(counts: tuple[Count, ...]) -> str:
    return or_none(", ".join(f"{c.name} {c.count:,}" for c in counts))


def _chain(found: AuditChain) -> View:
    if found.state == "broken":
        lines = [Line(f"broken: {found.problem}", "bad", hang=2)]
    elif found.state == "unchained":
        lines = [Line(f"unchained: all {found.rows:,} rows are of releases without a chain", "warn")]
    else:
        lines = [Line(f"whole: {found.rows:,} rows, each follows from the one before", "good")]
    rest = f"{found.unchained:,} of them of releases without a chain" if found.unchained else ""
    if rest and found.state == "whole":
        rest += ", which its first row covers"
    if found.pruned:
        rest = "; ".join(filter(None, (rest, f"{found.pruned:,} before them were forgotten by retention")))
    if rest and found.state != "unchained":
        lines.append(Line(rest, "dim"))
    if not found.head:
        return View(tuple(lines))
    lines.append(Line(f"head: {found.head}"))
    note = "note the head elsewhere: who has it can tell whether rows were cut off or all made anew"
    return View(tuple(lines), (Line(note, "dim"), Line(f"flock audit verify --head {found.head}", "dim")))
