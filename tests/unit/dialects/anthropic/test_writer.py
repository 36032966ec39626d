"""What a client is sent follows the grammar whatever happens upstream, and the official SDK understands it."""

import json

import anthropic
import pytest

from flock.dialects.anthropic import server
from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Opaque,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Request,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Usage,
    Used,
)
from flock.errors import UpstreamError
from tests.grammar.anthropic import message_of, read
from tests.unit.dialects.anthropic.reading import STREAMS, TO, events_of, sdk, sdk_stream, stream_of, written
from tests.unit.dialects.anthropic.saying import REQUEST, said


@pytest.mark.pitfall(79)
def test_the_model_is_the_one_the_client_asked_for() -> None:
    message = said(Text("x"))
    assert (message["model"], message["id"]) == (TO.model, "msg_01abc")


@pytest.mark.pitfall(69)
def test_a_plain_answer_is_these_frames() -> None:
    events: list[Event] = [
        Began("up", "x", Usage(5)),
        PartBegan(0, Text("")),
        PartDelta(0, "Hi"),
        PartDelta(0, " you"),
        PartEnded(0),
        Used(Usage(5, 0, 2)),
        Ended("stop"),
    ]
    kinds = [frame.split(b"\n")[0][7:].decode() for frame in written(events).split(b"\n\n")[:-1]]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.pitfall(1)
def test_parallel_calls_that_interleave_come_one_after_the_other() -> None:
    events: list[Event] = [
        Began(),
        PartBegan(0, Text("")),
        PartBegan(1, ToolCall("a", "f")),
        PartDelta(1, '{"x":'),
        PartDelta(0, "so: "),
        PartBegan(2, ToolCall("b", "g")),
        PartDelta(2, '{"y":'),
        PartEnded(0),
        PartDelta(1, "1}"),
        PartDelta(2, "2}"),
        PartEnded(2),
        PartEnded(1),
        Ended("tool_calls"),
    ]
    assert message_of(written(events))["content"] == [
        {"type": "text", "text": "so: "},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {"y": 2}},
    ]


@pytest.mark.pitfall(2)
@pytest.mark.parametrize(
    ("stop", "told"),
    [("stop", "tool_use"), ("stop_sequence", "tool_use"), ("length", "max_tokens"), ("refusal", "refusal")],
)
def test_an_answer_with_a_call_is_a_tool_use_unless_it_was_cut(stop: Stop, told: str) -> None:
    assert said(ToolCall("a", "f", "{}"), stop=stop)["stop_reason"] == told


@pytest.mark.pitfall(2)
def test_an_answer_without_a_call_is_no_tool_use() -> None:
    assert said(Text("x"), stop="tool_calls")["stop_reason"] == "end_turn"


@pytest.mark.pitfall(3)
def test_a_call_without_arguments_has_an_empty_input() -> None:
    assert said(ToolCall("a", "f"))["content"][0]["input"] == {}


@pytest.mark.pitfall(80)
def test_arguments_are_told_once_and_in_deltas() -> None:
    stream = written(replay(Reply("", "", [ToolCall("a", "f", '{"x": 1}')], "stop")))
    assert b'"input":{}' in stream
    assert stream.count(b"input_json_delta") == 1
    assert message_of(stream)["content"][0]["input"] == {"x": 1}


def test_a_call_without_an_id_gets_one() -> None:
    ids = [block["id"] for block in said(ToolCall("", "f"), ToolCall("", "f"))["content"]]
    assert len(set(ids)) == 2
    assert all(ids)


@pytest.mark.pitfall(14)
def test_the_raw_input_of_a_custom_tool_becomes_an_object() -> None:
    request = Request("anthropic", "m", [], tools=[Tool("patch", kind="custom")])
    reply = Reply("", "", [ToolCall("a", "patch", "*** Begin\n")], "stop", usage=Usage())
    message = message_of(written(replay(reply), request))
    assert message["content"][0]["input"] == {"input": "*** Begin\n"}
    assert json.loads(server.write_reply(reply, request, TO)) == message


