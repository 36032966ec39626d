"""The bus: numbering, what is remembered, readers that are slow, come back, or leave."""

import asyncio
from typing import Any

import pytest

from flock.contract.events import Event
from flock.core.bus import Bus, Reader


class HandClock:
    def now(self) -> float:
        return 1_800_000_000.0

    def monotonic(self) -> float:
        return 0.0


def every(_kind: str, _subject: str) -> bool:
    return True


def told(bus: Bus, count: int, kind: str = "model.state") -> None:
    for number in range(count):
        bus.tell(kind, f"m{number}", {"n": number})


def numbers(events: list[Event]) -> list[int]:
    return [event.id for event in events]


def test_events_are_numbered_from_one_and_carry_what_was_told() -> None:
    bus = Bus(HandClock())
    reader = bus.follow(every)
    bus.tell("engine.state", "embedded:a", {"state": "ready"})
    bus.tell("model.state", "a")
    assert reader.take() == [
        Event(1, "2027-01-15T08:00:00.000Z", "engine.state", "embedded:a", {"state": "ready"}),
        Event(2, "2027-01-15T08:00:00.000Z", "model.state", "a", {}),
    ]
    assert reader.take() == []


def test_a_reader_without_a_number_hears_from_now_on() -> None:
    bus = Bus(HandClock())
    told(bus, 3)
    reader = bus.follow(every)
    assert reader.take() == []
    told(bus, 1)
    assert numbers(reader.take()) == [4]


def test_a_reader_that_comes_back_goes_on_where_it_was() -> None:
    bus = Bus(HandClock())
    told(bus, 5)
    assert numbers(bus.follow(every, since=3).take()) == [4, 5]
    assert numbers(bus.follow(every, since=0).take()) == [1, 2, 3, 4, 5]
    assert bus.follow(every, since=5).take() == []


def test_what_was_written_over_is_told_once_and_the_rest_follows() -> None:
    bus = Bus(HandClock(), kept=4)
    told(bus, 10)
    reader = bus.follow(every, since=2)
    lost, *rest = reader.take()
    assert (lost.id, lost.kind, lost.data) == (6, "feed.lost", {"lost": 4})
    assert numbers(rest) == [7, 8, 9, 10]
    told(bus, 1)
    assert numbers(reader.take()) == [11]


def test_a_slow_reader_loses_detail_and_never_holds_more_than_the_ring() -> None:
    bus = Bus(HandClock(), kept=100)
    slow, quick = bus.follow(every), bus.follow(every)
    seen: list[int] = []
    for _ in range(50):
        told(bus, 10)
        seen += numbers(quick.take())
    assert seen == list(range(1, 501))
    lost, *rest = slow.take()
    assert (lost.data, numbers(rest)) == ({"lost": 400}, list(range(401, 501)))


def test_a_number_of_an_earlier_daemon_brings_all_there_is() -> None:
    bus = Bus(HandClock())
    told(bus, 2)
    lost, *rest = bus.follow(every, since=4711).take()
    assert (lost.kind, lost.data, lost.id) == ("feed.lost", {"lost": 0}, 0)
    assert numbers(rest) == [1, 2]


def test_only_what_is_wanted_is_made() -> None:
    bus = Bus(HandClock())
    reader = bus.follow(lambda kind, subject: kind == "job.progress" and subject == "j_1")
    told(bus, 3)
    bus.tell("job.progress", "j_2")
    bus.tell("job.progress", "j_1")
    assert numbers(reader.take()) == [5]
    assert reader.seen == 5


def test_a_take_looks_at_so_many_and_the_next_one_goes_on() -> None:
    bus = Bus(HandClock())
    reader = bus.follow(every)
    told(bus, 7)
    assert [numbers(reader.take(3)) for _ in range(3)] == [[1, 2, 3], [4, 5, 6], [7]]


async def wait(reader: Reader) -> bool:
    return await reader.wait(60)


async def test_waiting_ends_with_an_event_and_with_the_bus() -> None:
    bus = Bus(HandClock())
    reader = bus.follow(every)
    waiting = asyncio.create_task(wait(reader))
    await asyncio.sleep(0)
    told(bus, 1)
    assert await waiting
    assert await wait(reader)  # what is there already is not waited for
    reader.take()
    waiting = asyncio.create_task(wait(reader))
    await asyncio.sleep(0)
    bus.close()
    assert not await waiting
    assert not await wait(reader)


async def test_silence_ends_a_wait() -> None:
    assert not await Bus(HandClock()).follow(every).wait(0.001)


def test_a_reader_that_has_left_is_forgotten() -> None:
    bus = Bus(HandClock())
    reader = bus.follow(every)
    assert bus.readers == 1
    reader.close()
    reader.close()
    assert bus.readers == 0


@pytest.mark.parametrize("data", [None, {}])
def test_nothing_told_is_an_empty_object(data: dict[str, Any] | None) -> None:
    bus = Bus(HandClock())
    bus.tell("model.state", "m", data)
    assert bus.follow(every, since=0).take()[0].data == {}
