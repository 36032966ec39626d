"""A minute's limit: whatever is reserved and settled in whichever order, no span of time sees more than its share."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flock.policy.gcra import GIVEN_BACK_SECONDS, PART_SECONDS, Gcra, Part, Reserving

LIMIT = 1000


@dataclass(frozen=True)
class Ask:
    """After so many seconds somebody asks for units, uses some of them, and settles so many seconds later."""

    after: float
    units: int
    used: int
    lasts: float


asks = st.lists(
    st.builds(
        lambda after, units, part, lasts: Ask(after, units, int(units * part), lasts),
        st.sampled_from([0.0, 0.1, 1.0, 3.0, 20.0, 59.0, 60.0, 100.0]) | st.floats(0, 100),
        st.integers(0, LIMIT),
        st.sampled_from([0.0, 0.1, 1.0]) | st.floats(0, 1),
        st.sampled_from([0.0, 0.5, 30.0, 61.0, 130.0]) | st.floats(0, 200),
    ),
    min_size=1,
    max_size=40,
)

# what moving the level back by what was not used lets through: the first request has worn off before it settles
TOO_MUCH_BACK = [Ask(0, 1000, 100, 59.5), Ask(59, 500, 500, 500), Ask(0.6, 900, 900, 500)]


def run(gcra: Reserving, asked: list[Ask]) -> list[tuple[float, int]]:
    """Ask in virtual time; return the moment and the units in truth of what passed."""
    now = 1000.0
    passed: list[tuple[float, int]] = []
    running: list[tuple[float, Part, Ask]] = []
    for ask in asked:
        now += ask.after
        for ends, part, ended in sorted((r for r in running if r[0] <= now), key=lambda r: r[0]):
            gcra.settle(part, ended.units, ended.used, ends)
        running = [r for r in running if r[0] > now]
        if gcra.wait(ask.units, now) == 0.0:
            running.append((now + ask.lasts, gcra.reserve(ask.units, now), ask))
            passed.append((now, ask.used))
    return passed


def most(passed: list[tuple[float, int]]) -> float:
    """Return by how many units the worst span of time lies above its share."""
    worst = 0.0
    for first in range(len(passed)):
        total = 0
        for moment, units in passed[first:]:
            total += units
            worst = max(worst, total - LIMIT * (1 + (moment - passed[first][0]) / 60))
    return worst


@given(asks)
@example(TOO_MUCH_BACK)
def test_no_span_sees_more_than_a_minute_and_its_own_length(asked: list[Ask]) -> None:
    assert most(run(Reserving(LIMIT), asked)) < 1e-3


class MovingBack(Reserving):
    """The mutant: what was not used is taken off the level, worn off or not."""

    def settle(self, part: Part, reserved: int, used: int, now: float) -> None:
        self.full_at -= (reserved - used) * self.unit


class NeverFull(Reserving):
    """The mutant: everything passes."""

    def wait(self, units: int, now: float) -> float:
        return 0.0


@pytest.mark.parametrize("mutant", [MovingBack, NeverFull])
def test_the_law_sees_a_level_that_is_moved_back_and_one_that_is_not_there(mutant: type[Reserving]) -> None:
    assert most(run(mutant(LIMIT), TOO_MUCH_BACK)) > 100


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_not_used_comes_back_in_whichever_order_requests_settle(order: int) -> None:
    gcra = Reserving(LIMIT)
    parts = [gcra.reserve(100, 0.0) for _ in range(10)]
    assert gcra.wait(100, 1.0) == pytest.approx(5.0)
    for part in parts[::order]:
        gcra.settle(part, 100, 10, 1.0)
    assert gcra.used(1.0) == pytest.approx(100 - LIMIT / 60)


def test_a_use_above_the_reserve_counts_from_when_it_is_known() -> None:
    gcra = Reserving(LIMIT)
    part = gcra.reserve(10, 0.0)
    gcra.settle(part, 10, 2500, 100.0)
    assert gcra.used(100.0) == pytest.approx(2490)
    assert gcra.wait(1000, 100.0) == pytest.approx(2490 * 0.06, abs=0.1)


def test_what_has_long_worn_off_is_not_given_back() -> None:
    gcra = Reserving(LIMIT)
    old = gcra.reserve(1000, 0.0)
    for second in range(1, 200):
        gcra.reserve(LIMIT // 60, float(second))
    before = gcra.full_at
    gcra.settle(old, 1000, 0, 200.0)
    assert gcra.full_at == before


def test_a_key_remembers_a_bounded_number_of_parts() -> None:
    gcra = Reserving(10**9)
    for tenth in range(100_000):
        gcra.reserve(1, tenth / 10)
    assert len(gcra._parts) <= GIVEN_BACK_SECONDS / PART_SECONDS + 2


@given(st.integers(1, 10**9), st.lists(st.tuples(st.floats(0, 90), st.integers(0, 10**9)), max_size=30))
def test_who_waits_as_long_as_told_passes(limit: int, asked: list[tuple[float, int]]) -> None:
    gcra, now = Gcra(limit), 5.0
    for after, units in asked:
        now, units = now + after, units % (limit + 1)
        now += gcra.wait(units, now)
        assert gcra.wait(units, now) == 0.0
        gcra.take(units, now)


def test_another_limit_keeps_what_is_used() -> None:
    gcra = Reserving(600)
    gcra.take(300, 0.0)
    gcra.change(60, 0.0)
    assert gcra.used(0.0) == pytest.approx(300)
    gcra.change(6000, 0.0)
    assert gcra.used(0.0) == pytest.approx(300)
    assert gcra.wait(5700, 0.0) == 0.0
    assert gcra.wait(5701, 0.0) > 0.0
