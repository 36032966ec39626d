"""Replaying what was asked through limits that were not there: who would have been refused, and when.

Owns the order of things and the counting; the limits are the very code that stands at the door (policy/limits.py), on a
clock that the rows set. Pure: no store and no real counter. Called by core/limits.py.

A request that would have been refused is not counted as used afterwards. It reserves what it used in truth, where the
door reserves what it may use at most: the door refuses a little more while many run at once.
"""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flock.clock import rfc3339
from flock.contract.limits import SimulatedUser
from flock.contract.op import Scope
from flock.core.admission import kind_of_refusal
from flock.errors import FlockError
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import dollars, nano
from flock.store.asked import AskedRow


@dataclass(frozen=True, slots=True)
class LimitsOf:
    """Limits as a key has them: requests and tokens a minute, tokens a day, 0 for none; (dollars, window)."""

    rpm: int = 0
    tpm: int = 0
    quota: int = 0
    budgets: tuple[tuple[str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.rpm or self.tpm or self.quota or self.budgets)


@dataclass(slots=True)
class _Sum:
    """What one user asked; money in billionths of a dollar."""

    key: Key
    requests: int = 0
    tokens: int = 0
    nano: int = 0
    priced: bool = False
    refused: dict[str, int] = field(default_factory=dict[str, int])
    tokens_refused: int = 0
    nano_refused: int = 0
    priced_refused: bool = False
    first: float | None = None


class _RowClock:
    """A clock that stands at the arrival of the row that is replayed."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class Replay:
    """One replay. `everybody` are the limits of users that `users` does not name.

    `unpriced` counts requests of paid vendors without a known price by users with a budget, `keyless` those that came
    without a key, which no limit holds back.
    """

    def __init__(self, everybody: LimitsOf, users: Mapping[str, LimitsOf]) -> None:
        self._everybody, self._users = everybody, users
        self._clock = _RowClock()
        self._limits = Limits(self._clock)
        self._sums: dict[str, _Sum] = {}
        self.unpriced = self.keyless = self.refused_then = 0

    def feed(self, rows: Iterable[AskedRow]) -> None:
        """Take the next requests, in the order in which they arrived."""
        for row in rows:
            self._one(row)

    def users(self) -> tuple[SimulatedUser, ...]:
        """Return what became of each user, those refused most often first."""
        found = sorted(self._sums.items(), key=lambda s: (-sum(s[1].refused.values()), -s[1].requests, s[0]))
        return tuple(_user(name, total) for name, total in found)

    def _one(self, row: AskedRow) -> None:
        self._clock.at = row.at
        total = self._sums.get(row.user)
        if total is None:
            total = self._sums[row.user] = _Sum(_key(row.user, self._users.get(row.user, self._everybody)))
        tokens, cost = row.input + row.output, _cost(row.cost_usd)
        total.requests += 1
        total.tokens += tokens
        if cost is not None:
            total.nano, total.priced = total.nano + cost, True
        if row.status == 429:
            self.refused_then += 1
        if not row.key_id:
            self.keyless += 1
            return
        if cost is None and row.vendor and tokens and total.key.budgets:  # none: refused, or it never got there
            self.unpriced += 1
        refusal = self._ask(total.key, row, tokens, cost)
        if refusal is None:
            return
        kind = kind_of_refusal(refusal)
        total.refused[kind] = total.refused.get(kind, 0) + 1
        total.tokens_refused += tokens
        if cost is not None:
            total.nano_refused, total.priced_refused = total.nano_refused + cost, True
        if total.first is None:
            total.first = row.at

    def _ask(self, key: Key, row: AskedRow, tokens: int, cost: int | None) -> FlockError | None:
        """Return what refuses a request, None where nothing does; it is settled at once."""
        limits, request = self._limits, str(row.id)
        # as core/admission.py: of the answer no more is reserved than the smallest limit holds
        most = min((limit for limit in (key.tpm, key.quota) if limit), default=tokens)
        try:
            hold = limits.admit(key, request, tokens=max(row.input, min(tokens, most)), at=row.at)
        except FlockError as error:
            return error
        try:
            if cost:
                words = {"model": "", "endpoint": "", "vendor": row.vendor}
                _at_once(limits.spend(hold, key, request, tokens=tokens, nano_usd=cost, **words))
        except FlockError as error:
            limits.settle(hold, tokens=0, nano_usd=None)
            return error
        limits.settle(hold, tokens=tokens, nano_usd=cost)
        return None


def _at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Carry out what waits for nothing: without a journal a reserve of dollars stays in memory."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("a reserve in memory waited")


def _key(user: str, limits: LimitsOf) -> Key:
    return Key(
        id=f"user {user}",
        name=user,
        scope=Scope.USER,
        digest=b"",
        rpm=limits.rpm,
        tpm=limits.tpm,
        quota=limits.quota,
        budgets=limits.budgets,
    )


def _cost(words: str | None) -> int | None:
    """Return billionths of a dollar; words that no release wrote are a price not known, as in store/sums.py."""
    try:
        return None if words is None else nano(words)
    except ValueError:
        return None


def _user(name: str, total: _Sum) -> SimulatedUser:
    return SimulatedUser(
        user=name,
        requests=total.requests,
        refused=dict(sorted(total.refused.items())),
        tokens=total.tokens,
        tokens_refused=total.tokens_refused,
        cost_usd=dollars(total.nano) if total.priced else None,
        cost_refused_usd=dollars(total.nano_refused) if total.priced_refused else None,
        first_refused_at=None if total.first is None else rfc3339(total.first),
    )
