"""How usage looks: single requests, a summary with bars, a breakdown with totals, and the check of the sums."""

from typing import Any

from flock import text
from flock.contract.op import Op
from flock.contract.usage import (
    BreakDownUsage,
    Percentiles,
    RecentUsage,
    Share,
    UsageCheck,
    UsagePart,
    UsageRow,
    UsageSummary,
)
from flock.show.dollars import total, usd
from flock.show.view import Line, Pairs, Table, View, or_none, since, table

_EMPTY = "no request in that time"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_BAR = 12
_COLUMNS = ("start", "user", "model", "vendor", "key", "requests", "errors", "in", "out", "cost", "p50", "p95", "first")
# what a narrow terminal goes without, first to last
_SPARE = ("p95", "first", "errors", "p50", "in", "vendor")


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show what came of a question about usage."""
    if isinstance(value, UsageSummary):
        return _summary(value)
    if isinstance(value, UsageCheck):
        return _check(value)
    if isinstance(op, BreakDownUsage):
        return _breakdown(value, op.bucket)
    return _recent(op, value, now)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the requests' ids; of a summary the models, of a breakdown what each row is of, of a check the day."""
    if isinstance(value, UsageSummary):
        return [share.name for share in value.top_models]
    if isinstance(value, UsageCheck):
        return [value.day] if value.day else []
    if isinstance(op, BreakDownUsage):
        return [
            " ".join(filter(None, (_start(p, op.bucket), p.user, p.model, p.vendor, p.key_id))) or "-" for p in value
        ]
    return [u.request_id for u in value]


def _recent(op: Op[Any], value: list[UsageRow], now: float) -> View:
    """Show one row per request; "~" before tokens: flock counted them itself; "?": a price that is not known."""
    asked = isinstance(op, RecentUsage) and (op.user or op.model or op.since or op.until)
    rows: list[tuple[str, ...]] = [
        (
            u.request_id,
            since(u.at, now),
            u.user,
            u.model,
            u.engine,
            f"{'~' if u.estimated else ''}{u.input_tokens:,}",
            f"{'~' if u.estimated else ''}{u.output_tokens:,}",
            text.duration(u.latency_ms / 1000),
            or_none(None if u.ttft_ms is None else text.duration(u.ttft_ms / 1000)),
            "?" if u.cost_usd is None and u.vendor and (u.input_tokens or u.output_tokens) else usd(u.cost_usd),
            u.outcome,
        )
        for u in value
    ]
    return table(
        "request when user model engine in out took first_token cost outcome",
        rows,
        "no request like that" if asked else "no request yet",
        "engine first_token took outcome",
    )


def _summary(value: UsageSummary) -> View:
    pairs = [("from", _moment(value.since)), ("to", _moment(value.until)), ("requests", f"{value.requests:,}")]
    if not value.requests:
        return View((Pairs(tuple(pairs)),), (Line(_EMPTY, "dim"),))
    failed = f"{value.errors:,} ({value.error_rate:.1%} of those not cancelled)"
    cached = f", {value.cached_tokens:,} of them cached" if value.cached_tokens else ""
    pairs += [
        ("errors", failed if value.errors else "0"),
        ("cancelled", f"{value.cancelled:,}"),
        ("tokens in", f"{value.input_tokens:,}{cached}"),
        ("tokens out", f"{value.output_tokens:,}"),
        ("cost", usd(value.cost_usd)),
        ("took", _spread(value.latency_ms)),
        ("first token", _spread(value.ttft_ms)),
        ("over time", f"{_sparks(value.sparkline)}  at most {text.count(max(value.sparkline), 'request')} in a part"),
    ]
    blocks: list[Line | Pairs | Table] = [Pairs(tuple(pairs))]
    for noun, shares in (("model", value.top_models), ("user", value.top_users)):
        blocks += [Line(), _shares(noun, shares, value.input_tokens + value.output_tokens)]
    return View(tuple(blocks), _unpriced(value.unpriced))


