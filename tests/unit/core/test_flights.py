"""Requests in flight: what the record says of a wait, and with which weight it stands in line."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from flock.contract.op import Scope
from flock.core.flights import Flights
from flock.core.record import Record
from flock.core.yielding import WHY
from flock.errors import Draining, EngineBusy
from flock.policy.keys import Key
from flock.profile import Profile
from flock.upstream import Capacity, Placement, Upstream, Waiting

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

    def capacity(self, name: str) -> Capacity:
        assert name == PLACE.name
        return Capacity(1, own=True, queue=2)

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


def low(clock: Clock, flights: Flights) -> Record:
    record = Record("chat", clock.now(), clock.monotonic())
    record.low = True
    flights.running[record.id] = record
    return record


async def seated(flights: Flights, record: Record) -> "asyncio.Task[Upstream]":
    """Begin to seat a request, and return once it waits for what nobody here decides."""
    task = asyncio.create_task(flights.seat(record, PLACE))
    await asyncio.sleep(0)
    return task


async def test_one_of_low_priority_waits_behind_the_other_and_says_so() -> None:
    clock = Clock()
    flights = Flights(Busy(clock, 0.0), clock)
    first, second = low(clock, flights), low(clock, flights)
    assert await flights.seat(first, PLACE) is UPSTREAM
    waiting = await seated(flights, second)
    assert not waiting.done()
    (shown,) = flights.yielding()
    assert (shown.request_id, shown.position, shown.why) == (second.id, 1, WHY)
    assert second.row(clock.now()).position == 1
    clock.time += 3.0
    flights.leave(first, UPSTREAM.name, 3.0)
    assert await waiting is UPSTREAM
    assert first.notes[0] == "low priority"
    assert second.notes[0] == "low priority, and let others go first for 3.0 s"
    assert second.waited >= 3.0
    assert flights.yielding() == ()


async def test_one_that_leaves_while_it_waits_frees_what_it_never_had() -> None:
    clock = Clock()
    flights = Flights(Busy(clock, 0.0), clock)
    first, second, third = (low(clock, flights) for _ in range(3))
    await flights.seat(first, PLACE)
    gone, stays = await seated(flights, second), await seated(flights, third)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert [waiter.request_id for waiter in flights.yielding()] == [third.id]
    flights.leave(first, UPSTREAM.name, 1.0)
    assert await stays is UPSTREAM
    assert flights.counts[UPSTREAM.name] == 1


async def test_the_line_of_low_priority_is_as_long_as_that_of_an_engine() -> None:
    clock = Clock()
    flights = Flights(Busy(clock, 0.0), clock)
    first = low(clock, flights)
    await flights.seat(first, PLACE)
    waiting = [await seated(flights, low(clock, flights)) for _ in range(2)]
    with pytest.raises(EngineBusy, match="2 requests of low priority wait for m already") as found:
        await flights.seat(low(clock, flights), PLACE)
    assert found.value.details == {"retry_after": 30, "waiting": 2}
    # nobody's place was taken by the one that was sent away, and a person waits behind none of them
    flights.leave(first, UPSTREAM.name, 1.0)
    assert await waiting[0] is UPSTREAM
    person = Record("chat", clock.now(), clock.monotonic())
    assert await flights.seat(person, PLACE) is UPSTREAM
    assert flights.counts[UPSTREAM.name] == 2
    waiting[1].cancel()


async def test_who_lets_others_go_first_is_sent_away_when_the_daemon_goes_down() -> None:
    clock = Clock()
    flights = Flights(Busy(clock, 0.0), clock)
    await flights.seat(low(clock, flights), PLACE)
    waiting = await seated(flights, low(clock, flights))
    flights.close()
    with pytest.raises(Draining):
        await waiting
    with pytest.raises(Draining):
        await flights.seat(low(clock, flights), PLACE)
    assert flights.yielding() == ()
