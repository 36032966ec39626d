"""A whole answer is a folded stream: fold and replay are each other's reverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Opaque,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.errors import UpstreamError

WORDS = st.text(max_size=20)
COUNTS = st.integers(0, 10**6)
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, WORDS, st.just(""), st.sampled_from(["", "anthropic"])),
    st.builds(Thinking, st.just(""), st.just(""), WORDS, st.just("anthropic")),
    st.builds(ToolCall, WORDS, WORDS, WORDS),
    st.builds(Opaque, st.just("anthropic"), WORDS, st.dictionaries(WORDS, WORDS)),
)
REPLIES = st.builds(
    Reply,
    WORDS,
    WORDS,
    st.lists(PARTS, max_size=4),
    st.sampled_from(["stop", "length", "tool_calls", "stop_sequence"]),
    WORDS,
    st.none() | st.builds(Usage, COUNTS, COUNTS, COUNTS),
)


@given(REPLIES)
def test_a_replayed_reply_folds_into_itself(reply: Reply) -> None:
    assert fold(replay(reply)) == reply


@pytest.mark.pitfall(1)
def test_parts_may_overlap() -> None:
    events = [
        Began("a", "m"),
        PartBegan(0, ToolCall("x", "one")),
        PartBegan(1, ToolCall("y", "two")),
        PartDelta(0, '{"a":'),
        PartDelta(1, '{"b":'),
        PartDelta(0, "1}"),
        PartDelta(1, "2}"),
        PartEnded(0),
        PartEnded(1),
        Ended("tool_calls"),
        Used(Usage(1, 0, 2)),
    ]
    reply = fold(events)
    assert reply.parts == [ToolCall("x", "one", '{"a":1}'), ToolCall("y", "two", '{"b":2}')]
    assert reply.usage == Usage(1, 0, 2)


@pytest.mark.pitfall(76)
def test_a_stream_without_an_end_is_no_answer() -> None:
    with pytest.raises(UpstreamError, match="broke off"):
        fold([Began("a", "m"), PartBegan(0, Text("")), PartDelta(0, "half")])


@pytest.mark.pitfall(71)
def test_a_failure_in_the_stream_is_no_answer() -> None:
    with pytest.raises(UpstreamError, match="out of memory"):
        fold([Began("a", "m"), Broke("out of memory"), Ended("stop")])


def test_folding_changes_nothing_it_was_given() -> None:
    begun = PartBegan(0, Thinking(""))
    fold([begun, PartDelta(0, "words"), PartDelta(0, signature="s"), PartEnded(0), Ended("stop")])
    assert begun.part == Thinking("")
