"""A second of the machines is paid once, however many requests ran in it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flock.core.power import Power
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.upstream import Price
from tests.unit.policy.virtual import Virtual


def ask(clock: Virtual, vendor: str = "") -> Record:
    """Return a request that is sent somewhere now."""
    record = Record("chat", clock.now(), clock.monotonic())
    record.vendor, record.sent = vendor, clock.monotonic() or 1e-9
    return record


def test_one_request_has_the_machine_for_itself() -> None:
    clock = Virtual()
    power = Power(clock)
    power.set("350", "0.31")
    record = ask(clock)
    power.began(record)
    clock.pass_by(3600)
    power.settled(record)
    assert record.engine_seconds == pytest.approx(3600)
    assert record.cost_usd == "0.1085"
    assert record.usage_row()[-1] == pytest.approx(3_600_000)


def test_two_at_a_time_share_what_they_shared() -> None:
    clock = Virtual()
    power = Power(clock)
    power.set("1000", "1")
    first, second = ask(clock), ask(clock)
    power.began(first)
    clock.pass_by(10)
    power.began(second)
    clock.pass_by(20)
    power.settled(first)
    clock.pass_by(5)
    power.settled(second)
    assert (first.engine_seconds, second.engine_seconds) == (pytest.approx(20), pytest.approx(15))


def test_without_a_price_of_power_the_cost_is_not_known_and_the_time_is() -> None:
    clock = Virtual()
    power = Power(clock)
    record = ask(clock)
    power.began(record)
    clock.pass_by(2)
    power.settled(record)
    assert (record.cost_usd, record.engine_ms) == (None, pytest.approx(2000))
    power.set("350", "0")
    free = ask(clock)
    power.began(free)
    clock.pass_by(2)
    power.settled(free)
    assert free.cost_usd == "0"
    power.set(None, None)
    assert power.rate is None


def test_a_vendors_machines_are_not_ours() -> None:
    clock = Virtual()
    power = Power(clock)
    power.set("1000", "1")
    record, other = ask(clock), ask(clock, "openai")
    power.began(record)
    power.began(other)
    other.usage, other.price = Usage(input=1_000_000), Price("3", "15")
    clock.pass_by(10)
    other.ended = clock.monotonic()
    power.settled(other)
    power.settled(record)
    assert record.engine_seconds == pytest.approx(10)
    assert other.cost_usd == "3"
    assert other.engine_ms == pytest.approx((other.ended - other.sent) * 1000)


def test_what_was_tried_here_first_and_then_paid_is_the_vendors() -> None:
    clock = Virtual()
    power = Power(clock)
    power.set("1000", "1")
    record, other = ask(clock), ask(clock)
    power.began(record)
    power.began(other)
    clock.pass_by(10)
    record.vendor = "openai"
    power.began(record)
    clock.pass_by(10)
    power.settled(record)
    power.settled(other)
    assert (record.power, other.engine_seconds) == (None, pytest.approx(15))


def test_what_reached_no_engine_cost_nothing_that_is_known() -> None:
    clock = Virtual()
    power = Power(clock)
    power.set("350", "0.31")
    record = Record("chat", clock.now(), clock.monotonic())
    power.settled(record)
    assert (record.cost_usd, record.engine_ms) == (None, 0.0)


@given(some.lists(some.tuples(some.integers(0, 7), some.floats(0, 100)), max_size=60))
def test_all_parts_are_the_time_in_which_anybody_ran(steps: list[tuple[int, float]]) -> None:
    """Each step is the arrival or the end of one of eight, and then time that passes."""
    clock = Virtual()
    power = Power(clock)
    power.set("1000", "1")
    running: dict[int, Record] = {}
    ended: list[Record] = []
    busy = 0.0
    for who, seconds in steps:
        if who in running:
            power.settled(running[who])
            ended.append(running.pop(who))
        else:
            running[who] = ask(clock)
            power.began(running[who])
        clock.pass_by(seconds)
        busy += seconds if running else 0.0
    for record in running.values():
        power.settled(record)
        ended.append(record)
    assert sum(record.engine_seconds for record in ended) == pytest.approx(busy, abs=1e-6)
    assert all(record.engine_seconds >= 0 for record in ended)
    paid = sum(Decimal(record.cost_usd or 0) for record in ended)
    assert float(paid) == pytest.approx(busy / 3600, abs=1e-7)
