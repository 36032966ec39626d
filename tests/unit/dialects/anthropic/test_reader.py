"""Streams and answers of engines that speak this dialect, cut anywhere, amount to the same."""

from typing import Any

import orjson
import pytest

from flock.dialects.anthropic import upstream
from flock.dialects.fold import fold
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Idle,
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
from flock.wire.sse import Frames, split
from tests.unit.dialects.anthropic.reading import STREAMS, WHOLE, evened, events_of, reply_of, stream_of


def frame(**event: Any) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"


def started(**block: Any) -> bytes:
    return frame(type="content_block_start", index=0, content_block=block)


def delta(**delta: Any) -> bytes:
    return frame(type="content_block_delta", index=0, delta=delta)


STOP = frame(type="content_block_stop", index=0)
END = frame(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}) + frame(
    type="message_stop"
)


def frames_of(data: bytes, cut: int = 0) -> tuple[list[bytes], bytes]:
    """Return the frames of a stream that arrives in two pieces, and what never became one."""
    frames = Frames()
    found = split(frames.feed(data[:cut])[0]) + split(frames.feed(data[cut:])[0])
    return found, frames.close()


def evened_reply(reply: Reply) -> Reply:
    reply.parts = [evened(part) for part in reply.parts]
    return reply


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", WHOLE)
def test_a_folded_stream_is_the_answer_in_one_piece(case: str) -> None:
    streamed = evened_reply(fold(events_of(stream_of(case))))
    assert streamed == evened_reply(upstream.read_reply(reply_of(case), {}))


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_cut_at_any_byte_gives_the_same_frames_and_the_same_events(case: str) -> None:
    data = stream_of(case)
    uncut = frames_of(data)
    # the reader sees frames only, so equal frames are equal events; a few cuts go all the way
    assert all(frames_of(data, cut) == uncut for cut in range(1, len(data)))
    whole = events_of(data)
    assert all(events_of(data, cuts=(cut,)) == whole for cut in range(1, len(data), 97))


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_of_single_bytes_gives_the_same_events(case: str) -> None:
    data = stream_of(case)
    assert events_of(data, cuts=tuple(range(1, len(data)))) == events_of(data)


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", WHOLE)
def test_a_stream_that_stops_anywhere_before_its_end_is_no_answer(case: str) -> None:
    data = stream_of(case)
    told = data.index(b"message_delta")
    for end in range(0, told, 29):
        with pytest.raises(UpstreamError):
            fold(events_of(data[:end]))


@pytest.mark.pitfall(71)
def test_an_error_in_mid_stream_breaks_the_answer() -> None:
    assert events_of(stream_of("broken"))[-1] == Broke("Overloaded", "overloaded_error")
    assert not any(isinstance(event, Ended) for event in events_of(stream_of("broken")))
    assert events_of(stream_of("cut"))[-1] == PartDelta(0, '{"city": "Pa')


@pytest.mark.parametrize(
    ("sent", "broke"),
    [
        (b"event: error\ndata: {not json\n\n", Broke("the engine sent an event that is no JSON")),
        (frame(type="error", error="dead"), Broke("dead")),
        (frame(type="error"), Broke("the engine reported an error")),
        (frame(error={"message": "x", "type": 5}), Broke("x")),
    ],
)
def test_what_an_engine_calls_an_error(sent: bytes, broke: Broke) -> None:
    assert events_of(sent) == [broke]


def test_signs_of_life_and_what_is_not_known() -> None:
    assert events_of(b": keep-alive\n\n" + frame(type="ping")) == [Idle(), Idle()]
    assert events_of(frame(type="new_event") + frame(error=None) + b"data: 5\n\n") == []


@pytest.mark.pitfall(3)
def test_a_call_without_arguments_has_an_empty_object() -> None:
    data = started(type="tool_use", id="a", name="now", input={}) + STOP + END
    assert fold(events_of(data)).parts == [ToolCall("a", "now", "{}")]
    empty = started(type="tool_use", id="a", name="now") + delta(type="input_json_delta", partial_json="") + STOP + END
    assert fold(events_of(empty)).parts == [ToolCall("a", "now", "{}")]


@pytest.mark.pitfall(80)
def test_arguments_in_the_start_count_only_when_no_delta_comes() -> None:
    start = started(type="tool_use", id="a", name="f", input={"x": 1})
    assert fold(events_of(start + STOP + END)).parts == [ToolCall("a", "f", '{"x":1}')]
    both = start + delta(type="input_json_delta", partial_json='{"x":1}') + STOP + END
    assert fold(events_of(both)).parts == [ToolCall("a", "f", '{"x":1}')]


@pytest.mark.pitfall(8)
def test_names_lead_back_in_streams_and_answers() -> None:
    names = {"mcp__a_b_1": "mcp__a.b"}
    data = started(type="tool_use", id="a", name="mcp__a_b_1", input={}) + STOP + END
    assert fold(events_of(data, names)).parts == [ToolCall("a", "mcp__a.b", "{}")]
    block = {"type": "tool_use", "id": "a", "name": "mcp__a_b_1", "input": {}}
    assert upstream.read_reply({"content": [block]}, names).parts == [ToolCall("a", "mcp__a.b", "{}")]


@pytest.mark.pitfall(42)
def test_thinking_keeps_its_signature() -> None:
    signed = fold(events_of(stream_of("signed_thinking"))).parts[0]
    sent = reply_of("signed_thinking")["content"][0]
    assert signed == Thinking(sent["thinking"], sent["signature"], origin="anthropic")
    at_start = started(type="thinking", thinking="a", signature="s") + STOP + END
    assert fold(events_of(at_start)).parts == [Thinking("a", "s", origin="anthropic")]


