"""Replaying a text through filters: whole, cut in two at every character, and one character at a time."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flock.dialects.filters.filter import Filter
from flock.dialects.fold import fold
from flock.dialects.ir import Began, Ended, Event, PartBegan, PartDelta, PartEnded, Reply, Stop, Text
from flock.yamltext import load

CORPUS = Path(__file__).parents[3] / "corpus"

Filters = Callable[[], Sequence[Filter]]


def samples(path: Path) -> dict[str, Any]:
    """Return the samples of a file of the corpus by name."""
    return load(path.read_text("utf-8"), path.name)


def spoken(pieces: Sequence[str], stop: Stop = "stop") -> list[Event]:
    """Return the events of an answer that says these pieces in one text part."""
    deltas = [PartDelta(0, piece) for piece in pieces]
    return [Began("a1", "m"), PartBegan(0, Text("")), *deltas, PartEnded(0), Ended(stop)]


def filtered(filters: Sequence[Filter], events: Sequence[Event]) -> list[Event]:
    """Return what the filters make of the events, and check that what comes out is a grammatical stream."""
    found = list(events)
    for one in filters:
        found = [out for event in found for out in one.feed(event)]
    return checked(found)


def checked(events: list[Event]) -> list[Event]:
    """Check that indexes are dense, and that every part begins and ends once with nothing said outside."""
    opened: list[int] = []
    running: set[int] = set()
    for event in events:
        match event:
            case PartBegan():
                assert event.index == len(opened)
                opened.append(event.index)
                running.add(event.index)
            case PartDelta():
                assert event.index in running
                assert event.text or event.signature
            case PartEnded():
                running.remove(event.index)
            case _:
                pass
    assert not running
    return events


def reply(filters: Filters, pieces: Sequence[str], stop: Stop = "stop") -> Reply:
    """Return the reply that comes of the pieces."""
    return fold(filtered(filters(), spoken(pieces, stop)))


def cuts(text: str) -> Iterator[list[str]]:
    """Yield the text cut in two at every character, and cut into its characters."""
    for at in range(1, len(text)):
        yield [text[:at], text[at:]]
    yield list(text)


def replayed(filters: Filters, text: str, stop: Stop = "stop") -> Reply:
    """Return the reply that comes of the text, the same however it is cut."""
    whole = reply(filters, [text], stop)
    for pieces in cuts(text):
        assert reply(filters, pieces, stop) == whole, pieces
    return whole
