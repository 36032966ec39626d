"""Requests in flight: what the record says of a wait, and with which weight it stands in line."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from flock.contract.op import Scope
from flock.core.flights import Flights
from flock.core.record import Record
from flock.policy.keys import Key
from flock.profile import Profile
from flock.upstream import Placement, Upstream, Waiting

UPSTREAM = Upstream("e:m", "e", "127.0.0.1", 1, Profile("e", "E", frozenset({"openai"})), True)
PLACE = Placement("m", "e:m", "e", True, "ready", None)


@dataclass
class Clock:
    """Time that goes on when it is told to."""

    time: float = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Busy:
    """An engine that is busy for a while; keeps who waited."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.table: Mapping[str, tuple[Placement, ...]] = {"m": (PLACE,)}
        self.clock = clock
        self.seconds = seconds
        self.waiting: Waiting | None = None

    def enter(self, placement: Placement) -> Upstream | None:
        assert placement is PLACE
        return None

    async def ensure(self, placement: Placement, waiting: Waiting) -> Upstream:
        assert placement is PLACE
        self.waiting = waiting
        waiting.why, waiting.first_position = "m answers 1 request: no more at once", 4
        self.clock.time += self.seconds
        return UPSTREAM

    def leave(self, upstream_name: str, seconds: float, *, abandoned: bool = False) -> None:
        """Nobody asks."""

    def report_dead(self, upstream_name: str, why: str) -> None:
        """Nobody asks."""

    def report_broken(self, upstream_name: str, why: str) -> None:
        """Nobody asks."""


@pytest.mark.parametrize(
    ("share", "note"),
    [
        (1, "waited 2.0 s: m answers 1 request: no more at once, 3 requests before it"),
        (3, "waited 2.0 s: m answers 1 request: no more at once, 3 requests before it (its key has a share of 3)"),
    ],
)
async def test_a_record_says_what_its_request_waited_for_and_with_which_share(share: int, note: str) -> None:
    clock = Clock()
    places = Busy(clock, 2.0)
    record = Record("chat", clock.now(), clock.monotonic())
    record.key = Key("k_1", "alice", Scope.USER, b"", share=share)
    assert await Flights(places, clock).seat(record, PLACE) is UPSTREAM
    assert places.waiting is not None
    assert (places.waiting.key, places.waiting.share) == ("k_1", share)
    assert record.notes == [note]
