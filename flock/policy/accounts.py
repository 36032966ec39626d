"""What one key used: its minute's limits, its tokens of the day, its dollars of the day, week and month.

Owns the numbers of a key, which exist whether or not a limit is set: a limit that is set today finds what was used
today. Refuses to decide: that is policy/limits.py's. Money is whole billionths of a dollar.
"""

from typing import TypeVar

from flock.policy import windows
from flock.policy.gcra import Gcra, Part, Reserving
from flock.policy.keys import Key
from flock.policy.money import nano
from flock.policy.windows import Count, Counter

_G = TypeVar("_G", bound=Gcra)


class Account:
    """The numbers of one key. `budgets` are (limit, window) of the key as it is now."""

    __slots__ = ("_source", "budgets", "day", "dollars", "open_tokens", "requests", "tokens")

    def __init__(self) -> None:
        self.requests: Gcra | None = None
        self.tokens: Reserving | None = None
        self.open_tokens = 0
        self.day = Counter("day")
        self.dollars = {name: Counter(name) for name in windows.NAMES}
        self.budgets: tuple[tuple[int, str], ...] = ()
        self._source: tuple[tuple[str, str], ...] = ()

    def follow(self, key: Key, now: float) -> None:
        """Take the limits of the key as they are now; what was used stays used. `now` is monotonic."""
        self.requests = _changed(self.requests, key.rpm, now, Gcra)
        self.tokens = _changed(self.tokens, key.tpm, now, Reserving)
        if key.budgets is not self._source:
            self._source = key.budgets
            self.budgets = tuple((nano(usd), window) for usd, window in key.budgets)

    def followed(self, key: Key) -> bool:
        """Return whether the key's limits are those that were taken."""
        return (
            (self.requests.limit if self.requests is not None else 0) == key.rpm
            and (self.tokens.limit if self.tokens is not None else 0) == key.tpm
            and key.budgets is self._source
        )


def _changed(gcra: _G | None, limit: int, now: float, kind: type[_G]) -> _G | None:
    if limit <= 0:
        return None
    if gcra is None:
        return kind(limit)
    if gcra.limit != limit:
        gcra.change(limit, now)
    return gcra


class Hold:
    """What one running request holds of its key's limits. `at` is when it arrived (epoch seconds)."""

    __slots__ = ("account", "at", "counts", "day", "key_id", "nano", "open", "part", "request_id", "tokens")

    def __init__(
        self,
        account: Account,
        key_id: str,
        request_id: str,
        at: float,
        tokens: int,
        day: Count,
        part: Part | None,
    ) -> None:
        self.account, self.key_id, self.request_id, self.at = account, key_id, request_id, at
        self.tokens, self.day, self.part = tokens, day, part
        self.nano = 0
        self.counts: tuple[Count, ...] = ()
        self.open = True
