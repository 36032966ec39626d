"""Laws: a request that is read and written in its own dialect stays what it was."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.ir import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from flock.dialects.openai import server, upstream
from flock.errors import FlockError
from tests.unit.dialects.openai.corpus import PLACE, body

REQUESTS = sorted(path.stem for path in (PLACE / "requests").glob("*.json"))


def read(fields: dict[str, Any]) -> Request:
    return server.read_request(server.read_ask(json.dumps(fields).encode(), server.CHAT))


def written(request: Request) -> dict[str, Any]:
    return upstream.write_request(request, request.model, stream=request.stream).body


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a body as the dialect means it: one spelling for what may be spelled in several ways."""
    kept = {name: value for name, value in fields.items() if value is not None}
    for name in ("user", "safety_identifier", "prompt_cache_key"):
        kept.pop(name, None)  # never sent on
    if "max_completion_tokens" in kept:
        kept["max_tokens"] = kept.pop("max_completion_tokens")
    if isinstance(kept.get("stop"), str):
        kept["stop"] = [kept["stop"]]
    if kept.get("stream"):
        kept["stream_options"] = {"include_usage": True, **kept.get("stream_options", {})}
    kept["messages"] = [_message(message) for message in kept["messages"]]
    return kept


def _message(message: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in message.items() if value not in (None, [], "")}
    kept.pop("reasoning_content", None)  # of earlier turns, left out unless asked for
    if kept["role"] == "developer":
        kept["role"] = "system"
    content = kept.get("content")
    if isinstance(content, list):
        parts = [part for part in content if part["type"] != "tool_use"]
        words = [part["text"] for part in parts if set(part) == {"type", "text"}]
        if len(words) == len(parts) and (len(parts) == 1 or kept["role"] == "system"):
            kept["content"] = "\n\n".join(words)
        else:
            kept["content"] = parts
    return kept


@pytest.mark.parametrize("name", REQUESTS)
def test_a_recorded_request_stays_what_it_was(name: str) -> None:
    fields = body("requests", name)
    assert plain(written(read(fields))) == plain(fields)


_WORDS = st.text(min_size=1, max_size=12)
_TEXT = st.builds(Text, _WORDS, st.sampled_from([{}, {}, {"cache_control": {"type": "ephemeral"}}]))
_IMAGE = st.sampled_from(
    [
        Image(url="https://x/y.png"),
        Image(data="iVBORw0=", media_type="image/png", detail="low"),
        Image(data="AAAA", media_type="image/avif"),
    ]
)
_CONTENT = st.lists(_TEXT | _IMAGE | st.just(Audio("AA", "wav")), min_size=1, max_size=4)
_NAME = st.sampled_from([{}, {}, {"name": "Alice"}])
_TOOLS = ("get_weather", "now", "mcp server.tool")


@st.composite
def _talk(draw: Callable[..., Any]) -> list[Message]:
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", [draw(_TEXT.filter(lambda text: not text.meta))], draw(_NAME)))
    for turn in range(draw(st.integers(1, 4))):
        messages.append(Message("user", draw(_CONTENT), draw(_NAME)))
        for step in range(draw(st.integers(0, 3))):  # a loop of tools
            calls = [
                ToolCall(f"call_{turn}_{step}_{i}", name, draw(st.sampled_from(["{}", '{"a": [1, "ü"]}'])))
                for i, name in enumerate(draw(st.lists(st.sampled_from(_TOOLS), min_size=1, max_size=2)))
            ]
            messages.append(Message("assistant", [*draw(st.lists(_TEXT, max_size=2)), *calls], draw(_NAME)))
            for call in calls:
                told = draw(st.lists(st.builds(Text, _WORDS), min_size=1, max_size=2))
                messages.append(Message("tool", [ToolResult(call.id, told)]))
        said: list[Any] = draw(st.lists(_TEXT, max_size=2)) + draw(st.lists(st.builds(Refusal, _WORDS), max_size=1))
        if said:
            messages.append(Message("assistant", said, draw(_NAME)))
    return messages


