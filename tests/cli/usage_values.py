"""The fixed answers to the operations of usage but single rows; values.py has those and all others."""

from typing import Any

from flock.contract.op import Op
from flock.contract.usage import (
    BreakDownUsage,
    Percentiles,
    Share,
    SummarizeUsage,
    UsageCheck,
    UsagePart,
    UsageSummary,
    VerifyUsage,
)

NONE = Percentiles(None, None, None)
SUMMARY = UsageSummary(
    since="2026-11-01T00:00:00.000Z",
    until="2026-11-21T02:40:00.000Z",
    requests=18_422,
    errors=37,
    cancelled=120,
    error_rate=0.002022,
    input_tokens=81_204_311,
    cached_tokens=60_100_000,
    output_tokens=1_904_112,
    cost_usd="412.870000125",
    unpriced=3,
    latency_ms=Percentiles(1804.2, 9120.5, 31240.0),
    ttft_ms=Percentiles(312.4, 1204.8, 4010.2),
    top_models=(
        Share("qwen3-8b", 12_004, 60_104_311, None),
        Share("anthropic/claude-sonnet-4-5", 6_000, 20_904_112, "412.870000125"),
        Share("gpt-unheard-of", 418, 2_100_000, None),
    ),
    top_users=(Share("alice", 9_212, 50_000_000, "400"), Share("", 9_210, 33_108_423, "12.870000125")),
    sparkline=(0, 0, 3, 18, 212, 800, 1204, 900, 120, 0, 0, 4, 600, 1100, 1300, 1250, 900, 210, 8, 1, 0, 700, 900, 11),
)
NOTHING = UsageSummary(
    "2026-11-14T02:40:00.000Z",
    "2026-11-21T02:40:00.000Z",
    *(0, 0, 0, 0.0, 0, 0, 0, None, 0),
    latency_ms=NONE,
    ttft_ms=NONE,
    top_models=(),
    top_users=(),
    sparkline=(0,) * 24,
)


def part(
    start: str | None, user: str | None, model: str | None, requests: int, cost: str | None, unpriced: int = 0
) -> UsagePart:
    return UsagePart(
        start=start,
        user=user,
        model=model,
        vendor=None,
        key_id=None,
        requests=requests,
        errors=requests // 100,
        cancelled=0,
        input_tokens=requests * 4_000,
        cached_tokens=requests * 3_000,
        output_tokens=requests * 100,
        cost_usd=cost,
        unpriced=unpriced,
        latency_ms=Percentiles(1804.2, 9120.5, 31240.0) if requests > 1 else NONE,
        ttft_ms=Percentiles(312.4, 1204.8, 4010.2) if requests > 1 else NONE,
    )


DAYS = [
    part("2026-11-20T00:00:00.000Z", "alice", "claude-sonnet-4-5", 812, "18.2201"),
    part("2026-11-20T00:00:00.000Z", "bob", "qwen3-8b", 4000, None),
    part("2026-11-21T00:00:00.000Z", "alice", "claude-sonnet-4-5", 1, "0.000012", 1),
]

USAGE_CASES: dict[str, tuple[Op[Any], Any]] = {
    "usage.summary": (SummarizeUsage(since="month"), SUMMARY),
    "usage.summary-none": (SummarizeUsage(), NOTHING),
    "usage.breakdown": (BreakDownUsage(by="user,model", bucket="day"), DAYS),
    "usage.breakdown-by-user": (
        BreakDownUsage(since="month"),
        [part(None, "alice", None, 9_212, "400.10"), part(None, "", None, 12, None)],
    ),
    "usage.breakdown-none": (BreakDownUsage(), []),
    "usage.verify": (VerifyUsage(), UsageCheck("2026-11-20", 4_812, 4_812, (), False)),
    "usage.verify-differs": (
        VerifyUsage(day="2026-11-20"),
        UsageCheck("2026-11-20", 4_812, 4_811, ("2026-11-20T08h: user 'alice', key 'k_1', model 'qwen3-8b'",), True),
    ),
    "usage.verify-none": (VerifyUsage(), UsageCheck("", 0, 0, (), False)),
}
