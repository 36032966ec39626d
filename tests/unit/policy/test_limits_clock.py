"""A clock that jumps: nobody is locked out, and no budget is given twice. Each test is shown failing on a counter that
lacks what it tests.
"""

from collections.abc import Callable

import pytest

from flock.errors import BudgetExceeded, QuotaExceeded, RateLimited
from flock.policy.accounts import Account
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import nano
from flock.policy.windows import NAMES, Count, Counter, bounds
from tests.unit.policy.virtual import Virtual, at, at_once, key


class OneWindow(Counter):
    """The mutant: a counter that starts again whenever the clock stands in another window than before."""

    def at(self, moment: float) -> Count:
        starts, ends = bounds(self.name, moment)
        if self._last.starts != starts:
            self._last = Count(starts, ends)
        return self._last


class OnlyForward(Counter):
    """The mutant: a counter that remembers its window's end only, and opens a new one when that has passed."""

    def at(self, moment: float) -> Count:
        if moment >= self._last.ends:
            self._last = Count(*bounds(self.name, moment))
        return self._last


class Never(Counter):
    """The mutant: a counter without windows."""

    def at(self, moment: float) -> Count:
        if not self._last.ends:
            self._last = Count(*bounds(self.name, moment))
        return self._last


class ByWallClock(Limits):
    """The mutant: minutes on the wall clock."""

    def __init__(self, clock: Virtual) -> None:
        super().__init__(clock)
        clock.monotonic = clock.now  # type: ignore[method-assign]


def counting(kind: type[Counter]) -> Callable[[Virtual], Limits]:
    """Return limits whose counters are of another kind."""

    class Counting(Limits):
        def _account(self, who: Key) -> Account:
            account = super()._account(who)
            if type(account.day) is not kind:
                account.day = kind("day")
                account.dollars = {name: kind(name) for name in NAMES}
            return account

    return Counting


def use(limits: Limits, who: Key, tokens: int = 0, cost: str = "0") -> None:
    """Ask for tokens and dollars and use all of them."""
    hold = limits.admit(who, "req_1", tokens=tokens)
    at_once(
        limits.spend(hold, who, "req_1", model="m", endpoint="chat", vendor="v", tokens=tokens, nano_usd=nano(cost))
    )
    limits.settle(hold, tokens=tokens, nano_usd=nano(cost))


def back_and_forth(made: Callable[[Virtual], Limits]) -> None:
    """A jump to another day, week and month and back gives nothing twice."""
    clock, who = Virtual("2026-11-26 21:00"), key(quota=100, budgets=(("1", "day"), ("2", "week"), ("3", "month")))
    limits = made(clock)
    use(limits, who, 100, "1")
    for elsewhere in ("2026-12-08 10:00", "2026-11-09 03:00", "2027-01-15 10:00", "1970-01-01 00:00"):
        clock.set_to(elsewhere)
        use(limits, who, 100, "1")
        clock.set_to("2026-11-26 22:00")
        with pytest.raises(QuotaExceeded):
            use(limits, who, 1)
        with pytest.raises(BudgetExceeded):
            use(limits, who, 0, "0.01")
    clock.set_to("2026-12-08 11:00")
    with pytest.raises(QuotaExceeded):
        use(limits, who, 1)


def forward(made: Callable[[Virtual], Limits]) -> None:
    """A window that is new is open."""
    clock, who = Virtual("2026-11-26 23:59:59"), key(quota=100, budgets=(("1", "day"),))
    limits = made(clock)
    use(limits, who, 100, "1")
    clock.pass_by(1)
    use(limits, who, 100, "1")
    clock.set_to("2027-06-01 12:00")
    use(limits, who, 100, "1")


def backwards(made: Callable[[Virtual], Limits]) -> None:
    """A clock that is put back by hours, over midnight too, locks nobody out of what that day still has."""
    clock, who = Virtual("2026-11-26 02:00"), key(rpm=2, tpm=1000, quota=1000, budgets=(("1", "day"),))
    limits = made(clock)
    use(limits, who, 1000, "1")
    clock.set_to("2026-11-25 21:00")
    clock.mono += 60
    use(limits, who, 1000, "1")
    assert {meter.name: meter.used for meter in limits.meters(who)} == {
        "rpm": "1",
        "tpm": "1000",
        "quota": "1000",
        "budget/day": "1",
    }
    clock.mono += 60
    with pytest.raises(QuotaExceeded) as refused:
        use(limits, who, 1)
    assert refused.value.details["retry_after"] == 3 * 3600


@pytest.mark.parametrize("law", [back_and_forth, forward, backwards])
def test_a_jump(law: Callable[[Callable[[Virtual], Limits]], None]) -> None:
    law(Limits)


@pytest.mark.parametrize(
    ("law", "made"),
    [
        (back_and_forth, counting(OneWindow)),
        (back_and_forth, counting(OnlyForward)),
        (forward, counting(Never)),
        (backwards, counting(OnlyForward)),
        (backwards, ByWallClock),
    ],
)
def test_a_counter_without_that_is_seen(
    law: Callable[[Callable[[Virtual], Limits]], None], made: Callable[[Virtual], Limits]
) -> None:
    with pytest.raises((AssertionError, QuotaExceeded, BudgetExceeded, RateLimited, pytest.fail.Exception)):
        law(made)


def test_a_request_counts_for_the_day_on_which_it_arrived() -> None:
    clock, who = Virtual("2026-11-26 23:59:50"), key(quota=100, budgets=(("1", "day"),))
    limits = Limits(clock)
    arrived = clock.now()
    clock.pass_by(20)
    late = limits.admit(who, "req_1", tokens=60, at=arrived)
    use(limits, who, 100, "1")
    at_once(limits.spend(late, who, "req_1", model="m", endpoint="chat", vendor="v", tokens=60, nano_usd=nano("0.5")))
    limits.settle(late, tokens=50, nano_usd=nano("0.25"))
    assert limits.counts(who, arrived)["quota"] == (50, 0)
    assert limits.counts(who, arrived)["day"] == (nano("0.25"), 0)
    assert limits.counts(who, clock.now())["quota"] == (100, 0)


@pytest.mark.parametrize(
    ("window", "moment", "begins", "ends"),
    [
        ("day", "2026-11-26 21:00", "2026-11-26", "2026-11-27"),
        ("day", "2026-11-26 00:00", "2026-11-26", "2026-11-27"),
        ("week", "2026-11-29 23:59:59", "2026-11-23", "2026-11-30"),
        ("week", "2026-11-30 00:00", "2026-11-30", "2026-12-07"),
        ("week", "1970-01-01 00:00", "1969-12-29", "1970-01-05"),
        ("month", "2026-12-31 23:59:59", "2026-12-01", "2027-01-01"),
        ("month", "2024-02-29 12:00", "2024-02-01", "2024-03-01"),
    ],
)
def test_windows(window: str, moment: str, begins: str, ends: str) -> None:
    assert bounds(window, at(moment)) == (at(begins), at(ends))
