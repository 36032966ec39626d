"""The filter for thinking in text: events, what the engine delivered itself, and whether the prompt opened it."""

import pytest

from flock.dialects.filters.think_tags import ThinkTags
from flock.dialects.fold import fold
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Part,
    PartBegan,
    PartDelta,
    PartEnded,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.profile import Family
from tests.unit.dialects.filters.replaying import filtered, spoken

BOTH = Family("b", (), "<think>", "</think>")
IMPLICIT = Family("i", (), "<think>", "</think>", think_implicit=True)


def parts(events: list[Event], family: Family, *, implicit: bool | None = None) -> list[Part]:
    return fold(filtered([ThinkTags(family, implicit=implicit)], events)).parts


@pytest.mark.pitfall(50)
def test_the_events_of_a_thought() -> None:
    assert filtered([ThinkTags(BOTH)], spoken(["<th", "ink>\nhm", "m</thi", "nk>\n\n", "Yes"])) == [
        Began("a1", "m"),
        PartBegan(0, Thinking()),
        PartDelta(0, "hm"),
        PartDelta(0, "m"),
        PartEnded(0),
        PartBegan(1, Text("")),
        PartDelta(1, "Yes"),
        PartEnded(1),
        Ended("stop"),
    ]


@pytest.mark.pitfall(50)
def test_whether_the_prompt_holds_the_opener() -> None:
    events = spoken(["hm</think>\n\nYes"])
    assert parts(events, IMPLICIT) == [Thinking("hm"), Text("Yes")]
    assert parts(events, BOTH, implicit=True) == [Thinking("hm"), Text("Yes")]
    assert parts(spoken(["Yes"]), IMPLICIT, implicit=False) == [Text("Yes")]
    assert parts(spoken(["Yes"], "length"), IMPLICIT) == [Thinking("Yes")]


def test_an_answer_that_was_taken_for_thinking_comes_as_text_too() -> None:
    assert parts(spoken(["Ye", "s."]), IMPLICIT) == [Thinking("Yes."), Text("Yes.")]
    call: list[Event] = [PartBegan(1, ToolCall("c", "now")), PartDelta(1, "{}"), PartEnded(1), Ended("stop")]
    assert parts([*spoken(["Hm."])[:-1], *call], IMPLICIT) == [Thinking("Hm."), ToolCall("c", "now", "{}")]
    assert parts(spoken(["<think>Hm."]), IMPLICIT) == [Thinking("Hm.")]
    assert parts(spoken([" \n"]), IMPLICIT) == [Text("")]


def engine_thinks(text: str) -> list[Event]:
    return [
        Began(),
        PartBegan(0, Thinking(origin="x")),
        PartDelta(0, "a </think> b"),
        PartDelta(0, signature="s"),
        PartEnded(0),
        PartBegan(1, Text("")),
        PartDelta(1, text),
        PartEnded(1),
        Ended("stop"),
    ]


@pytest.mark.pitfall(42)
def test_thinking_of_the_engine_passes_untouched_and_a_text_behind_it_is_text() -> None:
    assert parts(engine_thinks("Yes"), IMPLICIT) == [Thinking("a </think> b", "s", origin="x"), Text("Yes")]
    assert parts(engine_thinks("</think>\n\nYes"), IMPLICIT)[1:] == [Text("Yes")]


def test_only_the_first_text_begins_as_thinking() -> None:
    second = [PartBegan(1, Text("")), PartDelta(1, "More."), PartEnded(1), Ended("stop")]
    assert parts([*spoken(["hm</think>Yes"])[:-1], *second], IMPLICIT) == [Thinking("hm"), Text("Yes"), Text("More.")]


def test_calls_and_usage_pass_under_dense_numbers() -> None:
    events: list[Event] = [
        *spoken(["<think>hm</think>Yes"])[:-1],
        PartBegan(1, ToolCall("c", "now")),
        PartDelta(1, "{}"),
        PartEnded(1),
        Used(Usage(1)),
        Ended("tool_calls"),
    ]
    assert parts(events, BOTH) == [Thinking("hm"), Text("Yes"), ToolCall("c", "now", "{}")]


def test_hints_go_with_the_text() -> None:
    events = [Began(), PartBegan(0, Text("", {"k": 1})), PartDelta(0, "<think>a</think>b"), PartEnded(0), Ended("stop")]
    assert parts(events, BOTH) == [Thinking("a"), Text("b", {"k": 1})]


def test_nothing_is_lost_when_the_stream_breaks() -> None:
    found = filtered([ThinkTags(BOTH)], [Began(), PartBegan(0, Text("")), PartDelta(0, "<think>a</th"), Broke("gone")])
    assert found == [
        Began(),
        PartBegan(0, Thinking()),
        PartDelta(0, "a"),
        PartDelta(0, "</th"),
        PartEnded(0),
        Broke("gone"),
    ]


def test_an_empty_text_comes_out_empty() -> None:
    empty = [Began("a1", "m"), PartBegan(0, Text("")), PartEnded(0), Ended("stop")]
    assert filtered([ThinkTags(BOTH)], empty) == empty


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (BOTH, "<think>" + "a < b </ c </thin " * 5 + "</think>" + "x <think> y </think> z <" * 5),
        (IMPLICIT, "a < b </thin" * 5),
        (Family("g", (), "<|channel>thought\n", "<channel|>"), "<|channel>thought\na <chan b<channel|>c <channel"),
    ],
)
def test_no_more_than_a_tag_is_held_back(family: Family, text: str) -> None:
    one = ThinkTags(family)
    one.feed(PartBegan(0, Text("")))
    tags = (family.think_open, family.think_close)
    said = 0
    for fed, char in enumerate(text, 1):
        said += sum(len(event.text) for event in one.feed(PartDelta(0, char)) if isinstance(event, PartDelta))
        dropped = sum(len(tag) for tag in tags if text[:fed].find(tag) >= 0)
        assert fed - said - dropped <= max(map(len, tags)) + 1
