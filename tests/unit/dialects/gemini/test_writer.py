"""What clients of this dialect are told: whole answers, streams of events, streams that are one JSON array."""

import json
from typing import Any

import pytest
from google.genai.errors import APIError
from google.genai.types import FinishReason
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.fold import fold, replay
from flock.dialects.gemini import array, server
from flock.dialects.ir import (
    Began,
    Ended,
    Event,
    Idle,
    Json,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Request,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.errors import UpstreamError
from tests.grammar.gemini import Grammar, read, read_array
from tests.unit.dialects.gemini.reading import TO, asked, events_of, sdk_chunks, sdk_reply
from tests.unit.dialects.pairs import BROKE_OFF, BROKEN, GOOD, crossing, name_of, sent, stream

SHOWN: Json = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}


def written(*events: Event, request: Request | None = None, half: Any = server) -> bytes:
    """Return the stream of these events."""
    writer = half.writer(request or asked(**SHOWN), TO)
    return b"".join(writer.write(event) for event in events) + writer.close()


def parts_of(data: bytes) -> list[Json]:
    """Return the parts of a stream."""
    return read(data).parts


# -- the order of things


@pytest.mark.pitfall(19)
def test_words_go_out_as_they_come_and_a_call_when_it_is_whole() -> None:
    writer = server.writer(asked(), TO)
    assert writer.write(Began("x", "real")) == b""
    assert writer.write(PartBegan(0, Text(""))) == b""
    assert b'"text":"He"' in writer.write(PartDelta(0, "He"))
    assert b'"text":"llo"' in writer.write(PartDelta(0, "llo"))
    assert writer.write(PartEnded(0)) == b""
    assert writer.write(PartBegan(1, ToolCall("a", "f"))) == b""
    assert writer.write(PartDelta(1, '{"x":')) == b""
    assert writer.write(PartDelta(1, "1}")) == b""
    assert b'"functionCall":{"id":"a","name":"f","args":{"x":1}}' in writer.write(PartEnded(1))
    assert writer.write(Used(Usage(3, 0, 4))) == b""
    assert writer.write(Ended("tool_calls")) == b""
    last = json.loads(writer.close()[6:])
    assert last == {
        "candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
        "modelVersion": "gemini-flock",
        "responseId": "01abc",
    }
    assert writer.close() == b""


@pytest.mark.pitfall(1)
def test_parts_that_overlap_keep_their_order() -> None:
    data = written(
        PartBegan(0, ToolCall("a", "f")),
        PartBegan(1, ToolCall("b", "g")),
        PartDelta(1, '{"y":2}'),
        PartDelta(0, '{"x":1}'),
        PartEnded(1),
        PartBegan(2, Text("")),
        PartDelta(2, "said"),
        Ended("stop"),
    )
    assert [part.get("functionCall", part) for part in parts_of(data)] == [
        {"id": "a", "name": "f", "args": {"x": 1}},
        {"id": "b", "name": "g", "args": {"y": 2}},
        {"text": "said"},
    ]


@pytest.mark.pitfall(3)
@pytest.mark.parametrize(
    ("arguments", "args"), [("", {}), ('{"a":', {"raw_arguments": '{"a":'}), ('{}{"b":1}', {"b": 1})]
)
def test_arguments_are_an_object(arguments: str, args: Json) -> None:
    reply = Reply("", "", [ToolCall("a", "f", arguments)], "tool_calls")
    (part,) = parts_of(written(*replay(reply)))
    assert part["functionCall"]["args"] == args
    whole = json.loads(server.write_reply(reply, asked(), TO))
    assert whole["candidates"][0]["content"]["parts"] == [part]


@pytest.mark.pitfall(54)
def test_thoughts_are_shown_to_who_asks_for_them() -> None:
    reply = Reply(
        "", "", [Thinking("hm", "sig", origin="gemini"), Thinking("so", "EqQB", origin="anthropic"), Text("a")], "stop"
    )
    for request, thoughts in ((asked(**SHOWN), True), (asked(), False)):
        parts = parts_of(written(*replay(reply), request=request))
        assert any("thought" in part for part in parts) == thoughts
        assert "EqQB" not in json.dumps(parts)
        assert parts[-1] == {"text": "a"}
        whole = json.loads(server.write_reply(reply, request, TO))["candidates"][0]["content"]["parts"]
        assert any("thought" in part for part in whole) == thoughts
        if thoughts:
            assert whole[0] == {"text": "hm", "thought": True, "thoughtSignature": "sig"}
            assert parts[1] == {"text": "", "thought": True, "thoughtSignature": "sig"}


