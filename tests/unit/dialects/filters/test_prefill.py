"""The client's own words at the front of an answer: taken off where an engine repeats them, over any cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.filters.prefill import Prefill
from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Broke,
    Ended,
    Event,
    Idle,
    Part,
    PartBegan,
    PartDelta,
    PartEnded,
    Reply,
    Stop,
    Text,
    Thinking,
    ToolCall,
)

WORDS = "The answer is"


def said(pieces: list[str], words: str = WORDS, stop: Stop = "stop") -> str:
    """Return the text that is left of an answer in these pieces."""
    events: list[Event] = [PartBegan(0, Text("")), *(PartDelta(0, piece) for piece in pieces), PartEnded(0)]
    return "".join(part.text for part in filtered([*events, Ended(stop)], words).parts if isinstance(part, Text))


def filtered(events: list[Event], words: str = WORDS) -> Reply:
    one = Prefill(words)
    return fold([out for event in events for out in one.feed(event)])


@pytest.mark.pitfall(37)
@pytest.mark.parametrize(
    ("pieces", "left"),
    [
        (["The answer is 4."], " 4."),
        (["The", " answer", " is", " 4", "."], " 4."),
        (["The answer is"], ""),
        (["The answer is", " The answer is"], " The answer is"),  # once
        (["An", "other"], "Another"),
        (["The ans", "wers"], "The answers"),
        (["The ans"], "The ans"),  # the answer ends inside the words
        (["", "The answer is", ""], ""),
        ([" The answer is 4."], " The answer is 4."),
        ([], ""),
    ],
)
def test_the_words_are_taken_off_once(pieces: list[str], left: str) -> None:
    assert said(pieces) == left


@given(st.text(max_size=8), st.text(max_size=8), st.data())
def test_over_any_cut(words: str, rest: str, data: st.DataObject) -> None:
    for text, left in ((words + rest, rest), (rest, rest.removeprefix(words))):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        edges = [0, *cuts, len(text)]
        pieces = [text[start:end] for start, end in pairwise(edges)]
        assert said(pieces, words) == left


def test_nothing_is_held_back_longer_than_it_may_be_the_words() -> None:
    one = Prefill("ab")
    assert one.feed(PartBegan(0, Text(""))) == [PartBegan(0, Text(""))]
    assert one.feed(PartDelta(0, "a")) == []
    assert one.feed(PartDelta(0, "x")) == [PartDelta(0, "ax")]
    assert one.feed(PartDelta(0, "ab")) == [PartDelta(0, "ab")]


def test_only_the_first_text_is_looked_at() -> None:
    parts: list[Part] = [Thinking(WORDS), Text(WORDS + " 4."), ToolCall("a", "f", WORDS), Text(WORDS)]
    found = filtered(replay(Reply("", "", parts, "stop"))).parts
    assert found == [Thinking(WORDS), Text(" 4."), ToolCall("a", "f", WORDS), Text(WORDS)]


def test_other_events_pass() -> None:
    one = Prefill(WORDS)
    for event in (Idle(), Broke("x"), PartBegan(0, Thinking()), PartDelta(0, "The"), PartEnded(0)):
        assert one.feed(event) == [event]
    unused = Prefill("")
    assert unused.feed(PartDelta(0, "x")) == [PartDelta(0, "x")]


def test_what_is_held_at_the_end_is_given_back() -> None:
    one = Prefill(WORDS)
    one.feed(PartBegan(0, Text("")))
    one.feed(PartDelta(0, "The"))
    assert one.feed(Ended("length")) == [PartDelta(0, "The"), Ended("length")]
