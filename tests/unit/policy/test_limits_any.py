"""Limits under anything: requests that are admitted, spend and settle in any order while time passes and clocks jump.

The model knows every request; the machine compares. It is run on limits with each mechanism switched off too, and must
find that.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from flock.errors import BudgetExceeded, FlockError, RateLimited
from flock.policy.accounts import Account, Hold
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.windows import bounds
from tests.unit.policy.virtual import Virtual, at_once, key

RPM, TPM, QUOTA = 20, 1000, 3000
DAY, MONTH = 1_000, 1_200  # billionths of a dollar
JUMPS = ("2026-11-26 20:00", "2026-11-27 00:30", "2026-11-25 12:00", "2026-12-01 09:00")


@dataclass
class Seen:
    """A request as the model knows it: `used` is what it reserved until it settles."""

    at: float
    mono: float
    reserved: int
    used: int
    nano: int = 0
    spent: int = 0
    open: bool = True
    hold: Hold | None = field(default=None, repr=False)


class Requests(RuleBasedStateMachine):
    """One key with every limit; `kind` are the limits under test."""

    kind: type[Limits] = Limits
    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Virtual()
        self.limits = self.kind(self.clock)
        budgets = (("0.000001", "day"), ("0.0000012", "month"))
        self.key: Key = key(rpm=RPM, tpm=TPM, quota=QUOTA, budgets=budgets)
        self.seen: list[Seen] = []
        self.number = 0

    @rule(target=running, tokens=st.integers(0, TPM) | st.sampled_from([1, 100, TPM]))
    def admit(self, tokens: int) -> Seen | object:
        """Ask; a refusal changes nothing, and who waits as told for the minute passes it."""
        before = self.numbers()
        refused: FlockError | None = None
        hold: Hold | None = None
        try:
            hold = self.limits.admit(self.key, f"req_{self.number}", tokens=tokens)
        except FlockError as error:
            refused = error
        if refused is not None:
            assert self.numbers() == before, "a refused request left something behind"
            assert refused.details.get("retry_after", 1) >= 1
            assert not isinstance(refused, RateLimited) or refused.details["retry_after"] <= 60
            return multiple()
        self.number += 1
        seen = Seen(self.clock.now(), self.clock.monotonic(), tokens, tokens, hold=hold)
        self.seen.append(seen)
        return seen

    @rule(seen=running, cost=st.integers(0, DAY) | st.sampled_from([1, DAY // 2, DAY]))
    def spend(self, seen: Seen, cost: int) -> None:
        """Reserve dollars, of a second vendor too."""
        before = self.numbers()
        try:
            at_once(
                self.limits.spend(
                    *(seen.hold, self.key, "req"),
                    model="m",
                    endpoint="chat",
                    vendor="v",
                    tokens=seen.reserved,
                    nano_usd=cost,
                )
            )
        except BudgetExceeded:
            assert self.numbers() == before, "a refused reserve left something behind"
        else:
            seen.nano = max(seen.nano, cost)

    @rule(seen=consumes(running), part=st.sampled_from([0.0, 0.1, 1.0]) | st.floats(0, 1))
    def settle(self, seen: Seen, part: float) -> None:
        """Use no more than was reserved."""
        seen.used, seen.spent, seen.open = int(seen.reserved * part), int(seen.nano * part), False
        self.limits.settle(seen.hold, tokens=seen.used, nano_usd=seen.spent)

    @rule(seconds=st.sampled_from([0.01, 1, 5, 30, 59, 60, 121]) | st.floats(0, 200))
    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pass_by(seconds)

    @rule(to=st.sampled_from(JUMPS))
    def jump(self, to: str) -> None:
        """Put the wall clock elsewhere."""
        self.clock.set_to(to)

    @rule()
    def edit(self) -> None:
        """Edit something else of the key: its budgets are another tuple of the same."""
        self.key.budgets = (*self.key.budgets[:1], *self.key.budgets[1:])
        self.limits.changed(self.key)

    def numbers(self) -> object:
        """Return all that the limits tell of the key."""
        return self.limits.meters(self.key), self.limits.counts(self.key, self.clock.now())

    @invariant()
    def no_span_has_more_than_its_share(self) -> None:
        """Requests and tokens: in every span at most a minute's worth and that of its own length."""
        for limit, units in ((RPM, [1] * len(self.seen)), (TPM, [seen.used for seen in self.seen])):
            ahead, last = 0.0, 0.0
            for seen, count in zip(self.seen, units, strict=True):
                ahead = max(0.0, ahead - (seen.mono - last) * limit / 60) + count
                last = seen.mono
                assert ahead <= limit + 1e-3, f"{ahead} of {limit} a minute"

    @invariant()
    def sums_are_exact_and_below_the_limits(self) -> None:
        """Quota and budgets: what is counted is what was used, and never above the limit."""
        moments = {*(seen.at for seen in self.seen), self.clock.now()}
        for name, limit in (("day", DAY), ("month", MONTH)):
            for window in {bounds(name, moment) for moment in moments}:
                inside = [seen for seen in self.seen if bounds(name, seen.at) == window]
                counts = self.limits.counts(self.key, window[0])
                held = sum(seen.nano for seen in self.seen if seen.open)
                assert counts[name] == (sum(seen.spent for seen in inside), held)
                assert counts[name][0] + sum(seen.nano for seen in inside if seen.open) <= limit
                if name == "day":
                    reserved = sum(seen.reserved for seen in inside if seen.open)
                    assert counts["quota"] == (sum(s.used for s in inside if not s.open), reserved)
                    assert sum(counts["quota"]) <= QUOTA


class NoMinute(Limits):
    """The mutant: tokens a minute are not asked for."""

    def _check(self, account: Account, key: Key, tokens: int, now: float, at: float) -> None:
        tokens_a_minute, account.tokens = account.tokens, None
        try:
            super()._check(account, key, tokens, now, at)
        finally:
            account.tokens = tokens_a_minute


class ForgetsRunning(Limits):
    """The mutant: what running requests hold is not in the way of others."""

    def _fits(self, account: Account, key: Key, hold: Hold, vendor: str, model: str, nano_usd: int | None) -> int:
        for limit, window in account.budgets:
            if account.dollars[window].at(hold.at).used + (nano_usd or 0) > limit:
                raise BudgetExceeded("spent")
        return max(0, (nano_usd or 0) - hold.nano)


class KeepsTheRest(Limits):
    """The mutant: what was reserved is what was used."""

    def settle(self, hold: Hold | None, *, tokens: int, nano_usd: int | None) -> None:
        if hold is not None:
            super().settle(hold, tokens=hold.tokens, nano_usd=hold.nano)


ANYTHING = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)


# a mutant is let go once it is seen
UNTIL_SEEN = settings(ANYTHING, max_examples=2_000)


def test_whatever_happens_limits_hold() -> None:
    run_state_machine_as_test(Requests, settings=ANYTHING)


@pytest.mark.parametrize("mutant", [NoMinute, ForgetsRunning, KeepsTheRest])
def test_limits_without_a_mechanism_are_seen(mutant: type[Limits]) -> None:
    machine = type("Mutant", (Requests,), {"kind": mutant})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=UNTIL_SEEN)