def _shares(noun: str, shares: tuple[Share, ...], total: int) -> Table:
    rows = tuple(
        (or_none(s.name), f"{s.requests:,}", f"{s.tokens:,}", _bar(s.tokens, total), usd(s.cost_usd)) for s in shares
    )
    return Table((noun, "requests", "tokens", "share", "cost"), rows, _EMPTY, ("share",))


def _breakdown(value: list[UsagePart], bucket: str) -> View:
    if not value:
        return View((Table(("user", "requests"), (), _EMPTY),))
    # what nobody asked for is null in every row
    gone = {"start": "start", "user": "user", "model": "model", "vendor": "vendor", "key": "key_id"}
    shown = [name for name in _COLUMNS if name not in gone or getattr(value[0], gone[name]) is not None]
    rows = tuple(tuple(_cells(part, bucket)[name] for name in shown) for part in value)
    made = Table(tuple(shown), rows, _EMPTY, tuple(name for name in _SPARE if name in shown[1:]))
    tokens = sum(part.input_tokens + part.output_tokens for part in value)
    words = f"{text.count(sum(p.requests for p in value), 'request')}, {text.count(tokens, 'token')}"
    if (cost := total(part.cost_usd for part in value)) is not None:
        words += f", {usd(cost)}"
    # beside the table, so that a program that reads its lines gets groups only
    return View((made,), (Line(f"in all {words}", "strong"), *_unpriced(sum(p.unpriced for p in value))))


def _cells(part: UsagePart, bucket: str) -> dict[str, str]:
    return {
        "start": _start(part, bucket),
        "user": or_none(part.user),
        "model": or_none(part.model),
        "vendor": or_none(part.vendor),
        "key": or_none(part.key_id),
        "requests": f"{part.requests:,}",
        "errors": f"{part.errors:,}",
        "in": f"{part.input_tokens:,}",
        "out": f"{part.output_tokens:,}",
        "cost": usd(part.cost_usd),
        "p50": _took(part.latency_ms.p50),
        "p95": _took(part.latency_ms.p95),
        "first": _took(part.ttft_ms.p50),
    }


def _check(value: UsageCheck) -> View:
    asides = (Line("rows of an older release are still being summed up", "dim"),) if value.unsummed else ()
    if not value.day:
        return View((Line("there is no day yet whose sums could be compared"),), asides)
    if value.differing:
        words = f"{value.day}: {value.rows:,} requests are on record, and the sums, of {value.summed:,}, differ in"
        return View((Line(words, "bad"), *(Line(f"  {one}") for one in value.differing)), asides)
    words = f"{value.day}: the sums are those of {text.count(value.rows, 'request')}"
    return View((Line(words, "good"),), asides)


def _start(part: UsagePart, bucket: str) -> str:
    """Return a bucket's begin as short as it can be said: a month, a day, or an hour."""
    if part.start is None:
        return ""
    return part.start[: {"month": 7, "day": 10}.get(bucket, 16)].replace("T", " ")


def _moment(at: str) -> str:
    return f"{at[:10]} {at[11:19]} UTC"


def _took(ms: float | None) -> str:
    return or_none(None if ms is None else text.duration(ms / 1000))


def _spread(found: Percentiles) -> str:
    if found.p50 is None:
        return or_none(None)
    return f"{_took(found.p50)}; 95 % within {_took(found.p95)}, 99 % within {_took(found.p99)}"


def _bar(value: int, total: int) -> str:
    share = value / total if total else 0.0
    filled = round(share * _BAR)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}"


def _sparks(parts: tuple[int, ...]) -> str:
    most = max(parts, default=0) or 1
    return "".join("·" if not n else _HEIGHTS[(n * len(_HEIGHTS) - 1) // most] for n in parts)


def _unpriced(count: int) -> tuple[Line, ...]:
    if not count:
        return ()
    words = f"{text.count(count, 'request')} of vendors had no known price and are in no cost: flock price ls"
    return (Line(words, "warn"),)