_TOOL = st.builds(
    Tool,
    st.sampled_from(_TOOLS),
    st.sampled_from(["", "about"]),
    st.sampled_from([None, {"type": "object", "properties": {}}]),
    st.sampled_from([None, True, False]),
    meta=st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}]),
)
_SMALL = st.floats(0, 2)
_REQUESTS = st.builds(
    Request,
    st.just("openai"),
    st.just("m"),
    _talk(),
    tools=st.lists(_TOOL, min_size=1, max_size=3, unique_by=lambda tool: tool.name),
    tool_choice=st.sampled_from([None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")]),
    parallel_tools=st.sampled_from([None, True, False]),
    max_tokens=st.none() | st.integers(1, 99),
    temperature=st.none() | _SMALL,
    top_p=st.none() | _SMALL,
    top_k=st.none() | st.integers(0, 9),
    min_p=st.none() | _SMALL,
    presence_penalty=st.none() | _SMALL,
    frequency_penalty=st.none() | _SMALL,
    seed=st.none() | st.integers(0, 9),
    stop=st.lists(_WORDS, max_size=5),
    n=st.none() | st.integers(1, 3),
    logprobs=st.none() | st.booleans(),
    top_logprobs=st.none() | st.integers(0, 5),
    logit_bias=st.sampled_from([None, {"1": 5}]),
    reasoning=st.sampled_from(
        [None, Reasoning(effort="low"), Reasoning("on", budget=9), Reasoning("off"), Reasoning("adaptive", "high")]
    ),
    format=st.sampled_from(
        [None, Format("text"), Format("json_object"), Format("json_schema", {"type": "object"}, "n", True, "d")]
    ),
    verbosity=st.sampled_from(["", "low"]),
    stream=st.booleans(),
    extras=st.sampled_from([{}, {"openai": {"mirostat": 2, "metadata": {"a": "b"}}}]),
)


@settings(max_examples=40)
@given(_REQUESTS)
def test_read_of_written_is_the_request(request: Request) -> None:
    out = upstream.write_request(request, "m", stream=request.stream)
    found = read(out.body)
    for message in found.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                part.name = out.names.get(part.name, part.name)
    found.tools = [replace(tool, name=out.names.get(tool.name, tool.name), raw={}) for tool in found.tools]
    assert found == replace(request, wants_usage=request.stream)


@settings(max_examples=40)
@given(_REQUESTS)
def test_the_same_request_is_the_same_bytes(request: Request) -> None:
    first = upstream.write_request(request, "m", stream=True)
    assert json.dumps(first.body) == json.dumps(upstream.write_request(request, "m", stream=True).body)


_FOREIGN = st.sampled_from(["anthropic", "responses"])


@settings(max_examples=40)
@given(_REQUESTS, _FOREIGN, st.sampled_from(["keep", "user", "hoist"]))
def test_what_comes_from_another_dialect_is_a_request_of_this_one(request: Request, dialect: str, late: str) -> None:
    request = replace(request, dialect=dialect, extras={dialect: {"x": 1}})
    out = upstream.write_request(request, "m", stream=request.stream, late_system=late, history_thinking=True)
    found = read(out.body)
    assert out.lost[-1] == "x"
    asked = [part.id for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    assert asked == [part.id for message in found.messages for part in message.parts if isinstance(part, ToolCall)]
    told = [part.id for message in found.messages for part in message.parts if isinstance(part, ToolResult)]
    assert sorted(told) == sorted(asked)


_ANY = st.one_of(
    _TEXT,
    _IMAGE,
    st.builds(File, st.sampled_from(["", "d29yZHM="]), st.sampled_from(["", "text/plain", "application/pdf"])),
    st.builds(Thinking, _WORDS),
    st.builds(Refusal, _WORDS),
    st.builds(ToolCall, _WORDS, _WORDS, _WORDS | st.just("[" * 300 + "]" * 300)),
    st.builds(Opaque, st.sampled_from(["openai", "anthropic"]), st.sampled_from(["search_result", "x"]), st.just({})),
)
_RESULT = st.builds(ToolResult, _WORDS, st.lists(_ANY, max_size=2), st.booleans())
_TURN = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(_ANY | _RESULT, max_size=3)
)


@given(
    st.lists(_TURN, max_size=5),
    st.sampled_from(["openai", "anthropic", "responses"]),
    st.sampled_from(["keep", "user", "hoist"]),
)
def test_any_conversation_is_written_or_refused(messages: list[Message], dialect: str, late: str) -> None:
    request = Request(dialect, "m", messages, tools=[Tool("x", kind="custom"), Tool("y", deferred=True)])
    try:
        out = upstream.write_request(request, "m", stream=True, late_system=late)
    except FlockError:
        return
    orjson.dumps(out.body)
