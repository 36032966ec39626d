"""Wrong keys are counted by address, right ones never looked at, and memory stays bounded."""

import pytest

from flock.errors import TooManyAttempts
from flock.policy.attempts import MINUTE, REMEMBERED, Attempts, network


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds


def test_so_many_a_minute_and_then_a_wait() -> None:
    clock = HandClock()
    attempts = Attempts(clock, 60)
    for _ in range(60):
        attempts.wrong("192.0.2.7")
    with pytest.raises(TooManyAttempts, match=r"more than 60 wrong keys came from 192.0.2.7") as told:
        attempts.wrong("192.0.2.7")
    assert told.value.details["retry_after"] == 1
    attempts.wrong("192.0.2.8")  # nobody else is touched
    clock.advance(1.0)
    attempts.wrong("192.0.2.7")
    with pytest.raises(TooManyAttempts):
        attempts.wrong("192.0.2.7")
    clock.advance(MINUTE)
    for _ in range(60):
        attempts.wrong("192.0.2.7")


def test_one_line_a_minute_goes_on_record() -> None:
    clock = HandClock()
    attempts = Attempts(clock, 60)
    noted: list[bool] = []
    for _ in range(600):  # ten a second for a minute
        clock.advance(0.1)
        try:
            attempts.wrong("a")
        except TooManyAttempts as error:
            noted.append(error.details["noted"])
    assert noted[0] is False
    assert noted.count(False) == 1


def test_no_limit() -> None:
    attempts = Attempts(HandClock(), 0)
    for _ in range(10_000):
        attempts.wrong("a")


def test_memory_is_bounded() -> None:
    attempts = Attempts(HandClock(), 5)
    for number in range(REMEMBERED + 500):
        attempts.wrong(str(number))
    assert len(attempts._by_address) == REMEMBERED


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, counts_as: str) -> None:
    assert network(address) == counts_as
