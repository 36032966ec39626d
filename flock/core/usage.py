"""Usage: single requests, what they come to, and whether the sums are those of the rows.

Owns the words of the questions (--by, --bucket) and the order of the answers. Refuses to add anything up: the store
does. Called by the doors through core/operations.py.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flock.clock import rfc3339
from flock.contract.usage import (
    BUCKETS,
    BreakDownUsage,
    Percentiles,
    RecentUsage,
    Share,
    SummarizeUsage,
    UsageCheck,
    UsagePart,
    UsageRow,
    UsageSummary,
    VerifyUsage,
)
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.core.rows import limited
from flock.core.times import parse_since, parse_span, parse_until
from flock.errors import InvalidRequest, NotFound
from flock.policy.money import dollars
from flock.store.histogram import Buckets, percentiles
from flock.store.reckoning import Wanted
from flock.store.sums import Sums
from flock.text import closest, did_you_mean

TOP = 5
SPARKS = 24
DAY_SECONDS = 86400
# days of which `usage verify` takes one
RECENT_DAYS = 30
DIFFERING_SHOWN = 20
# groups of a breakdown whose percentiles are read before others get their turn: about 3 ms
PARTS_A_TURN = 50

# what a breakdown goes by, and the column of that
COLUMNS = {"user": "user", "model": "model", "vendor": "vendor", "key": "key_id"}

_lot = random.Random()


@handles(RecentUsage)
async def recent_usage(context: Context, op: RecentUsage, _actor: Actor) -> list[UsageRow]:
    """Return the newest rows, those still in the writer's buffer included."""
    limit = limited(op.limit, "flock usage")
    now = context.clock.now()
    since = parse_since(op.since, now)
    until = parse_until(op.until, now, since, op.since) if op.until.strip() else None
    await context.store.writer.flush()
    return await context.store.usage.recent(limit, op.user, op.model, since, until)


@handles(SummarizeUsage)
async def summarize_usage(context: Context, op: SummarizeUsage, _actor: Actor) -> UsageSummary:
    """Return what the requests of a time come to."""
    since, until = await _span(context, op.since, op.until)
    wanted = Wanted(since, until, user=op.user, model=op.model)
    summed = await context.store.reckoning.sum_up(wanted, SPARKS)
    total = summed.total
    ended = total.requests - total.cancelled
    return UsageSummary(
        since=rfc3339(summed.since),
        until=rfc3339(summed.until),
        requests=total.requests,
        errors=total.errors,
        cancelled=total.cancelled,
        error_rate=round(total.errors / ended, 6) if ended else 0.0,
        input_tokens=total.input_tokens,
        cached_tokens=total.cached_tokens,
        output_tokens=total.output_tokens,
        cost_usd=_cost(total),
        unpriced=total.unpriced,
        latency_ms=_percentiles(total.latency),
        ttft_ms=_percentiles(total.ttft),
        top_models=_top(summed.models),
        top_users=_top(summed.users),
        sparkline=tuple(summed.over_time),
    )


@handles(BreakDownUsage)
async def break_down_usage(context: Context, op: BreakDownUsage, _actor: Actor) -> list[UsagePart]:
    """Return the groups of a time: by bucket, then the dearest first."""
    by = _by(op.by)
    if op.bucket and op.bucket not in BUCKETS:
        raise InvalidRequest(
            f"--bucket is hour, day or month, not {op.bucket!r}{did_you_mean(op.bucket, BUCKETS)}",
            hint=f"flock usage breakdown --by user --bucket {closest(op.bucket, BUCKETS) or 'day'}",
        )
    since, until = await _span(context, op.since, op.until)
    wanted = Wanted(since, until, tuple(COLUMNS[word] for word in by), op.bucket, op.user, op.model)
    found = await context.store.reckoning.reckon(wanted)

    def order(item: tuple[tuple[Any, ...], Sums]) -> tuple[Any, ...]:
        (start, *names), sums = item
        return start or 0, -sums.nano_usd, -sums.input_tokens - sums.output_tokens, names

    parts: list[UsagePart] = []
    for number, (key, sums) in enumerate(sorted(found.parts.items(), key=order)):
        if number % PARTS_A_TURN == 0:  # thousands of histograms are a long time for those who stream
            await asyncio.sleep(0)
        parts.append(_part(key, wanted.by, sums, *found.durations(key)))
    return parts


