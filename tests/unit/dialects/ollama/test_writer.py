"""What clients of the dialect get: lines and whole answers that ollama-python reads, from events of every kind."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama import ChatResponse, GenerateResponse

from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Ended,
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
from flock.dialects.ollama import server, upstream
from flock.errors import ContextTooLong, ModelNotFound
from tests.grammar.ollama import check, lines_of
from tests.unit.dialects.ollama.reading import STREAMS, TO, ask, chat, events_of, stream_of, written

CHAT = ask(chat())
GENERATE = ask({"model": "m", "prompt": "hi"})
USAGE = Usage(26, 4, 9, prefill_ms=342.546, decode_ms=253.95)
FIGURES = {
    "total_duration": 596496000,
    "prompt_eval_count": 26,
    "prompt_eval_cached_count": 4,
    "prompt_eval_duration": 342546000,
    "eval_count": 9,
    "eval_duration": 253950000,
}


def reply_of(*parts: Any, stop: Any = "stop", usage: Usage | None = USAGE) -> Reply:
    return Reply("id", "real", list(parts), stop, usage=usage)


@pytest.mark.pitfall(78)
def test_the_lines_of_a_chat() -> None:
    lines = written(replay(reply_of(Thinking("Hm."), Text("Yes"))), CHAT).splitlines()
    head = {"model": "alias", "created_at": "2023-11-14T22:13:20Z"}
    assert [json.loads(line) for line in lines] == [
        {**head, "message": {"role": "assistant", "content": "", "thinking": "Hm."}, "done": False},
        {**head, "message": {"role": "assistant", "content": "Yes"}, "done": False},
        {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **FIGURES},
    ]


def test_the_lines_of_generate() -> None:
    lines = written(replay(reply_of(Thinking("Hm."), Text("Yes"))), GENERATE).splitlines()
    head = {"model": "alias", "created_at": "2023-11-14T22:13:20Z"}
    assert [json.loads(line) for line in lines] == [
        {**head, "response": "", "thinking": "Hm.", "done": False},
        {**head, "response": "Yes", "done": False},
        {**head, "response": "", "done": True, "done_reason": "stop", **FIGURES},
    ]


@pytest.mark.pitfall(2)
@pytest.mark.pitfall(19)
@pytest.mark.pitfall(21)
def test_calls_come_whole_in_a_line_before_the_last() -> None:
    said = reply_of(Text("I look."), ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g"), stop="tool_calls")
    told = check(written(replay(said), CHAT))
    assert [line["message"].get("tool_calls") is not None for line in told.lines] == [False, True, False]
    assert told.calls == [
        {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
        {"id": "b", "function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert told.reason == "stop", "the dialect has no other word, and its clients look for calls"


@pytest.mark.pitfall(19)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ("", {}),
        ('{}{"a": 1}', {"a": 1}),
        ('{"a": "cut', {"raw_arguments": '{"a": "cut'}),
        ("[1]", {"raw_arguments": [1]}),
    ],
)
def test_arguments_are_an_object_whatever_the_model_made(text: str, told: dict[str, Any]) -> None:
    said = reply_of(ToolCall("a", "f", text), stop="tool_calls")
    body = json.loads(server.write_reply(said, CHAT, TO))
    assert body["message"]["tool_calls"][0]["function"]["arguments"] == told
    assert check(written(replay(said), CHAT)).calls == body["message"]["tool_calls"]


def test_calls_that_interleave() -> None:
    events = [
        PartBegan(0, ToolCall("a", "f")),
        PartBegan(1, ToolCall("b", "g", '{"y"')),
        PartDelta(0, '{"x":'),
        PartDelta(1, ":2}"),
        PartDelta(0, "1}"),
        PartEnded(0),
        PartEnded(1),
        Used(USAGE),
        Ended("tool_calls"),
    ]
    assert [call["function"]["arguments"] for call in check(written(events, CHAT)).calls] == [{"x": 1}, {"y": 2}]


@pytest.mark.pitfall(55)
@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        *((stop, "stop") for stop in ("stop", "tool_calls", "stop_sequence", "content_filter", "refusal")),
        *((stop, "length") for stop in ("length", "context_window", "pause")),
    ],
)
def test_why_an_answer_ended(stop: Any, reason: str) -> None:
    assert check(written(replay(reply_of(Text("x"), stop=stop)), CHAT)).reason == reason
    assert json.loads(server.write_reply(reply_of(Text("x"), stop=stop), CHAT, TO))["done_reason"] == reason


def test_a_refusal_is_words() -> None:
    assert check(written(replay(reply_of(Refusal("No."), stop="refusal")), CHAT)).content == "No."


def test_only_known_figures_are_told() -> None:
    final = check(written(replay(reply_of(Text("x"), usage=Usage(26, output=9))), CHAT)).final
    assert final is not None
    assert {name for name in final if name.endswith(("count", "duration"))} == {"prompt_eval_count", "eval_count"}
    final = check(written(replay(reply_of(Text("x"), usage=None)), CHAT)).final
    assert final is not None
    assert not any(name.endswith(("count", "duration")) for name in final)


@pytest.mark.pitfall(71)
def test_an_error_is_the_last_line() -> None:
    writer = server.writer(CHAT, TO)
    out = writer.write(PartBegan(0, Text(""))) + writer.write(PartDelta(0, "x"))
    out += writer.fault(ContextTooLong("too long", hint="send less"))
    assert check(out, broken=True).error == "too long (hint: send less)"
    alone = server.stream_fault(ModelNotFound("no model 'x'"))
    assert check(alone, broken=True).error == "no model 'x'"
    assert json.loads(server.write_fault(ModelNotFound("no model 'x'"))) == {"error": "no model 'x'"}
    assert server.http_status(ModelNotFound("no model 'x'")) == 404


@pytest.mark.pitfall(76)
def test_nothing_is_over_without_an_end() -> None:
    writer = server.writer(CHAT, TO)
    writer.write(PartBegan(0, ToolCall("a", "f", "{}")))
    assert writer.close() == b""


@pytest.mark.parametrize("case", ["unicode", "tool", "generate", "thinking_tool", "length"])
def test_what_is_written_reads_as_what_was_said(case: str) -> None:
    said = fold(events_of(stream_of(case)))
    said.model = "alias"
    again = fold(events_of(written(replay(said), CHAT)))
    assert again == said
    assert upstream.read_reply(json.loads(server.write_reply(said, CHAT, TO)), {}) == said


def test_keepalives_are_taken_by_every_reader_of_lines() -> None:
    data = written(replay(reply_of(Text("x"), Thinking("y"))), CHAT)
    waited = b"".join(server.KEEPALIVE * 3 + line for line in data.splitlines(keepends=True))
    assert [json.loads(line) for line in lines_of(waited)] == [json.loads(line) for line in lines_of(data)]
    assert events_of(waited) == events_of(data)


@pytest.mark.parametrize("case", STREAMS)
def test_what_is_written_has_the_sdks_types(case: str) -> None:
    """Every line and every whole answer of the corpus, rewritten, is one of ollama-python's responses."""
    if not any(isinstance(event, Ended) for event in events_of(stream_of(case))):
        return
    said = fold(events_of(stream_of(case)))
    for line in lines_of(written(replay(said), CHAT)):
        ChatResponse.model_validate_json(line)
    for line in lines_of(written(replay(said), GENERATE)):
        GenerateResponse.model_validate_json(line)
    whole = ChatResponse.model_validate_json(server.write_reply(said, CHAT, TO))
    assert whole.done
    assert whole.message.content == "".join(part.text for part in said.parts if isinstance(part, Text))


_WORDS = st.text(max_size=12)
_PARTS = st.lists(
    st.builds(Text, _WORDS)
    | st.builds(Thinking, _WORDS)
    | st.builds(Refusal, _WORDS)
    | st.builds(ToolCall, st.uuids().map(str), _WORDS, _WORDS),
    max_size=5,
)


@given(_PARTS, st.sampled_from(["stop", "length", "tool_calls"]), st.booleans())
def test_anything_said_is_a_stream_of_the_grammar(parts: list[Any], stop: Any, generated: bool) -> None:
    said = reply_of(*parts, stop=stop)
    told = check(written(replay(said), GENERATE if generated else CHAT), generated=generated)
    assert told.content == "".join(part.text for part in parts if isinstance(part, Text | Refusal))
    assert told.thinking == "".join(part.text for part in parts if isinstance(part, Thinking))
    assert [call["function"]["name"] for call in told.calls] == [p.name for p in parts if isinstance(p, ToolCall)]
