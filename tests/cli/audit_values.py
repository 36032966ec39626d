"""The fixed answers to the operations of the audit, of history, and of a replay through other limits."""

from dataclasses import replace
from typing import Any

from flock.contract.audit import (
    Act,
    AuditChain,
    AuditRow,
    AuditSummary,
    Count,
    ListHistory,
    RecentAudit,
    SummarizeAudit,
    UndoAct,
    VerifyAudit,
)
from flock.contract.limits import SimulatedUser, SimulateLimits, Simulation
from flock.contract.op import Op

AT = "2026-11-21T11:58:30.000Z"
HEAD = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EDITED = Act(
    42,
    AT,
    "ada",
    "token.edit",
    "k_3f9c2a71b2c4",
    {"rpm": 60, "budget": ["5/day"]},
    "set k_3f9c2a71b2c4 back: rpm 30, budgets none",
    None,
)
ACTS = [
    Act(44, AT, "ada", "history.undo", "41", {}, "set log_level back to debug, for the next start", None),
    Act(
        43,
        AT,
        "bob",
        "token.rotate",
        "k_3f9c2a71b2c4",
        {},
        "",
        None,
        "the secret before was handed out and is gone: flock never had more than its hash",
    ),
    EDITED,
    Act(41, AT, "ada", "config.set", "log_level", {"value": "debug"}, "take log_level out", 44),
]
WHOLE = AuditChain("whole", 4210, 12, 900, None, "", HEAD)
TAKEN_OUT = AuditChain("broken", 17, 0, 0, 18, "row 17 was taken out", "")
OLD = AuditChain("unchained", 3, 3, 0, None, "", "")
SUMMARY = AuditSummary(
    since="2026-10-22T12:00:00.000Z",
    until="2026-11-21T12:00:00.000Z",
    acts=1204,
    refused=17,
    top_actors=(Count("ada", 1100), Count("bob", 104)),
    top_actions=(Count("token.create", 800), Count("model.load", 404)),
    outcomes=(Count("ok", 1187), Count("not_allowed", 17)),
)
REPLAYED = Simulation(
    since="2026-10-22T12:00:00.000Z",
    until="2026-11-21T12:00:00.000Z",
    requests=1500,
    refused=75,
    users=(
        SimulatedUser("ada", 1000, {"budget/day": 25, "rpm": 50}, 2_000_000, 150_000, "12.5", "3.25", AT),
        SimulatedUser("bob", 500, {}, 100_000, 0, None, None, None),
    ),
    warnings=("quotas and budgets begin empty: what was used before the time began is not counted",),
)

AUDIT_CASES: dict[str, tuple[Op[Any], Any]] = {
    "audit.recent": (
        RecentAudit(),
        [
            AuditRow(2, AT, "ada", "token.create", "k_1", "ok", {"admin": True}),
            AuditRow(1, AT, "bob", "model.remove", "x", "model_not_found"),
        ],
    ),
    "audit.recent-empty": (RecentAudit(), []),
    "audit.summary": (SummarizeAudit(), SUMMARY),
    "audit.verify": (VerifyAudit(), WHOLE),
    "audit.verify-broken": (VerifyAudit(), TAKEN_OUT),
    "audit.verify-unchained": (VerifyAudit(), OLD),
    "history.ls": (ListHistory(), ACTS),
    "history.ls-empty": (ListHistory(), []),
    "history.undo": (UndoAct(id=42), replace(EDITED, undone_by=45)),
    "limit.simulate": (SimulateLimits(file="/dev/null"), REPLAYED),
}