@pytest.mark.pitfall(65)
def test_a_refusals_words_are_text() -> None:
    reply = Reply("", "", [Refusal("I will not.")], "refusal")
    data = written(*replay(reply))
    assert parts_of(data) == [{"text": "I will not."}]
    assert read(data).finish == "SAFETY"


@pytest.mark.pitfall(57)
def test_an_engine_that_tells_no_usage() -> None:
    data = written(PartBegan(0, Text("")), PartDelta(0, "a"), PartDelta(0, "b"), PartEnded(0), Ended("stop"))
    assert read(data).usage == {"promptTokenCount": 77, "candidatesTokenCount": 2, "totalTokenCount": 79}


@pytest.mark.pitfall(59)
def test_usage_apart_and_never_negative() -> None:
    usage = read(written(Used(Usage(10, 40, 5, reasoning=9)), Ended("length"))).usage
    assert usage == {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 10,
        "candidatesTokenCount": 0,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 15,
    }


@pytest.mark.pitfall(76)
def test_an_answer_that_never_ended_has_no_end() -> None:
    writer = server.writer(asked(), TO)
    assert b"Hi" in writer.write(PartBegan(0, Text(""))) + writer.write(PartDelta(0, "Hi"))
    assert writer.close() == b""


@pytest.mark.pitfall(71)
def test_nothing_follows_an_error() -> None:
    for half, reading in ((server, read), (array, read_array)):
        writer = half.writer(asked(), TO)
        data = writer.write(PartBegan(0, Text(""))) + writer.write(PartDelta(0, "Hi")) + writer.fault(BROKE_OFF)
        grammar: Grammar = reading(data)
        assert grammar.error is not None
        assert grammar.error["status"] == "UNAVAILABLE"
        assert not grammar.finish
        assert (
            writer.write(PartDelta(0, "x")) + writer.write(Ended("stop")) + writer.close() + writer.fault(BROKE_OFF)
            == b""
        )


def test_no_error_follows_the_end() -> None:
    writer = server.writer(asked(), TO)
    writer.write(Ended("stop"))
    assert b"STOP" in writer.close()
    assert writer.fault(BROKE_OFF) == b""


def test_half_characters_of_an_engine_are_replaced() -> None:
    data = written(PartBegan(0, Text("")), PartDelta(0, "\ud83d"), PartEnded(0), Ended("stop"))
    assert parts_of(data) == [{"text": "\ufffd"}]


# -- any order of events


