"""Custom tools as functions: what goes there comes back the same, at any cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.custom_tools import SCHEMA, CustomCalls, Unwrap, as_function, is_custom, wrap
from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Ended,
    Event,
    PartBegan,
    PartDelta,
    PartEnded,
    Reply,
    Request,
    Text,
    Tool,
    ToolCall,
)

PATCH = Tool("apply_patch", "Edits files.", kind="custom", own_name="apply_patch")
REQUEST = Request("responses", "m", [], tools=[PATCH, Tool("ping")])


def unwrapped(text: str, *cuts: int) -> str:
    """Return what comes of arguments that arrive in these pieces."""
    unwrap, at, out = Unwrap(), 0, ""
    for cut in [*sorted(cuts), len(text)]:
        out += unwrap.feed(text[at:cut])
        at = max(at, cut)
    return out + unwrap.close()


@pytest.mark.pitfall(14)
@given(st.text(), st.booleans(), st.lists(st.integers(0, 80), max_size=12))
def test_what_is_wrapped_is_unwrapped_at_any_cut(text: str, ascii_only: bool, cuts: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only, indent=2)
    assert unwrapped(arguments, *[cut for cut in cuts if cut <= len(arguments)]) == text
    assert unwrapped(wrap(text)) == text


@pytest.mark.parametrize("text", ['*** "a"\\\n\t😀é\x01', "", "{}", '{"input": "x"}'])
def test_every_single_cut(text: str) -> None:
    for arguments in (json.dumps({"input": text}), wrap(text)):
        for at in range(len(arguments) + 1):
            assert unwrapped(arguments, at) == text
        assert unwrapped(arguments, *range(len(arguments))) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "*** Begin Patch", "{}", '{"inp', '{"inputs": "x"}', '{"patch": "x"}', '["x"]', '"x"', '{"input": 5}'),
        *('{"input": null}', "{ not json", '{"a": 1, "input": "x"}', "  "),
    ],
)
def test_other_shapes_pass_as_they_are(text: str) -> None:
    for at in range(len(text) + 1):
        assert unwrapped(text, at) == text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input": "a", "reason": "b"}', "a"),
        (' { "input" : "a" } ', "a"),
        ('{"input": "cut of', "cut of"),
        ('{"input": "cut\\', "cut"),
        ('{"input": "\\ud83d"}', "\ufffd"),
        ('{"input": "\\ud83dx\\ude00"}', "\ufffdx\ufffd"),
        ('{"input": "\\ud83d\\ud83d\\ude00"}', "\ufffd😀"),
        ('{"input": "\\ud83d', "\ufffd"),
        ('{"input": "\\q \\u12x4"}', "\\q \\u12x4"),
        ('{"input": "line\nbreak"}', "line\nbreak"),
    ],
)
def test_models_write_json_badly(arguments: str, expected: str) -> None:
    assert unwrapped(arguments) == expected
    assert unwrapped(arguments, *range(len(arguments))) == expected


@given(st.text(st.sampled_from('{}"inputu\\ :d83e\n'), max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_any_text_gives_the_same_at_any_cut(text: str, cuts: list[int]) -> None:
    assert unwrapped(text, *[cut for cut in cuts if cut <= len(text)]) == unwrapped(text)


def filtered(events: list[Event]) -> list[Event]:
    """Return what the filter makes of events."""
    calls = CustomCalls(REQUEST)
    return [out for event in events for out in calls.feed(event)]


@pytest.mark.pitfall(14)
@pytest.mark.pitfall(80)
def test_calls_of_custom_tools_get_their_raw_input() -> None:
    reply = Reply(
        "r", "m", [Text("t"), ToolCall("a", "apply_patch", wrap("*** x")), ToolCall("b", "ping", wrap("y"))], "stop"
    )
    assert fold(filtered(replay(reply))).parts == [
        Text("t"),
        ToolCall("a", "apply_patch", "*** x"),
        ToolCall("b", "ping", wrap("y")),
    ]


@pytest.mark.pitfall(1)
def test_overlapping_calls_are_told_apart() -> None:
    found = filtered(
        [
            PartBegan(0, ToolCall("a", "apply_patch")),
            PartBegan(1, ToolCall("b", "apply_patch")),
            PartDelta(0, '{"input": "\\ud83d'),
            PartDelta(1, "raw "),
            PartDelta(0, '\\ude00"}'),
            PartDelta(1, "words"),
            PartEnded(1),
            PartEnded(0),
            Ended("tool_calls"),
        ]
    )
    said = {index: "".join(e.text for e in found if isinstance(e, PartDelta) and e.index == index) for index in (0, 1)}
    assert said == {0: "😀", 1: "raw words"}
    assert all(e.text for e in found if isinstance(e, PartDelta))


def test_what_is_held_back_comes_before_the_end() -> None:
    begun = [PartBegan(0, ToolCall("a", "apply_patch")), PartDelta(0, '{"inp')]
    assert filtered([*begun, PartEnded(0)])[1:] == [PartDelta(0, '{"inp'), PartEnded(0)]
    assert filtered([*begun, Ended("stop")])[1:] == [PartDelta(0, '{"inp'), Ended("stop")]


def test_an_engine_that_knows_custom_tools_is_left_alone() -> None:
    events: list[Event] = [
        PartBegan(0, ToolCall("a", "apply_patch", meta={"_custom": True})),
        PartDelta(0, '{"input": "x"}'),
        PartEnded(0),
    ]
    assert filtered(events) == events


def test_calls_of_the_history_are_told_apart() -> None:
    assert is_custom(REQUEST, ToolCall("a", "apply_patch"))
    assert not is_custom(REQUEST, ToolCall("a", "ping"))
    assert is_custom(REQUEST, ToolCall("a", "gone", meta={"_custom": True}))
    assert not is_custom(REQUEST, ToolCall("a", "gone"))


def test_the_function_that_stands_for_a_tool_tells_its_grammar() -> None:
    flat = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    nested = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "x+"}}
    told = [as_function(Tool("t", "Does.", kind="custom", grammar=grammar)) for grammar in (flat, nested, None)]
    assert all((tool.kind, tool.schema) == ("function", SCHEMA) for tool in told)
    assert "lark" in told[0].description
    assert "start: x" in told[0].description
    assert "x+" in told[1].description
    assert told[2].description == "Does."
