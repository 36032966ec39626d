"""How money looks: exact in `--json`, to a hundredth of a cent on a screen. Drawn by whoever shows dollars."""

from collections.abc import Iterable
from decimal import Decimal, DecimalException

from flock.show.view import NONE

_CENTS, _LEAST = Decimal("0.1"), Decimal("0.0001")


def usd(words: str | None) -> str:
    """Return dollars as people read them: "$1,234.50", four decimals below ten cents, "<$0.0001" for less than that.

    NONE where nobody knows; what is no number, as another release may say it, stays as it came.
    """
    if words is None:
        return NONE
    exact = amount(words)
    if exact is None:
        return words
    sign, size = ("-" if exact < 0 else ""), abs(exact)
    if size >= _CENTS or not size:
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.4f}" if size >= _LEAST else f"{sign}<$0.0001"


def total(found: Iterable[str | None]) -> str | None:
    """Return the sum of those that are known, None where none is."""
    amounts = [exact for words in found if words is not None and (exact := amount(words)) is not None]
    return f"{sum(amounts):f}" if amounts else None


def amount(words: str) -> Decimal | None:
    """Return a number; None for what is none, as only another release's answer may have it."""
    try:
        exact = Decimal(words)
    except DecimalException:
        return None
    return exact if exact.is_finite() and exact.adjusted() < 30 else None
