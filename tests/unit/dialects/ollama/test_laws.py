"""Laws: a request that is read and written in its own dialect stays what it was; any other is written or refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from ollama._types import ChatRequest

from flock.dialects.ir import (
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
    ToolResult,
)
from flock.dialects.ollama import upstream
from flock.errors import FlockError
from tests.unit.dialects.ollama.reading import ask

_WORDS = st.text(min_size=1, max_size=12)
_TEXTS = st.lists(st.builds(Text, _WORDS), min_size=1, max_size=1)
_IMAGES = st.lists(st.just(Image(data="iVBORw0KGgo=", media_type="image/png")), max_size=2)
_TOOLS = ("get_weather", "now", "mcp server.tool")


@st.composite
def _talk(draw: Callable[..., Any]) -> list[Message]:
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", draw(_TEXTS)))
    for turn in range(draw(st.integers(1, 3))):
        messages.append(Message("user", [*draw(_IMAGES), *draw(_TEXTS)]))
        for step in range(draw(st.integers(0, 2))):
            names = draw(st.lists(st.sampled_from(_TOOLS), min_size=1, max_size=2))
            calls = [
                ToolCall(f"call_{turn}_{step}_{i}", name, draw(st.sampled_from(["{}", '{"a":[1,"ü"]}'])))
                for i, name in enumerate(names)
            ]
            said: list[Any] = [*draw(st.lists(st.builds(Thinking, _WORDS), max_size=1)), *draw(_TEXTS), *calls]
            messages.append(Message("assistant", said))
            messages += [Message("tool", [ToolResult(call.id, draw(_TEXTS), name=call.name)]) for call in calls]
        if draw(st.booleans()):
            messages.append(Message("assistant", draw(_TEXTS)))
    return messages


_SMALL = st.floats(0, 2)
_REQUESTS = st.builds(
    Request,
    st.just("ollama"),
    st.just("m"),
    _talk(),
    max_tokens=st.none() | st.integers(1, 99),
    temperature=st.none() | _SMALL,
    top_k=st.none() | st.integers(0, 9),
    seed=st.none() | st.integers(0, 9),
    stop=st.lists(_WORDS, max_size=5),
    logprobs=st.none() | st.booleans(),
    reasoning=st.sampled_from([None, Reasoning(effort="low"), Reasoning("on"), Reasoning("off")]),
    format=st.sampled_from([None, Format("json_object"), Format("json_schema", {"type": "object"})]),
    stream=st.booleans(),
    wants_usage=st.just(True),
    extras=st.sampled_from([{}, {"ollama": {"keep_alive": 5, "options.num_ctx": 4096, "options.mirostat": 2}}]),
)


@settings(max_examples=40)
@given(_REQUESTS)
def test_read_of_written_is_the_request(request: Request) -> None:
    out = upstream.write_request(request, "m", stream=request.stream)
    assert (out.lost, out.edits) == ([], [])
    del out.body["truncate"]
    found = ask(out.body)
    for message in found.messages:
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult):
                part.name = out.names.get(part.name, part.name)
    assert found == request


@settings(max_examples=40)
@given(_REQUESTS)
def test_the_same_request_is_the_same_bytes(request: Request) -> None:
    first = upstream.write_request(request, "m", stream=True)
    assert json.dumps(first.body) == json.dumps(upstream.write_request(request, "m", stream=True).body)


@settings(max_examples=40)
@given(_REQUESTS, st.sampled_from(["anthropic", "responses", "openai"]))
def test_what_comes_from_another_dialect_is_a_request_of_this_one(request: Request, dialect: str) -> None:
    request = replace(request, dialect=dialect, extras={dialect: {"x": 1}})
    out = upstream.write_request(request, "m", stream=request.stream)
    assert out.lost[-1] == "x"
    ChatRequest.model_validate(out.body)
    found = ask(out.body)
    asked = [part.id for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    assert asked == [part.id for message in found.messages for part in message.parts if isinstance(part, ToolCall)]
    assert asked == [part.id for message in found.messages for part in message.parts if isinstance(part, ToolResult)]


_ANY = st.one_of(
    st.builds(Text, _WORDS),
    st.just(Image(data="AA")),
    st.just(Image(url="https://x/y.png")),
    st.builds(File, st.sampled_from(["", "d29yZHM="]), st.sampled_from(["", "text/plain", "application/pdf"])),
    st.builds(Thinking, _WORDS),
    st.builds(Refusal, _WORDS),
    st.builds(ToolCall, _WORDS, _WORDS, _WORDS | st.just("[" * 300 + "]" * 300)),
    st.builds(Opaque, st.sampled_from(["openai", "ollama"]), st.sampled_from(["search_result", "raw"]), st.just({})),
)
_TURN = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.lists(_ANY | st.builds(ToolResult, _WORDS, st.lists(_ANY, max_size=2), st.booleans()), max_size=3),
)


@given(st.lists(_TURN, max_size=5), st.sampled_from(["ollama", "ollama-generate", "openai", "anthropic"]))
def test_any_conversation_is_written_or_refused(messages: list[Message], dialect: str) -> None:
    request = Request(dialect, "m", messages, tools=[Tool("x", kind="custom"), Tool("y", deferred=True)])
    try:
        out = upstream.write_request(request, "m", stream=True)
    except FlockError:
        return
    orjson.dumps(out.body)