@pytest.mark.pitfall(13)
def test_what_the_vendor_ran_is_told_when_it_is_whole() -> None:
    parts = fold(events_of(stream_of("paused"))).parts
    assert isinstance(parts[1], Opaque)
    assert parts[1].value["input"] == {"query": "weather Paris"}
    broken = started(type="server_tool_use", name="x") + delta(type="input_json_delta", partial_json="{") + STOP + END
    assert fold(events_of(broken)).parts == [
        Opaque("anthropic", "server_tool_use", {"type": "server_tool_use", "name": "x", "input": {}})
    ]


@pytest.mark.pitfall(58)
def test_usage_has_the_cache_inside_and_keeps_what_is_not_told_again() -> None:
    events = events_of(stream_of("cached_usage"))
    used = [event.usage for event in events if isinstance(event, Used)]
    assert used == [Usage(18746, 18230, 6, cache_write=512)]
    began = next(event for event in events if isinstance(event, Began))
    assert began.usage == Usage(18746, 18230, 1, cache_write=512)


@pytest.mark.pitfall(65)
def test_the_explanation_of_a_refusal_is_a_part() -> None:
    reply = fold(events_of(stream_of("refusal")))
    details = reply_of("refusal")["stop_details"]
    assert reply.stop == "refusal"
    assert reply.parts[1] == Refusal(details["explanation"], {"stop_details": details})


@pytest.mark.pitfall(55)
@pytest.mark.parametrize(
    ("told", "stop"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("stop_sequence", "stop_sequence"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("model_context_window_exceeded", "context_window"),
        ("something_new", "stop"),
        (None, "stop"),
        (5, "stop"),
    ],
)
def test_every_reason_has_its_stop(told: Any, stop: str) -> None:
    assert upstream.read_reply({"content": [], "stop_reason": told}, {}).stop == stop
    data = frame(type="message_delta", delta={"stop_reason": told}) + frame(type="message_stop")
    assert events_of(data) == [Ended(stop)]  # type: ignore[arg-type]


@pytest.mark.pitfall(2)
def test_no_reason_at_all_means_what_the_blocks_show() -> None:
    call = started(type="tool_use", id="a", name="f", input={}) + STOP
    assert fold(events_of(call + frame(type="message_stop"))).stop == "tool_calls"


def test_blocks_without_a_start_or_a_stop_are_read() -> None:
    loose = delta(type="text_delta", text="a") + delta(type="text_delta", text="b") + END
    assert fold(events_of(loose)).parts == [Text("ab")]
    thought = delta(type="thinking_delta", thinking="a") + END
    assert fold(events_of(thought)).parts == [Thinking("a", origin="anthropic")]
    same = started(type="text", text="a") + started(type="text", text="b") + END
    assert fold(events_of(same)).parts == [Text("a"), Text("b")]
    assert events_of(delta(type="input_json_delta", partial_json="{")) == []


def test_indexes_are_dense_whatever_the_engine_counts() -> None:
    data = b"".join(
        frame(type="content_block_start", index=i, content_block={"type": "text", "text": str(i)})
        + frame(type="content_block_stop", index=i)
        for i in (3, 7)
    )
    assert events_of(data) == [
        PartBegan(0, Text("")), PartDelta(0, "3"), PartEnded(0),
        PartBegan(1, Text("")), PartDelta(1, "7"), PartEnded(1),
    ]  # fmt: skip


def test_nothing_counts_behind_the_end() -> None:
    events = events_of(END + END + delta(type="text_delta", text="a"))
    assert [type(event) for event in events] == [Used, Ended]


def test_a_message_without_message_stop_ended_when_it_said_why() -> None:
    assert fold(events_of(stream_of("loose"))).stop == "stop"
    open_block = started(type="text", text="a") + frame(type="message_delta", delta={"stop_reason": "end_turn"})
    assert not any(isinstance(event, Ended) for event in events_of(open_block))


@pytest.mark.pitfall(41)
def test_half_a_character_from_an_engine_is_replaced() -> None:
    data = rb'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ud83d"}}' + b"\n\n"
    assert events_of(data)[1] == PartDelta(0, "\ufffd")


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "message_start", "message": 5},
        {"type": "message_start", "message": {"id": 5, "usage": []}},
        {"type": "content_block_start"},
        {"type": "content_block_start", "index": "x", "content_block": {"type": 5}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": [], "input": 5}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": 5}},
        {"type": "content_block_delta", "delta": []},
        {"type": "content_block_stop", "index": 9},
        {"type": "message_delta", "delta": 5, "usage": 5},
        {"type": "message_delta", "delta": {"stop_reason": []}, "usage": {"input_tokens": "x", "output_tokens": -1}},
        {"type": []},
    ],
)
def test_a_wrong_type_never_raises(wrong: dict[str, Any]) -> None:
    events: list[Event] = events_of(frame(**wrong) + started(type="text", text="") + frame(**wrong) + END)
    assert isinstance(events[-1], Ended)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "error", "error": {"type": "x", "message": "no"}}, "the engine failed: no"),
        ({"error": "dead"}, "the engine failed: dead"),
        ({"type": "error"}, "it reported an error"),
        ({}, "has no content"),
        ({"content": "x"}, "has no content"),
        ({"content": [{"type": "text"}]}, "content.0.text"),
        ({"content": [5]}, "content.0"),
    ],
)
def test_what_is_no_answer_is_the_engines_fault(body: dict[str, Any], words: str) -> None:
    with pytest.raises(UpstreamError, match=words):
        upstream.read_reply(body, {})
