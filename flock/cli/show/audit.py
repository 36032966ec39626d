"""How the audit looks."""

import json
from typing import Any

from flock.cli.show.view import View, or_none, since, table
from flock.contract.audit import AuditRow
from flock.contract.op import Op


def human(op: Op[Any], value: list[AuditRow], now: float) -> View:
    """Show who did what, when, and what came of it."""
    rows: list[tuple[str, ...]] = [
        (str(a.id), since(a.at, now), a.actor, a.action, or_none(a.target), a.outcome, _details(a)) for a in value
    ]
    return table("id when actor action target outcome details", rows, "nothing was changed yet", "details when")


def ids(op: Op[Any], value: list[AuditRow]) -> list[str]:
    """Return the rows' numbers."""
    return [str(a.id) for a in value]


def _details(row: AuditRow) -> str:
    return json.dumps(row.details, ensure_ascii=False) if row.details else ""