@pytest.mark.pitfall(42)
@pytest.mark.pitfall(45)
def test_a_signature_comes_once_and_whole_behind_the_thinking() -> None:
    events: list[Event] = [
        PartBegan(0, Thinking(origin="anthropic")),
        PartDelta(0, "a", signature="si"),
        PartDelta(0, "b"),
        PartDelta(0, signature="g=="),
        PartEnded(0),
        Ended("stop"),
    ]
    stream = written(events)
    assert message_of(stream)["content"] == [{"type": "thinking", "thinking": "ab", "signature": "sig=="}]
    assert sdk_stream(stream)["content"][0]["signature"] == "sig=="
    only = said(Thinking("", "sig", origin="anthropic"), ToolCall("a", "f"))["content"]
    assert only[0] == {"type": "thinking", "thinking": "", "signature": "sig"}


@pytest.mark.pitfall(46)
def test_a_signature_of_another_dialect_is_never_passed_off() -> None:
    foreign = said(Thinking("t", "enc", origin="responses"), Thinking(redacted="r", origin="responses"), Thinking("u"))
    assert foreign["content"] == [
        {"type": "thinking", "thinking": "t", "signature": ""},
        {"type": "thinking", "thinking": "u", "signature": ""},
    ]


@pytest.mark.pitfall(43)
def test_redacted_thinking_is_passed_on() -> None:
    assert said(Thinking(redacted="r", origin="anthropic"))["content"] == [{"type": "redacted_thinking", "data": "r"}]


@pytest.mark.pitfall(69)
def test_what_says_nothing_makes_no_block() -> None:
    silent = [Text(""), Thinking(), Refusal(""), Opaque("responses", "web_search_call", {"id": "w"})]
    assert said(*silent, Text("x"))["content"] == [{"type": "text", "text": "x"}]
    assert said()["content"] == []


@pytest.mark.pitfall(65)
def test_a_refusal_is_told_by_its_stop() -> None:
    message = said(Refusal("I will not."))
    assert (message["stop_reason"], message["content"]) == ("refusal", [{"type": "text", "text": "I will not."}])
    details = {"type": "refusal", "category": None, "explanation": "why"}
    told = said(Text("x"), Refusal("why", {"stop_details": details}), stop="refusal")
    assert told["content"] == [{"type": "text", "text": "x"}]
    assert told["stop_details"] == details


@pytest.mark.pitfall(55)
@pytest.mark.parametrize(
    ("stop", "sequence", "told"),
    [
        ("stop", "", ("end_turn", None)),
        ("stop", "</a>", ("stop_sequence", "</a>")),
        ("stop_sequence", "</a>", ("stop_sequence", "</a>")),
        ("length", "", ("max_tokens", None)),
        ("content_filter", "", ("refusal", None)),
        ("refusal", "", ("refusal", None)),
        ("pause", "", ("pause_turn", None)),
        ("context_window", "", ("model_context_window_exceeded", None)),
    ],
)
def test_every_stop_has_its_reason(stop: Stop, sequence: str, told: tuple[str, str | None]) -> None:
    message = said(Text("x"), stop=stop, sequence=sequence)
    assert (message["stop_reason"], message["stop_sequence"]) == told


@pytest.mark.pitfall(57)
def test_usage_begins_with_an_estimate_and_ends_with_the_truth() -> None:
    events: list[Event] = [Began(), PartBegan(0, Text("")), PartDelta(0, "x"), PartEnded(0), Ended("stop")]
    frames = written([*events, Used(Usage(100, 30, 5))]).split(b"\n\n")
    assert json.loads(frames[0].split(b"data: ")[1])["message"]["usage"]["input_tokens"] == 77
    assert json.loads(frames[-3].split(b"data: ")[1])["usage"] == {
        "input_tokens": 70,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 30,
        "output_tokens": 5,
    }
    untold = message_of(written(events))["usage"]
    assert (untold["input_tokens"], untold["output_tokens"]) == (77, 1)