@handles(VerifyUsage)
async def verify_usage(context: Context, op: VerifyUsage, _actor: Actor) -> UsageCheck:
    """Compare the sums of a day with its rows. Raises NotFound for a day whose rows or sums are not there."""
    await context.store.writer.flush()
    reckoning = context.store.reckoning
    if op.day.strip():
        now = context.clock.now()
        day = int(parse_since(op.day, now, "--day") // DAY_SECONDS)
        if day not in await reckoning.days(day * DAY_SECONDS):
            raise NotFound(
                f"of {op.day.strip()} there is no usage, or only its sums are left", hint="flock usage verify"
            )
    else:
        days = await reckoning.days(context.clock.now() - RECENT_DAYS * DAY_SECONDS)
        if not days:
            return UsageCheck("", 0, 0, (), False)
        day = _lot.choice(days)
    found = await reckoning.compare(day)
    words = tuple(_differs(group) for group in found.differing[:DIFFERING_SHOWN])
    return UsageCheck(_date(day * DAY_SECONDS), found.rows, found.summed, words, found.unsummed > 0)


async def _span(context: Context, since: str, until: str) -> tuple[float, float]:
    """Return both ends of a time, after what waits was written; "" for the begin is that of the oldest usage."""
    await context.store.writer.flush()
    begin, end = parse_span(since, until, context.clock.now())
    if not since.strip():
        oldest = await context.store.reckoning.begin()
        begin = end if oldest is None else min(oldest, end)
    return begin, end


def _by(words: str) -> tuple[str, ...]:
    said = [word.strip() for word in words.split(",")]
    for word in said:
        if word not in COLUMNS:
            raise InvalidRequest(
                f"--by goes by user, model, vendor or key, not by {word!r}{did_you_mean(word, COLUMNS)}",
                hint=f"flock usage breakdown --by {closest(word, COLUMNS) or 'user,model'}",
            )
    return tuple(dict.fromkeys(said))


def _part(key: tuple[Any, ...], by: tuple[str, ...], sums: Sums, latency: Buckets, ttft: Buckets) -> UsagePart:
    start, *values = key
    named = dict(zip(by, values, strict=True))
    return UsagePart(
        start=None if start is None else rfc3339(start),
        user=named.get("user"),
        model=named.get("model"),
        vendor=named.get("vendor"),
        key_id=named.get("key_id"),
        requests=sums.requests,
        errors=sums.errors,
        cancelled=sums.cancelled,
        input_tokens=sums.input_tokens,
        cached_tokens=sums.cached_tokens,
        output_tokens=sums.output_tokens,
        cost_usd=_cost(sums),
        unpriced=sums.unpriced,
        latency_ms=_percentiles(latency),
        ttft_ms=_percentiles(ttft),
    )


def _top(found: Mapping[str, Sums]) -> tuple[Share, ...]:
    def order(item: tuple[str, Sums]) -> tuple[int, int, str]:
        name, sums = item
        return -sums.input_tokens - sums.output_tokens, -sums.requests, name

    return tuple(
        Share(name, sums.requests, sums.input_tokens + sums.output_tokens, _cost(sums))
        for name, sums in sorted(found.items(), key=order)[:TOP]
    )


def _cost(sums: Sums) -> str | None:
    return dollars(sums.nano_usd) if sums.priced else None


def _percentiles(counts: Buckets) -> Percentiles:
    found = percentiles(counts, (0.5, 0.95, 0.99))
    return Percentiles(*(None if ms is None else round(ms, 2) for ms in found))


def _differs(group: tuple[Any, ...]) -> str:
    hour, user, key_id, model, vendor = group
    through = f" of {vendor}" if vendor else ""
    return f"{rfc3339(hour * 3600.0)[:13]}h: user {user!r}, key {key_id!r}, model {model!r}{through}"


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
