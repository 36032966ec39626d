"""The filter for tool calls in text: events, ids, ends, and what the engine delivered itself."""

import json
from collections.abc import Sequence

import pytest

from flock.dialects.filters.tool_rescue import ToolRescue
from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Idle,
    PartBegan,
    PartDelta,
    PartEnded,
    Reply,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
    Used,
)
from flock.profile import NO_FAMILY, Family
from tests.unit.dialects.filters.replaying import filtered, reply, spoken

HERMES = Family("h", (), tool_formats=("hermes",))
TOOLS = [
    Tool("get_weather", schema={"type": "object", "properties": {"city": {"type": "string"}}}),
    Tool("now"),
    Tool("find_me", deferred=True),
    Tool("web_search", kind="hosted"),
    Tool("apply_patch", kind="custom"),
]
PARIS = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>'
NOW = '<tool_call>{"name": "now"}</tool_call>'


def rescue(events: Sequence[Event], family: Family = HERMES) -> list[Event]:
    return filtered([ToolRescue(TOOLS, family)], events)


def of(text: str) -> Reply:
    return reply(lambda: [ToolRescue(TOOLS, HERMES)], [text])


def calls(events: Sequence[Event]) -> list[tuple[str, str]]:
    parts = fold([*events, Ended("stop")]).parts
    return [(part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]


def engine_call(index: int, name: str, arguments: str) -> list[Event]:
    pieces = [arguments[:3], arguments[3:]]
    deltas: list[Event] = [PartDelta(index, piece) for piece in pieces if piece]
    return [PartBegan(index, ToolCall("engine_1", name)), *deltas, PartEnded(index)]


@pytest.mark.pitfall(80)
@pytest.mark.pitfall(69)
def test_the_events_of_a_call() -> None:
    events = rescue(spoken(["Look. ", PARIS]))
    call = events[4]
    assert isinstance(call, PartBegan)
    assert isinstance(call.part, ToolCall)
    assert call.part.id.startswith("call_")
    assert events == [
        Began("a1", "m"),
        PartBegan(0, Text("")),
        PartDelta(0, "Look. "),
        PartEnded(0),
        PartBegan(1, ToolCall(call.part.id, "get_weather")),
        PartDelta(1, '{"city": "Paris"}'),
        PartEnded(1),
        Ended("tool_calls"),
    ]


@pytest.mark.pitfall(3)
def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert [part.arguments for part in of(NOW).parts if isinstance(part, ToolCall)] == ["{}"]


@pytest.mark.pitfall(15)
def test_tools_that_are_deferred_count_as_offered_and_those_of_the_vendor_do_not() -> None:
    assert of('<tool_call>{"name": "find_me"}</tool_call>').stop == "tool_calls"
    assert of('<tool_call>{"name": "web_search"}</tool_call>').stop == "stop"


def test_a_custom_tool_is_called_with_an_object() -> None:
    found = of('<tool_call>{"name": "apply_patch", "arguments": {"input": "*** Begin"}}</tool_call>').parts[0]
    assert isinstance(found, ToolCall)
    assert json.loads(found.arguments) == {"input": "*** Begin"}


@pytest.mark.pitfall(8)
def test_names_on_the_wire_become_those_of_the_request() -> None:
    tools = [Tool("server.with.dots__read", schema={"properties": {"n": {"type": "integer"}}})]
    family = Family("q", (), tool_formats=("qwen_xml",))
    text = "<function=server_read>\n<parameter=n>\n7\n</parameter>\n</function>"
    found = reply(lambda: [ToolRescue(tools, family, {"server_read": "server.with.dots__read"})], [text])
    assert [(part.name, part.arguments) for part in found.parts if isinstance(part, ToolCall)] == [
        ("server.with.dots__read", '{"n": 7}')
    ]
    assert reply(lambda: [ToolRescue(tools, family, {"server_read": "server.with.dots__read"})], ["x"]).stop == "stop"


def test_ids_are_the_same_for_the_same_stream_and_others_in_another_answer() -> None:
    def ids(answer: str, text: str) -> list[str]:
        events = filtered([ToolRescue(TOOLS, HERMES)], [Began(answer), *spoken([text])[1:]])
        return [e.part.id for e in events if isinstance(e, PartBegan) and isinstance(e.part, ToolCall)]

    twice = ids("a", NOW + "\n" + NOW)
    assert len(set(twice)) == 2
    assert ids("a", NOW + "\n" + NOW) == twice
    assert ids("b", NOW)[0] != ids("a", NOW)[0]
    assert all(len(each) == 29 for each in twice)


@pytest.mark.pitfall(2)
@pytest.mark.pitfall(21)
@pytest.mark.parametrize(
    ("stop", "text", "becomes"),
    [
        ("stop", NOW, "tool_calls"),
        ("stop", "hm", "stop"),
        ("length", NOW, "length"),
        ("tool_calls", NOW, "tool_calls"),
        ("content_filter", NOW, "content_filter"),
    ],
)
def test_why_the_answer_ended(stop: str, text: str, becomes: str) -> None:
    events = [*spoken([text])[:-1], Ended(stop)]  # type: ignore[arg-type]
    assert rescue(events)[-1] == Ended(becomes)  # type: ignore[arg-type]


@pytest.mark.pitfall(2)
def test_an_engine_that_calls_and_says_stop() -> None:
    assert rescue([Began(), *engine_call(0, "now", "{}"), Ended("stop")])[-1] == Ended("tool_calls")


def test_a_call_that_the_engine_delivered_too_comes_once() -> None:
    text = spoken([PARIS])[1:-1]
    moved = [PartBegan(1, Text("")), PartDelta(1, PARIS), PartEnded(1)]
    same = '{ "city":"Paris" }'
    before = rescue([Began(), *engine_call(0, "get_weather", same), *moved])
    assert calls(before) == [("get_weather", same)]
    behind = rescue([Began(), *text, *engine_call(1, "get_weather", same)])
    assert calls(behind) == [("get_weather", '{"city": "Paris"}')]


def test_other_calls_of_the_engine_stay() -> None:
    text = spoken([PARIS])[1:-1]
    other = rescue([Began(), *text, *engine_call(1, "get_weather", '{"city": "Rome"}'), *engine_call(2, "now", "{}")])
    assert [name for name, _ in calls(other)] == ["get_weather", "get_weather", "now"]
    twice = rescue(
        [
            Began(),
            *text,
            *engine_call(1, "get_weather", '{"city": "Paris"}') * 1,
            *engine_call(2, "get_weather", '{"city": "Paris"}'),
        ]
    )
    assert len(calls(twice)) == 2


def test_a_call_of_the_engine_that_never_ends_is_not_lost() -> None:
    text = spoken([PARIS])[1:-1]
    events = [Began(), *text, *engine_call(1, "get_weather", '{"city": "Ro'), Ended("length")]
    del events[-2]
    found = [out for each in [ToolRescue(TOOLS, HERMES)] for event in events for out in each.feed(event)]
    assert PartDelta(1, '{"c') in found


@pytest.mark.pitfall(1)
def test_parallel_parts_of_the_engine_keep_their_order_under_dense_numbers() -> None:
    events: list[Event] = [
        Began(),
        PartBegan(0, Text("")),
        PartBegan(1, ToolCall("a", "now")),
        PartDelta(0, "words"),
        PartBegan(2, ToolCall("b", "get_weather")),
        PartDelta(2, '{"city":'),
        PartDelta(1, "{}"),
        PartDelta(2, '"Bern"}'),
        PartEnded(2),
        PartEnded(1),
        PartEnded(0),
        Ended("tool_calls"),
    ]
    found = fold(rescue(events)).parts
    assert found == [ToolCall("a", "now", "{}"), Text("words"), ToolCall("b", "get_weather", '{"city":"Bern"}')]


def test_everything_else_passes_untouched() -> None:
    events: list[Event] = [
        Began("x", "m", Usage(3)),
        Idle(),
        PartBegan(0, Thinking(origin="anthropic")),
        PartDelta(0, PARIS),
        PartDelta(0, signature="sig"),
        PartEnded(0),
        Used(Usage(3, output=5)),
        Ended("stop_sequence", "END"),
    ]
    assert rescue(events) == events


def test_thinking_is_not_searched() -> None:
    assert (
        fold(rescue([Began(), PartBegan(0, Thinking()), PartDelta(0, NOW), PartEnded(0), Ended("stop")])).stop == "stop"
    )


def test_hints_go_with_the_first_text_of_a_part() -> None:
    meta = {"cache_control": {"type": "ephemeral"}}
    events = [Began(), PartBegan(0, Text("", meta)), PartDelta(0, f"a\n{NOW}\nb"), PartEnded(0), Ended("stop")]
    parts = fold(rescue(events)).parts
    assert parts[0] == Text("a\n", meta)
    assert parts[2] == Text("b")


def test_nothing_is_lost_when_the_stream_breaks_or_leaves_out_the_end_of_a_part() -> None:
    broken = rescue([Began(), PartBegan(0, Text("")), PartDelta(0, "a <tool"), Broke("gone")])
    assert broken[-2:] == [PartEnded(0), Broke("gone")]
    assert "".join(e.text for e in broken if isinstance(e, PartDelta)) == "a <tool"
    assert rescue([Began(), PartBegan(0, Text("")), PartDelta(0, NOW), Ended("stop")])[-1] == Ended("tool_calls")


def test_an_empty_text_comes_out_empty() -> None:
    empty = [Began("a1", "m"), PartBegan(0, Text("")), PartEnded(0), Ended("stop")]
    assert rescue(empty) == empty


@pytest.mark.parametrize("family", [NO_FAMILY, Family("x", ("x",))])
def test_a_family_that_writes_no_calls_is_left_alone(family: Family) -> None:
    assert rescue(spoken([PARIS, " ", NOW]), family) == spoken([PARIS, " ", NOW])


def test_without_tools_nothing_is_searched() -> None:
    assert filtered([ToolRescue([], HERMES)], spoken([PARIS])) == spoken([PARIS])


def test_a_whole_answer_is_filtered_as_a_replayed_stream() -> None:
    whole = Reply("a1", "m", [Text(f"Look.\n{PARIS}")], "stop", usage=Usage(1, output=2))
    found = fold(rescue(replay(whole)))
    assert [type(part) for part in found.parts] == [Text, ToolCall]
    assert found.usage == whole.usage
