"""Audit: who changed what, and what was refused; chained, so that a changed row shows."""

from dataclasses import dataclass, field
from typing import Any

from flock.contract.op import Op, Risk, arg, flag, operation


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act. `at` RFC 3339 UTC; `actor` is a key's name or a local user; `outcome` is ok or an error code.

    `hash` is the sha256, in hex, of the row and of the hash before it; "" for rows of releases that had none.
    """

    id: int
    at: str
    actor: str
    action: str
    target: str
    outcome: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How often an actor, an action or an outcome occurs."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """What the acts from `since` to `until` (RFC 3339 UTC) come to; `refused` are those whose outcome is not ok."""

    since: str
    until: str
    acts: int
    refused: int
    top_actors: tuple[Count, ...]
    top_actions: tuple[Count, ...]
    outcomes: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class AuditChain:
    """What the check of the chain found. `state` is whole, broken, or unchained: every row is older than the chain.

    `rows` were looked at; `unchained` of them are of releases without a chain, and the first row of the chain covers
    them; `pruned` were taken by retention before. `broken_at` is the id of the first row that does not fit, null where
    none is; `problem` says what is wrong. `head` is the hash of the newest row, "" where the chain is broken: who notes
    it elsewhere can tell later whether rows were cut off.
    """

    state: str
    rows: int
    unchained: int
    pruned: int
    broken_at: int | None
    problem: str
    head: str


@dataclass(frozen=True, slots=True)
class Act:
    """One act of administration that was carried out. `undo` is what undoing it would do in words, "" where nothing
    can take it back, and `reason` says why; `undone_by` is the number of the act that took it back, null while none has
    or where that was itself undone.
    """

    id: int
    at: str
    actor: str
    action: str
    target: str
    details: dict[str, Any]
    undo: str
    undone_by: int | None
    reason: str = ""


@operation(
    "audit.recent",
    "audit",
    "GET /admin/v1/audit/recent",
    examples=("audit", "audit --actor root --json", "audit --action token.create --since 7d"),
)
class RecentAudit(Op[list[AuditRow]]):
    """List recent acts of administration, and what was refused, newest first."""

    limit: int = flag("how many rows", default=50)
    actor: str = flag("only this actor's; * stands for any letters", default="")
    action: str = flag("only this action, such as token.create or token.*", default="")
    since: str = flag("only from then on: 2026-11-01, 2026-11-01T08:00:00Z, today, month, or 7d", default="")
    until: str = flag("only before then", default="")


@operation(
    "audit.summary",
    "audit summary",
    "GET /admin/v1/audit/summary",
    aliases=("audit --summary",),
    examples=("audit summary", "audit summary --since month --json"),
)
class SummarizeAudit(Op[AuditSummary]):
    """Sum up acts: how many, by whom, of which kind, and how many were refused."""

    since: str = flag("from then on: 2026-11-01, 2026-11-01T08:00:00Z, today, week, month, or 7d", default="30d")
    until: str = flag("before then; empty: now", default="")
    actor: str = flag("only this actor's; * stands for any letters", default="")


@operation(
    "audit.verify",
    "audit verify",
    "GET /admin/v1/audit/verify",
    examples=(
        "audit verify",
        "audit verify --json",
        "audit verify --head 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
)
class VerifyAudit(Op[AuditChain]):
    """Check that no row of the audit was changed, taken out or put in; the exit code is 1 where one was."""

    head: str = flag("a hash noted earlier, which must still be in the chain", default="")


@operation("history.ls", "history", "GET /admin/v1/history", examples=("history", "history --limit 200 --json"))
class ListHistory(Op[list[Act]]):
    """List what was changed, newest first, and what each act can be undone by."""

    limit: int = flag("how many acts", default=50)
    undoable: bool = flag("only those that can be undone", default=False)


@operation(
    "history.undo",
    "undo",
    "POST /admin/v1/history/{id}/undo",
    risk=Risk.CHANGE,
    examples=("undo 42",),
)
class UndoAct(Op[Act]):
    """Take an act back: of a key, a setting, a price or the default model. That is an act too, and can be undone.

    It is refused where the same thing was changed since in the same respect, and where nothing is kept of what was
    before: `flock history` says so of each act.
    """

    id: int = arg("the act's number, from `flock history --undoable`")
