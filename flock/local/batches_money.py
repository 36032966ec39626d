"""What a batch may still spend: dollars are held for each request before it is sent, and settled when it has ended.

Owns the sum: what is spent and what is held never exceeds the limit. Refuses to know prices: the daemon is told with
each request what it may cost at most, and refuses one that may cost more before any vendor has heard of it. Pure;
amounts are billionths of a dollar. Called by `batches.py`, under its lock.
"""

from decimal import Decimal, DecimalException

from flock.errors import UsageError

_NANO = 10**9


def nano_of(words: str) -> int | None:
    """Return an amount of dollars in billionths, rounded down; None where it is no amount."""
    try:
        amount = Decimal(words.strip().removeprefix("$"))
    except DecimalException:
        return None
    if not amount.is_finite() or amount < 0 or amount >= 10**9:
        return None
    return int(amount * _NANO)


def limit_of(words: str) -> int | None:
    """Return the limit that --max-cost says, None for "". Raises UsageError for what is no amount."""
    if not words:
        return None
    found = nano_of(words)
    if found is None:
        raise UsageError(f"--max-cost {words!r} is no amount of dollars", hint="flock batch --max-cost 5 …")
    return found


def dollars(nano: int) -> str:
    """Return billionths of a dollar as a decimal string of dollars."""
    whole, rest = divmod(nano, _NANO)
    return f"{whole}" + (f".{rest:09d}".rstrip("0") if rest else "")


class Purse:
    """The dollars of one batch; `limit` is None for no limit. `spent` includes what earlier runs spent."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.spent = 0
        self.paid = False  # whether anything with a price was asked
        self._held: dict[int, int] = {}

    @property
    def left(self) -> int:
        """What is neither spent nor held."""
        return 0 if self.limit is None else self.limit - self.spent - sum(self._held.values())

    def __len__(self) -> int:
        """Return for how many requests dollars are held."""
        return len(self._held)

    @property
    def others(self) -> bool:
        """Whether anything is held, which may be given back."""
        return bool(self._held)

    def hold(self, number: int, seats: int, needed: int = 0) -> int | None:
        """Hold dollars for a request and return how much, None where there are not enough.

        With nothing known of it (`needed` 0) that is an equal part of what is left for each of `seats` requests that
        may still begin; else exactly what it needs. With nothing left that is 0: what costs nothing may still be asked.
        """
        if self.limit is None:
            return 0
        left = max(0, self.left)
        share = needed or left // max(1, seats)
        if share > left:
            return None
        self._held[number] = share
        return share

    def settle(self, number: int, cost: int) -> None:
        """Take what a request cost in place of what was held for it."""
        self._held.pop(number, None)
        self.spent += cost

    def held(self, number: int) -> int:
        """Return what is held for a request."""
        return self._held.get(number, 0)
