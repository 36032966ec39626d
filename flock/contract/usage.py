"""Usage: one row per request, for ever."""

from dataclasses import dataclass

from flock.contract.op import Op, flag, operation


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one request cost. `at` RFC 3339 UTC; latencies in milliseconds; `ttft_ms` null when nothing was streamed.

    `outcome` is ok, error, cancelled or partial; `estimated` says that the engine gave no count and flock counted.
    `vendor` is the paid vendor that was asked, "" for none; `cost_usd` dollars as a decimal string, null when unknown.
    """

    request_id: str
    at: str
    user: str
    key_id: str
    model: str
    endpoint: str
    engine: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    latency_ms: float
    ttft_ms: float | None
    status: int
    outcome: str
    stream: bool
    vendor: str = ""
    cost_usd: str | None = None


@operation("usage.recent", "usage", "GET /admin/v1/usage/recent", examples=("usage", "usage --user alice --json"))
class RecentUsage(Op[list[UsageRow]]):
    """List recent requests with their tokens, newest first."""

    limit: int = flag("how many rows", default=50)
    user: str = flag("only this user's", default="")
