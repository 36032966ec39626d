"""What a call to a vendor cost, and what it may cost at most.

Owns the two formulas. Refuses to guess: what has no price costs None, which is never 0. Amounts are whole billionths of
a dollar, so that rows, sums of rows and counters are the same to the last digit. Called by core/record.py and by who
reserves money before a vendor is asked.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal

from flock.dialects.ir import Usage
from flock.policy.money import NANO_MAX, dollars
from flock.upstream import Price

# Dollars a million tokens times tokens are millionths of a dollar, or 1000 billionths.
_NANO_PER_MICRO = Decimal(1000)
_NANO_PER_DOLLAR = Decimal(10**9)
# prices have twelve digits at most and counts of tokens nine: nothing is rounded before the end
_EXACT = Context(prec=60)


def cost_usd(usage: Usage | None, price: Price | None) -> str | None:
    """Return dollars as a decimal string of nine decimals at most, None where the price or the usage is unknown."""
    cost = cost_nano(usage, price)
    return None if cost is None else dollars(cost)


def cost_nano(usage: Usage | None, price: Price | None) -> int | None:
    """Return what a call cost in billionths of a dollar, None where the price or the usage is unknown.

    Every token is paid once: of the prompt those read from the cache and those written to it have their own price, of
    the answer those of its thought. A tier is a cliff: once the prompt is longer, all tokens cost what it says (the
    vendors' own rule, and that of genai-prices' TieredPrices).
    """
    if usage is None or price is None:
        return None
    price = _tier(usage.input, price)
    cached = min(usage.cached, usage.input)
    written = min(usage.cache_write, usage.input - cached)
    kept = min(usage.cache_kept, written)
    reasoning = min(usage.reasoning, usage.output)
    parts = (
        (usage.input - cached - written, price.input),
        (cached, _first(price.cached, price.input)),
        (written - kept, _first(price.written, price.input)),
        (kept, _first(price.kept, price.written, price.input)),
        (usage.output - reasoning, price.output),
        (reasoning, _first(price.reasoning, price.output)),
    )
    return _nano(parts, price.call, ROUND_HALF_EVEN)


def worst_nano(tokens_in: int, tokens_out: int, price: Price | None) -> int | None:
    """Return the most that a call with so many tokens at most may cost, in billionths of a dollar; None when unknown.

    No token comes from the vendor's cache, each may be written to it, and of the tiers that the prompt reaches the
    dearest counts: no call with at most these tokens costs more (tests/unit/core/test_cost.py).
    """
    if price is None:
        return None
    found: list[int] = []
    for card in (price, *(card for over, card in price.tiers if tokens_in > over)):
        dearest_in = _dearest(card.input, card.cached, card.written, card.kept)
        dearest_out = _dearest(card.output, card.reasoning)
        cost = _nano(((tokens_in, dearest_in), (tokens_out, dearest_out)), card.call, ROUND_CEILING)
        if cost is None:
            return None
        found.append(cost)
    return max(found)


def _tier(tokens: int, price: Price) -> Price:
    return next((card for over, card in reversed(price.tiers) if tokens > over), price)


def _first(*rates: str | None) -> str | None:
    return next((rate for rate in rates if rate is not None), None)


def _dearest(first: str | None, *others: str | None) -> str | None:
    """Return the highest of the rates, None while the first, which is everybody's, is not known."""
    if first is None:
        return None
    return max((first, *(rate for rate in others if rate is not None)), key=Decimal)


def _nano(parts: Iterable[tuple[int, str | None]], call: str | None, rounding: str) -> int | None:
    total = _EXACT.multiply(Decimal(call or 0), _NANO_PER_DOLLAR)
    for count, rate in parts:
        if count <= 0:
            continue
        if rate is None:
            return None
        total = _EXACT.fma(Decimal(count) * _NANO_PER_MICRO, Decimal(rate), total)
    return min(int(total.to_integral_value(rounding)), NANO_MAX)
