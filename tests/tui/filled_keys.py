"""A flock with keys, weeks of usage and an audit, for the pages Tokens, Usage and Audit: the same on every run."""

import random
from dataclasses import replace
from typing import Any

from flock.clock import rfc3339
from flock.contract.audit import Act, AuditRow, AuditSummary, Count, ListHistory, RecentAudit
from flock.contract.op import Scope
from flock.contract.prices import Saving, ShowSavings
from flock.contract.tokens import Budget, ListTokens, ShowToken, Token, TokenDetails
from flock.contract.usage import BreakDownUsage, Percentiles, Share, SummarizeUsage, UsagePart, UsageRow, UsageSummary
from tests.cli.token_values import LIMITED, METERS, REVOKED, TOKEN
from tests.cli.values import NOW
from tests.tui.canned import Canned

QWEN, SONNET, GEMMA = "qwen3-8b", "anthropic/claude-sonnet-4-5", "gemma3-4b"
ALICE = Token(
    "k_7a10c3d94e55", "alice", Scope.USER, "p3Kd", "2026-10-02T08:00:00Z", "2026-11-21T11:59:48Z", None,
    ("anthropic",), models=(QWEN, "anthropic/*"), rpm=60, quota=5_000_000, budgets=(Budget("20", "day"),),
    tags=("team=web",), requests_today=412, tokens_today=3_904_112, cost_today_usd="18.22",
)  # fmt: skip
CI = Token(
    "k_c1c1c1c1c1c1", "ci", Scope.USER, "9aZ-", "2026-11-01T08:00:00Z", "2026-11-21T09:12:00Z", None,
    owner="alice", note="nightly evaluation", expires_at="2026-12-01T00:00:00Z", tpm=200_000, tags=("team=web",),
    share=1, requests_today=2_048, tokens_today=812_000,
)  # fmt: skip
GUEST = Token(
    "k_9e57a0000001", "guest", Scope.USER, "Gu35", "2026-11-10T08:00:00Z", None, None, models=("gemma*",),
    state="expired", expires_at="2026-11-17T08:00:00Z", rpm=20, requests_today=0, tokens_today=0,
)  # fmt: skip
TOKENS = [CI, LIMITED, ALICE, TOKEN]
ENDED = [*TOKENS, GUEST, REVOKED]

_USERS = {"alice": (0.45, SONNET), "ci": (0.3, QWEN), "bob": (0.15, QWEN), "ada": (0.1, GEMMA)}
_STEPS = {"hour": 3600, "day": 86400}
_SPANS = {"today": 12, "24h": 24, "7d": 7 * 24, "30d": 30 * 24, "month": 20 * 24 + 12}


def filled(**answers: Any) -> Canned:
    """Return a flock with all of it; `answers` as `Canned` takes them."""
    mine: dict[str, Any] = {
        "token.ls": _tokens,
        "token.show": _details,
        "usage.summary": _summary,
        "usage.breakdown": _breakdown,
        "usage.recent": lambda _op: ROWS,
        "savings.show": _savings,
        "audit.recent": _audit,
        "audit.summary": AUDIT_SUMMARY,
        "history.ls": _history,
    }
    return Canned(**{name.replace(".", "__"): value for name, value in mine.items()} | answers)


def _tokens(op: ListTokens) -> list[Token]:
    return ENDED if op.all else TOKENS


def _details(op: ShowToken) -> TokenDetails:
    token = next(t for t in ENDED if t.id == op.id)
    return TokenDetails(token, METERS if token is LIMITED else METERS[:3] if token is ALICE else ())


def _begin(since: str) -> float:
    return NOW - _SPANS[since] * 3600


