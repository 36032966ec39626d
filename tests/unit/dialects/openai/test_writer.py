"""Answers written for clients: the grammar of chunks, the official SDK's own accumulator, whole bodies."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from flock.dialects.fold import fold, replay
from flock.dialects.half import Addressing
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Idle,
    Message,
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
from flock.dialects.openai import server, upstream
from flock.errors import UpstreamError
from tests.grammar.openai import Said, check, frames_of
from tests.unit.dialects.openai.corpus import STREAMS, events, stream

TO = Addressing("req_7", "alias", 1764000000)


def asked(**fields: Any) -> Request:
    return Request("openai", "alias", [Message("user", [Text("hi")])], stream=True, **fields)


def written(found: Iterable[Event], request: Request | None = None) -> bytes:
    writer = server.writer(request or asked(), TO)
    return b"".join([*(writer.write(event) for event in found), writer.close()])


def reply(*parts: Any, stop: Stop = "stop", usage: Usage | None = None) -> Reply:
    return Reply("upstream-id", "upstream-model", list(parts), stop, usage=usage)


def said(answer: Reply, request: Request | None = None) -> Said:
    request = request or asked()
    return check(written(replay(answer), request), wants_usage=request.wants_usage)


def by_sdk(data: bytes) -> Any:
    """Return what the official SDK makes of a stream."""
    state = ChatCompletionStreamState()
    for frame in frames_of(data):
        if frame != "[DONE]":
            state.handle_chunk(ChatCompletionChunk.model_validate_json(frame))
    return state.current_completion_snapshot


WHOLE = reply(
    Thinking("hm"),
    Text("It is "),
    Text("sunny."),
    ToolCall("call_1", "get_weather", '{"city":"Paris"}'),
    ToolCall("call_2", "now", ""),
    stop="tool_calls",
    usage=Usage(input=100, cached=60, output=20, reasoning=5),
)


def test_an_answer_is_told_in_chunks() -> None:
    found = said(WHOLE, asked(wants_usage=True))
    assert (found.content, found.reasoning, found.finish) == ("It is sunny.", "hm", "tool_calls")
    assert [(c.id, c.name, c.arguments) for c in found.calls.values()] == [
        ("call_1", "get_weather", '{"city":"Paris"}'),
        ("call_2", "now", "{}"),
    ]
    assert found.usage == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }


def test_the_official_sdk_accumulates_it() -> None:
    completion = by_sdk(written(replay(WHOLE), asked(wants_usage=True)))
    choice = completion.choices[0]
    assert choice.message.content == "It is sunny."
    assert choice.finish_reason == "tool_calls"
    assert [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls] == [
        ("call_1", "get_weather", '{"city":"Paris"}'),
        ("call_2", "now", "{}"),
    ]
    assert completion.usage.prompt_tokens_details.cached_tokens == 60
    assert completion.model == "alias"
    refused = by_sdk(written(replay(reply(Refusal("no"), stop="refusal"))))
    assert (refused.choices[0].message.refusal, refused.choices[0].finish_reason) == ("no", "stop")


def test_the_official_sdk_reads_a_whole_answer() -> None:
    completion = ChatCompletion.model_validate_json(server.write_reply(WHOLE, asked(), TO))
    message = completion.choices[0].message
    assert (completion.id, completion.model, completion.created) == ("chatcmpl-req_7", "alias", 1764000000)
    assert message.content == "It is sunny."
    assert message.tool_calls is not None
    assert [c.function.arguments for c in message.tool_calls if c.type == "function"] == ['{"city":"Paris"}', "{}"]
    assert completion.usage is not None
    assert completion.usage.total_tokens == 120


_PARTS = st.one_of(
    st.builds(Text, st.text(min_size=1)),
    st.builds(Thinking, st.text(min_size=1)),
    st.builds(Refusal, st.text(min_size=1)),
    st.builds(ToolCall, st.uuids().map(str), st.text(min_size=1), st.sampled_from(["", "{}", '{"a":[1,"\\n"]}'])),
    st.just(Opaque("anthropic", "server_tool_use", {})),
)
_STOPS = st.sampled_from(
    ["stop", "length", "tool_calls", "stop_sequence", "content_filter", "refusal", "pause", "context_window"]
)


@given(st.lists(_PARTS, max_size=5), _STOPS, st.booleans(), st.booleans())
def test_every_answer_keeps_the_grammar(parts: list[Any], stop: Stop, usage: bool, told: bool) -> None:
    answer = reply(*parts, stop=stop, usage=Usage(input=3, output=2) if told else None)
    data = written(replay(answer), asked(wants_usage=usage))
    found = check(data, wants_usage=usage)
    assert found.content == "".join(part.text for part in parts if isinstance(part, Text))
    assert len(found.calls) == sum(isinstance(part, ToolCall) for part in parts)
    assert (found.usage is not None) == (usage and told)
    completion = by_sdk(data)
    whole = json.loads(server.write_reply(answer, asked(), TO))["choices"][0]
    assert completion.choices[0].finish_reason == whole["finish_reason"] == found.finish
    assert (completion.choices[0].message.content or "") == (whole["message"]["content"] or "")
    ChatCompletion.model_validate(json.loads(server.write_reply(answer, asked(), TO)))


@pytest.mark.pitfall(80)
@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_of_an_engine_is_told_in_the_grammar(name: str) -> None:
    found = events([stream(name)])
    if not any(isinstance(event, Ended) for event in found):
        writer = server.writer(asked(), TO)
        data = b"".join(writer.write(event) for event in found)
        assert writer.close() == b""
        end = check(data + writer.fault(UpstreamError("the engine broke off")), broken=True)
        assert end.error is not None
        assert end.error["request_id"] == "req_7"
        return
    check(written(found))
    by_sdk(written(found))


@pytest.mark.pitfall(1)
def test_overlapping_calls_keep_their_numbers() -> None:
    found = check(written(events([stream("openai-parallel")])))
    assert [(c.name, c.arguments) for c in found.calls.values()] == [
        ("get_weather", '{"city":"Paris"}'),
        ("get_time", '{"zone":"CET"}'),
    ]


@pytest.mark.pitfall(3)
def test_a_call_without_arguments_says_an_empty_object_once() -> None:
    begun = [Began(), PartBegan(0, ToolCall("a", "f")), PartBegan(1, ToolCall("b", "g"))]
    for end in ([PartEnded(0), PartEnded(1)], [PartEnded(0)], []):
        found = check(written([*begun, *end, Ended("tool_calls")]))
        assert [call.arguments for call in found.calls.values()] == ["{}", "{}"]


@pytest.mark.pitfall(2)
def test_the_finish_follows_what_was_said() -> None:
    call = ToolCall("a", "f", "{}")
    table: list[tuple[Sequence[Any], Stop, str]] = [
        ([call], "stop", "tool_calls"),
        ([call], "stop_sequence", "tool_calls"),
        ([call], "length", "length"),
        ([call], "content_filter", "content_filter"),
        ([Text("x")], "tool_calls", "stop"),
        ([Text("x")], "stop_sequence", "stop"),
        ([Text("x")], "context_window", "length"),
        ([Text("x")], "pause", "length"),
        ([Text("x")], "refusal", "content_filter"),
        ([Refusal("x")], "refusal", "stop"),
    ]
    for parts, stop, finish in table:
        assert said(reply(*parts, stop=stop)).finish == finish
        body = json.loads(server.write_reply(reply(*parts, stop=stop), asked(), TO))
        assert body["choices"][0]["finish_reason"] == finish


@pytest.mark.pitfall(56)
def test_usage_comes_only_when_asked_for_and_known() -> None:
    assert said(reply(Text("x"), usage=Usage(input=1)), asked(wants_usage=False)).usage is None
    assert said(reply(Text("x")), asked(wants_usage=True)).usage is None
    late = [Began(), PartBegan(0, Text("")), PartDelta(0, "x"), PartEnded(0), Ended("stop"), Used(Usage(output=9))]
    usage = check(written(late, asked(wants_usage=True)), wants_usage=True).usage
    assert usage is not None
    assert usage["completion_tokens"] == 9


@pytest.mark.pitfall(71)
def test_a_failure_has_no_done_and_no_finish() -> None:
    writer = server.writer(asked(), TO)
    data = writer.write(Began()) + writer.write(PartBegan(0, Text("")))
    data += writer.write(PartDelta(0, "Hel")) + writer.write(Broke("died")) + writer.close()
    found = check(data + writer.fault(UpstreamError("the engine died", hint="send it again")), broken=True)
    assert found.finish == ""
    assert found.error is not None
    assert found.error["message"] == "the engine died"
    assert found.error["type"] == "server_error"


@pytest.mark.pitfall(73)
def test_nothing_is_written_for_signs_of_life() -> None:
    writer = server.writer(asked(), TO)
    assert writer.write(Idle()) == b""
    assert server.KEEPALIVE.startswith(b": ")
    assert server.KEEPALIVE.endswith(b"\n\n")


@pytest.mark.pitfall(79)
def test_the_model_is_the_one_the_client_asked_for() -> None:
    data = written(events([stream("llamacpp-plain")]))
    assert {json.loads(frame)["model"] for frame in frames_of(data)[:-1]} == {"alias"}


@pytest.mark.pitfall(41)
def test_half_a_character_does_not_end_the_stream() -> None:
    found = check(written([Began(), PartBegan(0, Text("")), PartDelta(0, "a\ud83d"), PartEnded(0), Ended("stop")]))
    assert found.content == "a�"
    assert json.loads(server.write_reply(reply(Text("a\ud83d")), asked(), TO))["choices"][0]["message"]["content"]


@pytest.mark.pitfall(45)
def test_signatures_are_no_part_of_this_dialect() -> None:
    found = [Began(), PartBegan(0, Thinking(redacted="x", origin="anthropic")), PartEnded(0)]
    found += [PartBegan(1, Thinking()), PartDelta(1, "hm"), PartDelta(1, signature="sig"), PartEnded(1), Ended("stop")]
    assert check(written(found)).reasoning == "hm"
    assert b"sig" not in written(found)


@pytest.mark.pitfall(14)
def test_a_custom_tool_is_called_with_its_raw_input() -> None:
    request = asked(tools=[Tool("apply_patch", kind="custom")])
    answer = reply(ToolCall("call_1", "apply_patch", '*** Begin "Patch"\n'), stop="tool_calls")
    call = said(answer, request).calls[0]
    assert (call.kind, call.name, call.arguments) == ("custom", "apply_patch", '*** Begin "Patch"\n')
    body = json.loads(server.write_reply(answer, request, TO))
    assert body["choices"][0]["message"]["tool_calls"] == [
        {"id": "call_1", "type": "custom", "custom": {"name": "apply_patch", "input": '*** Begin "Patch"\n'}}
    ]
    assert said(reply(ToolCall("c", "apply_patch", "")), request).calls[0].arguments == ""


@pytest.mark.pitfall(25)
def test_a_client_of_functions_is_answered_with_a_function_call() -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f"}], "stream": True}
    request = server.read_request(server.read_ask(json.dumps(body).encode(), server.CHAT))
    answer = reply(ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", '{"x":2}'), stop="tool_calls")
    data = written(replay(answer), request)
    found = check(data)
    assert (found.finish, found.calls[0].name, found.calls[0].arguments) == ("function_call", "f", '{"x":1}')
    assert by_sdk(data).choices[0].finish_reason == "function_call"
    whole = json.loads(server.write_reply(answer, request, TO))["choices"][0]
    assert whole["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert whole["finish_reason"] == "function_call"


# -- what is written can be read again


@given(st.lists(_PARTS.filter(lambda part: not isinstance(part, Opaque)), max_size=4))
def test_a_written_answer_reads_the_same(parts: list[Any]) -> None:
    order = {Thinking: 0, Text: 1, Refusal: 2, ToolCall: 3}
    kept: dict[type, Any] = {}
    for part in sorted(parts, key=lambda part: order[type(part)]):
        if isinstance(part, ToolCall):
            kept[id(part)] = part  # type: ignore[index]
        else:
            kept.setdefault(type(part), part)
    told = list(kept.values())
    called = any(isinstance(part, ToolCall) for part in told)
    refused = any(isinstance(part, Refusal) for part in told)
    stop: Stop = "tool_calls" if called else "refusal" if refused else "stop"
    answer = Reply("chatcmpl-req_7", "alias", told, stop, usage=Usage(input=7, cached=3, output=2, reasoning=1))
    body = json.loads(server.write_reply(answer, asked(), TO))
    for part in told:
        if isinstance(part, ToolCall):
            part.arguments = part.arguments or "{}"
    assert upstream.read_reply(body, {}) == answer
    from_stream = events([written(replay(answer), asked(wants_usage=True))])
    assert fold(from_stream) == answer
