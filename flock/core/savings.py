"""What the team's own machines saved: what the same tokens cost at a vendor, less the power.

Owns the comparison. It is with a vendor's plain price: sums of tokens know no single prompts, so that a dearer price of
long ones is left out, and what a machine here read from its cache counts as read from the vendor's: both make the
saving smaller, never larger. Power counts at today's price, for the seconds that the machines worked (core/power.py).
Called through the operations table.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from flock.clock import rfc3339
from flock.contract.prices import SAVED_BY, Saving, ShowSavings
from flock.core.context import Actor, Context
from flock.core.cost import cost_nano
from flock.core.operations import handles
from flock.core.price_words import parse_model
from flock.core.times import parse_span
from flock.dialects.ir import Usage
from flock.errors import InvalidRequest
from flock.policy.money import dollars, nano
from flock.store.reckoning import Wanted
from flock.store.sums import Sums
from flock.text import closest, did_you_mean
from flock.upstream import Price

_HINT = "flock savings --by user,model,month --since 90d"
_MS_AN_HOUR = 3_600_000


@handles(ShowSavings)
async def show_savings(context: Context, op: ShowSavings, _actor: Actor) -> list[Saving]:
    """Return a row for each group of requests that stayed here, the oldest month and what saved most first."""
    by = _groups(op.by)
    said = op.compare_with.strip() or context.config.prices.compare_with
    if not said:
        raise InvalidRequest(
            "no vendor's model is named that savings are compared with: give --compare-with, or set it for "
            "every start from now on: flock config set prices.compare_with anthropic/claude-sonnet-4-5",
            hint="flock savings --compare-with anthropic/claude-sonnet-4-5",
        )
    example = "flock savings --compare-with anthropic/claude-sonnet-4-5"
    vendor, model = parse_model(context, said, example)
    since, until = parse_span(op.since, op.until, context.clock.now())
    price = await context.pricing.sure(vendor, model)
    await context.store.writer.flush()
    columns = tuple(name for name in by if name != "month")
    wanted = Wanted(since, until, by=("vendor", *columns), bucket="month" if "month" in by else "")
    found = await context.store.reckoning.reckon(wanted)
    rows = [
        _saving(context, start, dict(zip(columns, named, strict=True)), sums, f"{vendor}/{model}", price)
        for (start, paid, *named), sums in found.parts.items()
        if not paid and (sums.input_tokens or sums.output_tokens or sums.engine_ms)
    ]
    return sorted(rows, key=_order)


def _groups(words: str) -> tuple[str, ...]:
    """Return what is grouped by. Raises InvalidRequest."""
    found = tuple(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    for word in found:
        if word not in SAVED_BY:
            near = closest(word, SAVED_BY)
            hint = f"flock savings --by {near} --since 90d" if near else _HINT
            raise InvalidRequest(
                f"--by {word} is none of {', '.join(SAVED_BY)}{did_you_mean(word, SAVED_BY)}", hint=hint
            )
    return found


def _saving(
    context: Context, start: float | None, named: dict[str, Any], sums: Sums, compared_with: str, price: Price | None
) -> Saving:
    there = at_vendor(sums, price)
    hours = _watt_hours(sums.engine_ms, context.pricing.watts)
    rate = context.pricing.usd_per_kwh
    power = nano(hours / 1000 * Decimal(rate)) if hours is not None and rate is not None else None
    return Saving(
        start=rfc3339(start) if start is not None else None,
        user=named.get("user"),
        model=named.get("model"),
        requests=_answered(sums),
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        compared_with=compared_with,
        vendor_usd=dollars(there) if there is not None else None,
        watt_hours=f"{hours:.3f}" if hours is not None else None,
        power_usd=dollars(power) if power is not None else None,
        saved_usd=dollars(there - (power or 0)) if there is not None else None,
    )


def at_vendor(sums: Sums, price: Price | None) -> int | None:
    """Return what sums of requests cost at a vendor's price, in billionths of a dollar; None where that is unknown."""
    if price is None:
        return None
    usage = Usage(input=sums.input_tokens, cached=sums.cached_tokens, output=sums.output_tokens)
    tokens = cost_nano(usage, replace(price, tiers=(), call=None))
    if tokens is None or price.call is None:
        return tokens
    return tokens + _answered(sums) * nano(price.call)


def _answered(sums: Sums) -> int:
    """Return how many requests a vendor would have been paid for: one that was refused here saved nothing."""
    return sums.requests - sums.errors


def _watt_hours(engine_ms: float, watts: str | None) -> Decimal | None:
    return None if watts is None else Decimal(watts) * Decimal(engine_ms) / _MS_AN_HOUR


def _order(row: Saving) -> tuple[str, Decimal, str, str]:
    return row.start or "", -Decimal(row.saved_usd or 0), row.user or "", row.model or ""
