"""How fast upstreams have been, and the orders that follow from it and from prices."""

import pytest

from flock.core.pace import Pace
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.upstream import Placement, Price


def settled(
    upstream: str, tokens: int, seconds: float, *, outcome: str = "ok", stream: bool = True, model: str = "m"
) -> Record:
    record = Record("chat", 0.0, 100.0)
    record.upstream, record.model, record.outcome, record.stream = upstream, model, outcome, stream
    record.first, record.ended = 101.0, 101.0 + seconds
    record.usage = Usage(input=1, output=tokens)
    return record


def place(name: str, *, model: str = "m", vendor: str = "", price: Price | None = None) -> Placement:
    return Placement(model, name, name, False, "ready", None, vendor=vendor, price=price)


def by(pace: Pace, sort: str, *names: str) -> list[str]:
    return [p.name for p in sorted((place(name) for name in names), key=pace.order(sort))]


def test_the_fastest_is_first_and_the_unknown_last() -> None:
    pace = Pace()
    pace.settled(settled("slow", 10, 1.0))
    pace.settled(settled("fast", 50, 1.0))
    assert by(pace, "throughput", "unknown", "slow", "fast") == ["fast", "slow", "unknown"]


def test_the_figure_is_smoothed() -> None:
    pace = Pace()
    pace.settled(settled("a", 100, 1.0))
    pace.settled(settled("a", 200, 1.0))
    assert pace.order("throughput")(place("a")) == pytest.approx(-120.0)


def test_it_is_of_one_model() -> None:
    pace = Pace()
    pace.settled(settled("a", 100, 1.0))
    assert pace.order("throughput")(place("a", model="other")) == 0.0


@pytest.mark.parametrize(
    "record",
    [
        settled("a", 100, 1.0, outcome="cancelled"),
        settled("a", 100, 1.0, outcome="partial"),
        settled("a", 100, 1.0, stream=False),
        settled("a", 7, 1.0),
        settled("a", 100, 0.0),
    ],
    ids=["cancelled", "broken", "one piece", "a few tokens", "no time"],
)
def test_what_says_nothing_of_the_pace_is_left_out(record: Record) -> None:
    pace = Pace()
    pace.settled(record)
    assert pace.order("throughput")(place("a")) == 0.0


def test_a_stream_without_usage_says_nothing() -> None:
    record = settled("a", 100, 1.0)
    record.usage = None
    pace = Pace()
    pace.settled(record)
    assert pace.order("throughput")(place("a")) == 0.0


def test_the_cheapest_is_first_the_teams_own_before_all_and_the_unknown_last() -> None:
    places = [
        place("dear", vendor="dear", price=Price("3", "15")),
        place("unknown", vendor="unknown"),
        place("cheap", vendor="cheap", price=Price("0.1", "0.4")),
        place("own"),
    ]
    assert [p.name for p in sorted(places, key=Pace().order("price"))] == ["own", "cheap", "dear", "unknown"]


def test_without_a_wish_all_are_alike() -> None:
    assert Pace().order("")(place("a")) == Pace().order("")(place("b", vendor="b")) == 0.0


def test_requests_are_counted_over_the_last_minute() -> None:
    pace = Pace()
    assert pace.per_minute("m", 100.0) == 0.0
    for seconds in (0.0, 0.2, 5.0):
        pace.settled(settled("a", 1, seconds))
    pace.settled(settled("a", 1, 0.0, outcome="error", model="other"))
    assert pace.per_minute("m", 106.0) == 3.0
    assert pace.per_minute("m", 163.0) == 1.0
    assert pace.per_minute("m", 170.0) == 0.0
    assert pace.per_minute("other", 106.0) == 1.0


def test_the_speed_of_one_upstream_is_known() -> None:
    pace = Pace()
    pace.settled(settled("a", 100, 1.0))
    assert pace.speed("a", "m") == pytest.approx(100.0)
    assert pace.speed("b", "m") is None