@pytest.mark.pitfall(58)
@pytest.mark.pitfall(59)
def test_the_prompt_leaves_out_what_the_cache_read_and_wrote() -> None:
    assert said(usage=Usage(100, 60, 9, cache_write=30, reasoning=4))["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    wrong = said(usage=Usage(10, 60, 2, cache_write=30, reasoning=4))["usage"]
    assert wrong["input_tokens"] == wrong["cache_creation_input_tokens"] == 0


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
def test_an_answer_that_broke_gets_no_end() -> None:
    writer = server.writer(REQUEST, TO)
    begun = [Began(), PartBegan(0, Text("")), PartDelta(0, "It was")]
    out = b"".join(writer.write(event) for event in begun) + writer.write(Broke("dead"))
    out += writer.fault(UpstreamError("the engine failed"))
    assert writer.write(PartDelta(0, "more")) + writer.write(Ended("stop")) + writer.close() == b""
    grammar = read(out)
    assert grammar.error == {"type": "api_error", "message": "the engine failed"}
    assert not grammar.stopped
    client = sdk(out, kind="text/event-stream")
    with (
        client,
        pytest.raises(anthropic.APIStatusError, match="the engine failed"),
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream,
    ):
        stream.until_done()


@pytest.mark.pitfall(76)
def test_the_end_of_the_bytes_is_not_the_end_of_the_answer() -> None:
    writer = server.writer(REQUEST, TO)
    assert writer.write(Began())
    assert writer.write(PartBegan(0, Text(""))) + writer.write(PartDelta(0, "x"))
    assert writer.close() == b""


def test_nothing_follows_the_end() -> None:
    writer = server.writer(REQUEST, TO)
    assert writer.write(Ended("stop"))
    assert writer.close()
    assert writer.close() + writer.fault(UpstreamError("late")) + writer.write(Began()) == b""


def test_a_fault_may_be_all_a_client_hears() -> None:
    assert read(server.writer(REQUEST, TO).fault(UpstreamError("x"))).error
    assert read(server.stream_fault(UpstreamError("x"))).error


@pytest.mark.pitfall(73)
def test_the_keepalive_is_a_ping() -> None:
    stream = written(replay(Reply("", "", [Text("x")], "stop")))
    assert message_of(server.KEEPALIVE + stream) == message_of(stream)
    assert sdk_stream(server.KEEPALIVE + stream)["content"]


@pytest.mark.pitfall(41)
def test_half_a_character_becomes_a_whole_one() -> None:
    cut = "a\ud83d"
    parts = [
        Text(cut),
        Thinking("t", cut, origin="anthropic"),
        ToolCall(cut, cut),
        Opaque("anthropic", "container_upload", {"type": "container_upload", "file_id": cut}),
    ]
    assert said(*parts, usage=Usage())["content"][0]["text"] == "a\ufffd"


@pytest.mark.pitfall(13)
def test_the_vendors_blocks_are_passed_on_with_their_input_as_a_delta() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    assert said(Opaque("anthropic", use["type"], use), Opaque("anthropic", found["type"], found))["content"] == [
        use,
        found,
    ]


@pytest.mark.parametrize("case", STREAMS)
def test_every_recorded_stream_is_written_by_the_grammar(case: str) -> None:
    events = events_of(stream_of(case))
    writer = server.writer(REQUEST, TO)
    out = b"".join(writer.write(event) for event in events)
    if case in ("broken", "cut"):
        assert writer.close() == b""
        assert not read(out).stopped
        return
    out += writer.close()
    message = message_of(out)
    assert sdk_stream(out)["content"] == message["content"]
    assert fold(events_of(out)).parts == fold(events).parts
