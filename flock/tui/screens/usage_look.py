"""How usage looks on its page: the figures on top, the chart's bars, and the rows of each table.

Owns these formats and what is said where a price is not known: a dash or a question mark, never 0. Refuses to know a
widget. Called by `usage.py`.
"""

import time
from collections.abc import Callable, Sequence

from textual.content import Content

from flock import text
from flock.contract.prices import Saving
from flock.contract.usage import Percentiles, UsagePart, UsageRow, UsageSummary
from flock.show.dollars import total
from flock.show.dollars import usd as exact
from flock.tui import look
from flock.tui.widgets.listing import Cell, Column, Row

STEPS = {"hour": 3600, "day": 86400}
MEASURES = ("requests", "tokens", "dollars")
PARTS = (
    Column("name", grow=True),
    Column("requests", right=True),
    Column("errors", right=True, spare=6),
    Column("in", right=True, spare=2),
    Column("cached", right=True, spare=7),
    Column("out", right=True, spare=1),
    Column("share", spare=5),
    Column("cost", right=True),
    Column("p50", right=True, spare=3),
    Column("p95", right=True, spare=4),
    Column("first", right=True, spare=8),
)
REQUESTS = (
    Column("time"),
    Column(""),
    Column("user", spare=2, most=14),
    Column("model", grow=True),
    Column("engine", spare=5, most=16),
    Column("in", right=True),
    Column("out", right=True),
    Column("took", right=True, spare=3),
    Column("first", right=True, spare=4),
    Column("cost", right=True, spare=1),
    Column("outcome", spare=6),
)
SAVINGS = (
    Column("model", grow=True),
    Column("requests", right=True, spare=4),
    Column("in", right=True, spare=2),
    Column("out", right=True, spare=3),
    Column("there", right=True),
    Column("Wh", right=True, spare=5),
    Column("power", right=True),
    Column("saved", right=True),
)
_BAR = 12
# Cells between two groups of figures at most
_WIDEST_GAP = 12


# -- the figures on top