_word = st.text(alphabet='ab é😀\n"', min_size=1, max_size=4)
_part = st.one_of(
    st.builds(Text, st.just("")),
    st.builds(Thinking, st.just(""), origin=st.sampled_from(["", "gemini", "anthropic"])),
    st.builds(Refusal, st.just("")),
    st.builds(ToolCall, st.uuids().map(str), st.sampled_from(["f", "g"])),
)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Return the events of an answer whose parts may overlap, as those of a chat stream do."""
    events: list[Event] = []
    parts = draw(st.lists(_part, max_size=4))
    open_parts: list[int] = []
    for index, part in enumerate(parts):
        events.append(PartBegan(index, part))
        open_parts.append(index)
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.sampled_from(open_parts))
            events.append(PartDelta(at, draw(_word)))
        if draw(st.booleans()):
            events.append(PartEnded(open_parts.pop(draw(st.integers(0, len(open_parts) - 1)))))
        if draw(st.booleans()):
            events.append(Idle())
        if not open_parts:
            continue
    events += [PartEnded(index) for index in open_parts if draw(st.booleans())]
    return [*events, Used(Usage(3, 1, 2)), Ended(draw(st.sampled_from(["stop", "length", "tool_calls", "refusal"])))]


@given(answers())
def test_any_answer_obeys_the_grammar_and_says_it_all(events: list[Event]) -> None:
    data = written(*events)
    grammar = read(data)
    assert grammar.finish
    reply = fold(events)
    words = [part for part in reply.parts if isinstance(part, Text | Refusal)]
    assert "".join(part["text"] for part in grammar.parts if "text" in part and "thought" not in part) == "".join(
        part.text for part in words
    )
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    assert [part["functionCall"]["id"] for part in grammar.parts if "functionCall" in part] == [
        call.id for call in calls
    ]
    sdk_chunks(data)
    # the array holds the same chunks
    as_array = read_array(written(*events, half=array))
    assert (as_array.parts, as_array.finish, as_array.usage) == (grammar.parts, grammar.finish, grammar.usage)


# -- Google's own library


@pytest.mark.pitfall(55)
def test_the_sdk_understands_every_stop() -> None:
    for stop in (
        "stop",
        "length",
        "tool_calls",
        "stop_sequence",
        "content_filter",
        "refusal",
        "pause",
        "context_window",
    ):
        reply = sdk_reply(server.write_reply(Reply("", "", [Text("a")], stop), asked(), TO))
        assert reply.candidates
        assert reply.candidates[0].finish_reason in (FinishReason.STOP, FinishReason.MAX_TOKENS, FinishReason.SAFETY)
        assert reply.text == "a"


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
def test_the_sdk_raises_an_error_in_the_stream() -> None:
    data = written(PartBegan(0, Text("")), PartDelta(0, "Hi"))
    with pytest.raises(APIError, match="broke off") as caught:
        sdk_chunks(data + server.stream_fault(BROKE_OFF, "r"))
    assert caught.value.status == "UNAVAILABLE"


@pytest.mark.pitfall(73)
def test_the_sdk_waits_through_signs_of_life() -> None:
    data = written(PartBegan(0, Text("")), PartDelta(0, "Hi"), PartEnded(0), Ended("stop"))
    first, rest = data[: data.index(b"\n\n") + 2], data[data.index(b"\n\n") + 2 :]
    chunks = sdk_chunks(server.KEEPALIVE + first + server.KEEPALIVE * 2 + rest)
    assert [chunk.text for chunk in chunks] == ["Hi", ""]


# -- one JSON array


def as_array(case: tuple[str, str], pieces: int) -> bytes:
    """Return the array that a client gets of another dialect's stream, with signs of life between the frames."""
    across = crossing(case[0], "gemini")
    writer, events = array.writer(across.request, TO), across.events()
    data, out = stream(case), [array.KEEPALIVE]
    for at in range(0, len(data), pieces):
        for event in events.feed(data[at : at + pieces]):
            out += [writer.write(event), array.KEEPALIVE]
    out += [writer.write(event) for event in events.close()]
    return b"".join([*out, writer.close() if events.ended and events.broke is None else writer.fault(BROKE_OFF)])


@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_an_array_holds_the_chunks_of_the_stream(case: tuple[str, str]) -> None:
    found, events = read_array(as_array(case, 50)), read(sent(crossing(case[0], "gemini"), [stream(case)]))
    assert (found.parts, found.finish, found.usage) == (events.parts, events.finish, events.usage)


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", sorted(BROKEN), ids=name_of)
def test_an_array_that_broke_is_no_whole_answer(case: tuple[str, str]) -> None:
    found = read_array(as_array(case, 50))
    assert found.error is not None
    assert not found.finish


def test_an_array_of_which_nothing_was_sent() -> None:
    error = UpstreamError("no", hint="x")
    assert json.loads(array.KEEPALIVE + array.stream_fault(error)) == json.loads(array.write_fault(error))
    assert read_array(array.write_fault(error)).error is not None
    assert json.loads(written(Ended("stop"), half=array))[0]["candidates"][0]["finishReason"] == "STOP"


def test_the_arrays_ask_is_never_taken_for_the_streams() -> None:
    ask = array.read_ask(b'{"contents":"hi"}', "/v1/models/m:streamGenerateContent")
    assert (ask.dialect, ask.stream, ask.model) == ("gemini-array", True, "m")
    assert array.read_request(ask).dialect == "gemini"


def test_every_answer_of_the_corpus_is_told_in_pieces_that_fold_to_it() -> None:
    for case in GOOD:
        if case[0] == "gemini":
            told = sent(crossing("gemini", "gemini"), [stream(case)])
            assert fold(events_of(told)).stop is not None
