"""Money: dollars as decimal strings outside, whole billionths of a dollar inside.

Owns the two conversions, which are exact both ways. Refuses floats: a sum of a million of them is another sum than the
one on the invoice. Called by whoever adds money up or compares it: limits, prices, usage, savings.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException

# A billionth of a dollar: the cheapest token of the public tables costs about ten of them.
NANO_DIGITS = 9
# What a database's integer holds, about nine billion dollars.
NANO_MAX = 2**63 - 1

# 19 digits before the point and 9 behind it fit; nothing larger gets that far
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def nano(dollars: str | Decimal) -> int:
    """Return billionths of a dollar; what is smaller than one is rounded to the nearest, half to the even one.

    Raises ValueError for what is no plain number, and for what a 64-bit integer cannot hold.
    """
    try:
        amount = Decimal(dollars)
    except DecimalException:
        raise ValueError(f"{dollars!r} is no amount of money") from None
    if not amount.is_finite():
        raise ValueError(f"{dollars!r} is no amount of money")
    if amount and amount.adjusted() > 10:  # before it is spelled out: 1e999999999 has a billion digits
        raise ValueError(f"{dollars} dollars are more than can be counted")
    if amount.adjusted() < -40:
        return 0
    found = int(amount.scaleb(NANO_DIGITS, _EXACT).to_integral_value(ROUND_HALF_EVEN, _EXACT))
    if abs(found) > NANO_MAX:
        raise ValueError(f"{dollars} dollars are more than can be counted")
    return found


def dollars(nano: int) -> str:
    """Return dollars as a decimal string without an exponent and without zeros at its end: 1500000000 is "1.5"."""
    whole, rest = divmod(abs(nano), 10**NANO_DIGITS)
    sign = "-" if nano < 0 else ""
    return f"{sign}{whole}" + (f".{rest:09d}".rstrip("0") if rest else "")