def figures(found: UsageSummary, width: int) -> Content:
    """Return three lines of figures that fill `width` cells; what does not fit is left out from the right."""
    ended = found.requests - found.cancelled
    failed = f"{look.percent(found.error_rate if ended else None)} failed"
    cached = f"{look.percent(found.cached_tokens / found.input_tokens)} cached" if found.input_tokens else ""
    tokens = f"{look.number(found.input_tokens)} / {look.number(found.output_tokens)}"
    unknown = f"+{found.unpriced} unpriced" if found.unpriced else ""
    blocks = [
        _block("requests", look.number(found.requests), failed, look.tier(found.error_rate if ended else None)),
        _block("tokens in / out", tokens, cached, "$text-muted"),
        _block("cost", look.usd(found.cost_usd), unknown, "$text-warning"),
        _times(found),
    ]
    wide = [max(line.cell_length for line in block) for block in blocks]
    while len(blocks) > 1 and sum(wide) + len(wide) - 1 > width:
        blocks.pop()
        wide.pop()
    gap = min(_WIDEST_GAP, max(1, (width - sum(wide)) // max(1, len(wide) - 1)))
    lines = [[look.fit(block[at], w) for block, w in zip(blocks, wide, strict=True)] for at in range(3)]
    return Content("\n").join(Content(" " * gap).join(line) for line in lines)


def _block(label: str, value: str, below: str, tone: str) -> list[Content]:
    return [look.dim(label), look.styled(value, "bold"), look.styled(below, tone)]


def _times(found: UsageSummary) -> list[Content]:
    rows = (("took", found.latency_ms), ("first", found.ttft_ms))
    head = look.dim(f"{'':<6}{'p50':>8}{'p95':>8}{'p99':>8}")
    return [head, *(Content.assemble((f"{label:<6}", "$text-muted"), _spread(spread)) for label, spread in rows)]


def _spread(found: Percentiles) -> str:
    return "".join(f"{look.ms(value):>8}" for value in (found.p50, found.p95, found.p99))


def unpriced(count: int) -> Content:
    """Return the sentence about requests whose price nobody knew."""
    words = f"{text.count(count, 'request')} of vendors had no known price and are in no sum: flock price ls"
    return look.styled(words, "$text-warning")


# -- the chart


def bars(parts: Sequence[UsagePart], bucket: str, since: str, until: str, measure: str) -> list[tuple[str, float]]:
    """Return one bar for each hour or day (UTC) from `since` to `until`, those without any request too."""
    step = STEPS[bucket]
    values: dict[int, float] = {}
    for part in parts:
        if part.start is not None:
            start = int(look.epoch(part.start)) // step
            values[start] = values.get(start, 0.0) + _measured(part, measure)
    first, last = int(look.epoch(since)) // step, int(look.epoch(until)) // step
    shown = "%H:%M" if bucket == "hour" else "%m-%d"
    return [(time.strftime(shown, time.gmtime(at * step)), values.get(at, 0.0)) for at in range(first, last + 1)]


def words_of(measure: str) -> Callable[[float], str]:
    """Return how a value of the chart is said."""
    return (lambda value: look.usd(f"{value:.6f}")) if measure == "dollars" else look.number


def _measured(part: UsagePart, measure: str) -> float:
    if measure == "requests":
        return part.requests
    return float(part.cost_usd or 0) if measure == "dollars" else part.input_tokens + part.output_tokens


# -- rows


def part_row(part: UsagePart, of_all: int, names: dict[str, str]) -> Row:
    """Return the row of one user, model, vendor or key; `of_all` are the tokens of all rows, `names` those of keys."""
    found = next((word for word in (part.user, part.model, part.vendor, part.key_id) if word is not None), "")
    tokens = part.input_tokens + part.output_tokens
    cost = look.usd(part.cost_usd)
    if part.unpriced:
        cost = f"+{part.unpriced} ?" if part.cost_usd is None else f"{cost} +{part.unpriced} ?"
    share = tokens / of_all if of_all else 0.0
    cells: tuple[Cell, ...] = (
        _named(part, found, names),
        look.number(part.requests),
        look.styled(str(part.errors), "$text-error") if part.errors else look.dim("0"),
        look.number(part.input_tokens),
        look.number(part.cached_tokens),
        look.number(part.output_tokens),
        Content.assemble(look.bar(share, _BAR), f" {share * 100:3.0f} %"),
        look.styled(cost, "$text-warning") if part.unpriced else cost,
        look.ms(part.latency_ms.p50),
        look.ms(part.latency_ms.p95),
        look.ms(part.ttft_ms.p50),
    )
    return found, cells


def _named(part: UsagePart, found: str, names: dict[str, str]) -> Cell:
    if part.key_id and part.key_id in names:
        return Content.assemble(look.plain(names[part.key_id]), " ", look.dim(part.key_id))
    if part.vendor == "":
        return look.dim("own machines")
    return found or look.dim(look.NONE)


def request_row(used: UsageRow, now: float) -> Row:
    """Return the row of one request; "~" before tokens: flock counted them itself; "?": a price that is not known."""
    sign = "~" if used.estimated else ""
    cost = "?" if used.cost_usd is None and used.vendor and used.output_tokens else look.usd(used.cost_usd)
    cells: tuple[Cell, ...] = (
        look.dim(look.clock(used.at, now)),
        look.outcome(used.outcome, short=True),
        used.user or look.dim(look.NONE),
        used.model,
        look.dim(used.engine),
        f"{sign}{look.number(used.input_tokens)}",
        f"{sign}{look.number(used.output_tokens)}",
        look.ms(used.latency_ms),
        look.ms(used.ttft_ms),
        look.styled(cost, "$text-warning") if cost == "?" else cost,
        look.state(used.outcome) if used.outcome != "ok" else look.dim("ok"),
    )
    return used.request_id, cells


def saving_row(row: Saving) -> Row:
    """Return the row of what stayed on the team's own machines."""
    cells: tuple[Cell, ...] = (
        row.model or look.dim(look.NONE),
        look.number(row.requests),
        look.number(row.input_tokens),
        look.number(row.output_tokens),
        look.usd(row.vendor_usd),
        look.NONE if row.watt_hours is None else look.number(float(row.watt_hours)),
        look.usd(row.power_usd),
        look.styled(look.usd(row.saved_usd), "$text-success") if row.saved_usd is not None else look.NONE,
    )
    return row.model or "", cells


def saved(rows: Sequence[Saving]) -> Content:
    """Return what all of it comes to, compared with what, and what is missing for an honest sum."""
    if not rows:
        return Content("")
    there, whole = rows[0].compared_with, total(row.saved_usd for row in rows)
    if rows[0].vendor_usd is None:
        return look.styled(
            f"nobody says what {there} costs: flock price set {there} --input 3 --output 15", "$text-warning"
        )
    power = "" if rows[0].power_usd is not None else " · power is not counted: flock price set --local --watts 350"
    sums = look.NONE if whole is None else exact(whole)
    return Content.assemble(
        look.styled(f"{sums} saved", "bold $text-success"), look.dim(f" beside the same tokens at {there}{power}")
    )