def _summary(op: SummarizeUsage) -> UsageSummary:
    hours = _SPANS[op.since]
    requests = hours * 38
    return UsageSummary(
        rfc3339(_begin(op.since)), rfc3339(NOW), requests, requests // 180, requests // 90, 0.0056,
        requests * 4_200, requests * 3_100, requests * 210, f"{hours * 0.61:.6f}", 3,
        Percentiles(1804.2, 9120.5, 31240.0), Percentiles(312.4, 1204.8, 4010.2),
        (Share(QWEN, requests // 2, requests * 2_000, None),), (Share("alice", requests // 2, requests * 2_000, "12"),),
        tuple(range(24)),
    )  # fmt: skip


def _part(start: float | None, requests: int, cost: str | None, **names: str | None) -> UsagePart:
    none: dict[str, str | None] = {"user": None, "model": None, "vendor": None, "key_id": None}
    return UsagePart(
        start=None if start is None else rfc3339(start), **{**none, **names}, requests=requests,
        errors=requests // 180, cancelled=requests // 90, input_tokens=requests * 4_200,
        cached_tokens=requests * 3_100, output_tokens=requests * 210, cost_usd=cost, unpriced=0,
        latency_ms=Percentiles(1804.2, 9120.5, 31240.0), ttft_ms=Percentiles(312.4, 1204.8, 4010.2),
    )  # fmt: skip


def _breakdown(op: BreakDownUsage) -> list[UsagePart]:
    hours = _SPANS[op.since]
    if op.bucket:
        lot, step = random.Random(op.since), _STEPS[op.bucket]
        begin = _begin(op.since) // step * step
        starts = [begin + at * step for at in range(int((NOW - begin) // step) + 1)]
        # by night nobody works
        busy = [0 if op.bucket == "hour" and s % 86400 // 3600 in (2, 3, 4) else lot.randint(8, 60) for s in starts]
        return [
            _part(s, n * step // 3600, f"{n * 0.02:.4f}", user="alice") for s, n in zip(starts, busy, strict=True) if n
        ]
    total = hours * 38
    if op.by == "vendor":
        found = [("anthropic", 0.45), ("", 0.55)]
        return [
            _part(None, int(total * part), f"{hours * 0.61:.6f}" if name else None, vendor=name) for name, part in found
        ]
    field = {"user": "user", "model": "model", "key": "key_id"}[op.by]
    keys = {"alice": ALICE.id, "ci": CI.id, "bob": LIMITED.id, "ada": TOKEN.id}
    parts: list[UsagePart] = []
    for user, (part, model) in _USERS.items():
        name = {"user": user, "model": model, "key": keys[user]}[op.by]
        cost = f"{hours * 0.61:.6f}" if user == "alice" else None
        made = _part(None, int(total * part), cost, **{field: name})
        parts.append(replace(made, unpriced=3) if user == "bob" else made)
    return parts if op.by != "model" else [parts[0], parts[1], parts[3]]


def _rows() -> list[UsageRow]:
    lot, rows = random.Random("rows"), list[UsageRow]()
    for number in range(60):
        user = lot.choice(list(_USERS))
        model = _USERS[user][1]
        vendor = "anthropic" if model == SONNET else ""
        outcome = "error" if number % 17 == 5 else "cancelled" if number % 23 == 9 else "ok"
        output = lot.randint(1, 900) if outcome != "error" else 0
        rows.append(UsageRow(
            f"req_{number:016x}", rfc3339(NOW - number * 47 - 3), user, "k_1", model.removeprefix("anthropic/"),
            "messages" if vendor else "chat", vendor or "llamacpp-1", lot.randint(200, 24_000), output,
            number % 11 == 3, lot.randint(300, 30_000), float(lot.randint(90, 2_000)),
            200 if outcome == "ok" else 502, outcome, True,
            vendor, f"{lot.random() / 10:.6f}" if vendor and number % 13 else None,
        ))  # fmt: skip
    return rows


def _savings(op: ShowSavings) -> list[Saving]:
    return [
        Saving(None, None, QWEN, 4_102, 17_000_000, 861_000, SONNET, "63.915", "412.5", "0.1278", "63.7872"),
        Saving(None, None, GEMMA, 950, 3_990_000, 199_500, SONNET, "14.9625", "80.25", "0.0248", "14.9377"),
    ]


_ACTS = (
    ("ada", "token.edit", CI.id, "ok", {"tpm": 200000}),
    ("ada", "config.set", "log_level", "ok", {"value": "debug"}),
    ("alice", "token.create", "", "not_allowed", {"name": "mallory"}),
    ("ada", "model.load", QWEN, "ok", {}),
    ("ada", "price.set", "openai/gpt-5", "ok", {"input": "1.25", "output": "10"}),
    ("ada", "token.rotate", LIMITED.id, "ok", {"grace": "1h"}),
    ("root", "engine.restart", "llamacpp-1", "engine_unavailable", {}),
    ("ada", "invite.create", "guest", "ok", {"ttl": "7d", "models": "gemma*"}),
)
AUDIT = [
    AuditRow(120 - number, rfc3339(NOW - 90 - number * 2700), *_ACTS[number % len(_ACTS)][:4],
             details=_ACTS[number % len(_ACTS)][4], hash=f"{number:064x}")
    for number in range(40)
]  # fmt: skip
HISTORY = [
    Act(120, AUDIT[0].at, "ada", "token.edit", CI.id, {"tpm": 200000}, f"set {CI.id} back: tpm none", None),
    Act(119, AUDIT[1].at, "ada", "config.set", "log_level", {"value": "debug"}, "take log_level out", None),
    Act(116, AUDIT[4].at, "ada", "price.set", "openai/gpt-5", {"input": "1.25"}, "take the price out again", None),
]
OTHERS = [
    Act(
        115, AUDIT[5].at, "ada", "token.rotate", LIMITED.id, {}, "", None,
        "the secret before was handed out and is gone: flock never had more than its hash",
    ),
    Act(112, AUDIT[8].at, "ada", "token.edit", CI.id, {"tpm": 100000}, f"set {CI.id} back: tpm none", 114),
]  # fmt: skip
AUDIT_SUMMARY = AuditSummary(
    "2026-10-22T12:00:00.000Z", "2026-11-21T12:00:00.000Z", 1204, 17,
    (Count("ada", 1100), Count("alice", 80), Count("root", 24)),
    (Count("token.create", 700), Count("model.load", 404), Count("config.set", 60), Count("token.edit", 40)),
    (Count("ok", 1187), Count("not_allowed", 12), Count("engine_unavailable", 5)),
)  # fmt: skip
ROWS = _rows()


def _audit(op: RecentAudit) -> list[AuditRow]:
    return [row for row in AUDIT if op.actor in ("", row.actor) and op.action in ("", row.action)]


def _history(op: ListHistory) -> list[Act]:
    return HISTORY if op.undoable else sorted([*HISTORY, *OTHERS], key=lambda act: -act.id)
