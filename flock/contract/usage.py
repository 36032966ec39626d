"""Usage: one row per request, for ever; and what they come to."""

from dataclasses import dataclass

from flock.contract.op import Op, flag, operation

# What a breakdown may go by, and the lots of time it may be cut into
GROUPS = ("user", "model", "vendor", "key")
BUCKETS = ("hour", "day", "month")


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one request cost. `at` RFC 3339 UTC; latencies in milliseconds; `ttft_ms` null when nothing was streamed.

    `outcome` is ok, error, cancelled or partial; `estimated` says that the engine gave no count and flock counted.
    `input_tokens` is the whole prompt, of which `cached_tokens` were read from a cache and `written_tokens` were
    written to one; `reasoning_tokens` are part of `output_tokens`. `vendor` is the paid vendor that was asked, "" for
    none; `cost_usd` dollars as a decimal string, as reckoned when the request ended, null when unknown.
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
    cached_tokens: int = 0
    written_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds that 50, 95 and 99 of a hundred requests did not exceed, to 2 %; null where there were none.

    Latencies are of requests that ended well, from arrival to the last byte; the time to the first token is of all
    streams that had one.
    """

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """What one user, model or vendor comes to. `cost_usd` null where nothing had a known price."""

    name: str
    requests: int
    tokens: int
    cost_usd: str | None


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """What the requests from `since` to `until` (RFC 3339 UTC) come to.

    `unpriced` counts requests that took a paid vendor's tokens at a price nobody knew: they are in no sum of dollars.
    `errors` ended in an error before or in the middle of their answer; `error_rate` is 0 to 1 and leaves out cancelled
    ones. The top ones had the most tokens. `sparkline` are requests in 24 equal parts of the time, oldest first.
    `since` is earlier than asked for where the single requests of its hour were forgotten.
    """

    since: str
    until: str
    requests: int
    errors: int
    cancelled: int
    error_rate: float
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str | None
    unpriced: int
    latency_ms: Percentiles
    ttft_ms: Percentiles
    top_models: tuple[Share, ...]
    top_users: tuple[Share, ...]
    sparkline: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UsagePart:
    """One group of a breakdown. `start` is the begin of its hour, day or month (RFC 3339 UTC), null without buckets;
    `user`, `model`, `vendor` and `key_id` are null where the breakdown does not go by them, and "" where there was
    none. The other fields are those of a summary.
    """

    start: str | None
    user: str | None
    model: str | None
    vendor: str | None
    key_id: str | None
    requests: int
    errors: int
    cancelled: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str | None
    unpriced: int
    latency_ms: Percentiles
    ttft_ms: Percentiles


@operation(
    "usage.recent",
    "usage",
    "GET /admin/v1/usage/recent",
    examples=("usage", "usage --user alice --since 7d --json", "usage --limit 10000 --csv"),
)
class RecentUsage(Op[list[UsageRow]]):
    """List recent requests with their tokens and what they cost, newest first."""

    limit: int = flag("how many rows", default=50)
    user: str = flag("only this user's", default="")
    model: str = flag("only this model's", default="")
    since: str = flag("only from then on: 2026-11-01, 2026-11-01T08:00:00Z, today, month, or 7d ago as 7d", default="")
    until: str = flag("only before then", default="")


@operation(
    "usage.summary",
    "usage summary",
    "GET /admin/v1/usage/summary",
    aliases=("usage --summary",),
    examples=("usage summary", "usage summary --since month --json"),
)
class SummarizeUsage(Op[UsageSummary]):
    """Sum up requests: tokens, dollars, errors, latencies, and who and what they were for."""

    since: str = flag("from then on: 2026-11-01, 2026-11-01T08:00:00Z, today, week, month, or 7d", default="7d")
    until: str = flag("before then; empty: now", default="")
    user: str = flag("only this user's", default="")
    model: str = flag("only this model's", default="")


@operation(
    "usage.breakdown",
    "usage breakdown",
    "GET /admin/v1/usage/breakdown",
    aliases=("usage --by",),
    examples=("usage --by user --since month", "usage breakdown --by user,model --bucket day --csv"),
)
class BreakDownUsage(Op[list[UsagePart]]):
    """Break usage down by user, model, vendor or key, in hours, days or months; hours and days are UTC's."""

    by: str = flag("user, model, vendor, key, or several between commas", default="user", choices=GROUPS)
    bucket: str = flag("hour, day or month; empty: all of the time at once", default="", choices=BUCKETS)
    since: str = flag("from then on: 2026-11-01, 2026-11-01T08:00:00Z, today, week, month, or 7d", default="30d")
    until: str = flag("before then; empty: now", default="")
    user: str = flag("only this user's", default="")
    model: str = flag("only this model's", default="")


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """The sums of one day (UTC, "2026-11-20") beside its rows; `day` is "" where no day has both.

    `differing` are the sums that are not those of the rows, one sentence each, twenty at most. `unsummed` says that
    rows of an older release are still being summed up; they are left out here, and answers count them from the rows.
    """

    day: str
    rows: int
    summed: int
    differing: tuple[str, ...]
    unsummed: bool


@operation(
    "usage.verify",
    "usage verify",
    "GET /admin/v1/usage/verify",
    examples=("usage verify", "usage verify --day 2026-11-20 --json"),
)
class VerifyUsage(Op[UsageCheck]):
    """Compare the hourly sums of a day with its rows; without --day one of the last 30, by lot."""

    day: str = flag("a date, such as 2026-11-20", default="")
