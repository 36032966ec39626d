"""Rows of usage for tests, and what they come to when they are added up one by one."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from flock.store.sums import Sums

# the begin of an hour, of a day and of a month: 2026-11-01
BEGIN = 1_793_491_200.0
HOUR = 3600.0


@dataclass(frozen=True)
class Row:
    """One settled request."""

    at: float = BEGIN
    user: str = "alice"
    key_id: str = "k_1"
    model: str = "qwen3-8b"
    vendor: str = ""
    outcome: str = "ok"
    input_tokens: int = 12
    cached_tokens: int = 3
    output_tokens: int = 45
    cost_usd: str | None = None
    latency_ms: float = 1234.5
    ttft_ms: float | None = 56.7
    engine_ms: float = 1200.25

    def usage_row(self) -> tuple[Any, ...]:
        return (
            *(f"req_{id(self):x}", self.at, self.user, self.key_id, self.model, "chat.completions", "llamacpp"),
            *(self.input_tokens, self.cached_tokens, self.output_tokens, 0, self.latency_ms, self.ttft_ms),
            *(200, self.outcome, 1, self.vendor, self.cost_usd, 0, 0, self.engine_ms),
        )

    def decision(self) -> tuple[str, float, bytes]:
        return "req_0", BEGIN, b"{}"


def rows(span: float = 6 * HOUR) -> st.SearchStrategy[Row]:
    """Rows of some hours, of few groups so that they meet."""
    whole = st.integers(0, 5000)
    ms = st.floats(0.0, 1e6, allow_nan=False)
    price = st.none() | st.decimals(0, 5, places=9, allow_nan=False).map(lambda d: f"{d:f}")
    return st.builds(
        Row,
        at=st.integers(0, int(span * 4)).map(lambda quarter: BEGIN + quarter / 4),
        user=st.sampled_from(["alice", "bob", "", "jürgen,=x"]),
        key_id=st.sampled_from(["k_1", "k_2"]),
        model=st.sampled_from(["qwen3-8b", "gpt-5"]),
        vendor=st.sampled_from(["", "openai"]),
        outcome=st.sampled_from(["ok", "error", "cancelled", "partial"]),
        input_tokens=whole,
        cached_tokens=whole,
        output_tokens=whole,
        cost_usd=price,
        latency_ms=ms,
        ttft_ms=st.none() | ms,
        engine_ms=ms,
    )


def reckoned(rows: list[Row]) -> Sums:
    """Add rows up without the code under test: only the buckets of durations are taken from it."""
    from flock.store.histogram import bucket

    sums = Sums()
    sums.requests = len(rows)
    sums.errors = sum(r.outcome in ("error", "partial") for r in rows)
    sums.cancelled = sum(r.outcome == "cancelled" for r in rows)
    sums.input_tokens = sum(r.input_tokens for r in rows)
    sums.cached_tokens = sum(r.cached_tokens for r in rows)
    sums.output_tokens = sum(r.output_tokens for r in rows)
    sums.nano_usd = int(sum((Decimal(r.cost_usd) for r in rows if r.cost_usd is not None), Decimal(0)) * 10**9)
    sums.priced = sum(r.cost_usd is not None for r in rows)
    sums.unpriced = sum(bool(r.vendor) and r.cost_usd is None and r.input_tokens + r.output_tokens > 0 for r in rows)
    sums.engine_ms = sum(r.engine_ms for r in rows)
    for row in rows:
        if row.outcome == "ok":
            index = bucket(row.latency_ms)
            sums.latency[index] = sums.latency.get(index, 0) + 1
        if row.ttft_ms is not None:
            index = bucket(row.ttft_ms)
            sums.ttft[index] = sums.ttft.get(index, 0) + 1
    return sums
