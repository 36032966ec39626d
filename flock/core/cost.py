"""What a call to a vendor cost, by the rate card of its row.

Owns one formula. Refuses to guess: what has no price costs None, which is never 0. Called by core/record.py.
"""

from decimal import Decimal

from flock.dialects.ir import Usage
from flock.upstream import Price

_MILLION = Decimal(1_000_000)


def cost_usd(usage: Usage | None, price: Price | None) -> str | None:
    """Return dollars as a decimal string, None where the price or the usage is unknown.

    Tokens read from a vendor's cache count as any others: a rate card has two figures.
    """
    if usage is None or price is None:
        return None
    dollars = (Decimal(price.input) * usage.input + Decimal(price.output) * usage.output) / _MILLION
    return f"{dollars.normalize():f}"
