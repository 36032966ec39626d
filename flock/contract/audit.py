"""Audit: who changed what, and what was refused."""

from dataclasses import dataclass, field
from typing import Any

from flock.contract.op import Op, flag, operation


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act. `at` RFC 3339 UTC; `actor` is a key's name or a local user; `outcome` is ok or an error code."""

    id: int
    at: str
    actor: str
    action: str
    target: str
    outcome: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@operation("audit.recent", "audit", "GET /admin/v1/audit/recent", examples=("audit", "audit --actor root --json"))
class RecentAudit(Op[list[AuditRow]]):
    """List recent acts of administration, newest first."""

    limit: int = flag("how many rows", default=50)
    actor: str = flag("only this actor's", default="")
