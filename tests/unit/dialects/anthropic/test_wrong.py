"""What is wrong in a request is named by its path; no value anywhere makes anything else happen."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.anthropic import server
from flock.dialects.anthropic.words import MESSAGES
from flock.errors import InvalidRequest
from tests.unit.dialects.anthropic.reading import REQUESTS, ask, minimal, request_of


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"a":"\\ud83d"', b"[" * 2000])
def test_a_body_that_is_no_object(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        server.read_ask(raw, MESSAGES)


@pytest.mark.pitfall(39)
def test_a_conversation_has_messages() -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(minimal(messages=[]))
    assert caught.value.details == {"param": "messages"}


def block(**fields: Any) -> dict[str, Any]:
    return minimal(messages=[{"role": "user", "content": "a"}, {"role": "user", "content": [fields]}])


def answer(**fields: Any) -> dict[str, Any]:
    return minimal(messages=[{"role": "assistant", "content": [fields]}])


AT, TOOL = "messages.1.content.0", {"name": "f", "input_schema": {}}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": [], "max_tokens": 1}, "model"),
    (minimal(model=7), "model"),
    (minimal(model=""), "model"),
    ({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
    (minimal(max_tokens=None), "max_tokens"),
    (minimal(max_tokens=0), "max_tokens"),
    (minimal(max_tokens=1.5), "max_tokens"),
    (minimal(max_tokens=True), "max_tokens"),
    (minimal(messages={}), "messages"),
    (minimal(messages=[[]]), "messages.0"),
    (minimal(messages=[{"content": "x"}]), "messages.0.role"),
    (minimal(messages=[{"role": 1, "content": "x"}]), "messages.0.role"),
    (minimal(messages=[{"role": "tool", "content": "x"}]), "messages.0.role"),
    (minimal(messages=[{"role": "user"}]), "messages.0.content"),
    (minimal(messages=[{"role": "user", "content": None}]), "messages.0.content"),
    (minimal(messages=[{"role": "system", "content": 5}]), "messages.0.content"),
    (minimal(messages=[{"role": "user", "content": [7]}]), "messages.0.content.0"),
    (minimal(system=5), "system"),
    (minimal(system=[5]), "system.0"),
    (minimal(system=[{"type": "text"}]), "system.0.text"),
    (minimal(system=[{"type": "tool_use", "id": "a", "name": "f", "input": {}}]), "system.0.type"),
    (minimal(stream="yes"), "stream"),
    (minimal(temperature="hot"), "temperature"),
    (minimal(top_k=1.5), "top_k"),
    (minimal(stop_sequences="x"), "stop_sequences"),
    (minimal(stop_sequences=["a", 5]), "stop_sequences.1"),
    (minimal(tools={}), "tools"),
    (minimal(tools=[TOOL, 5]), "tools.1"),
    (minimal(tools=[{"input_schema": {}}]), "tools.0.name"),
    (minimal(tools=[{**TOOL, "name": ""}]), "tools.0.name"),
    (minimal(tools=[{"name": "f"}]), "tools.0.input_schema"),
    (minimal(tools=[{**TOOL, "input_schema": None}]), "tools.0.input_schema"),
    (minimal(tools=[{**TOOL, "input_schema": []}]), "tools.0.input_schema"),
    (minimal(tools=[{**TOOL, "description": 5}]), "tools.0.description"),
    (minimal(tools=[{**TOOL, "strict": "no"}]), "tools.0.strict"),
    (minimal(tools=[{**TOOL, "defer_loading": 1}]), "tools.0.defer_loading"),
    (minimal(tools=[{**TOOL, "type": 5}]), "tools.0.type"),
    (minimal(tool_choice="auto"), "tool_choice"),
    (minimal(tool_choice={}), "tool_choice.type"),
    (minimal(tool_choice={"type": "some"}), "tool_choice.type"),
    (minimal(tool_choice={"type": "tool"}), "tool_choice.name"),
    (minimal(tool_choice={"type": "any", "disable_parallel_tool_use": 1}), "tool_choice.disable_parallel_tool_use"),
    (minimal(thinking=True), "thinking"),
    (minimal(thinking={}), "thinking.type"),
    (minimal(thinking={"type": "enabled", "budget_tokens": "all"}), "thinking.budget_tokens"),
    (minimal(output_config=[]), "output_config"),
    (minimal(output_config={"effort": 5}), "output_config.effort"),
    (minimal(output_config={"format": "json"}), "output_config.format"),
    (minimal(output_config={"format": {"type": "json_schema"}}), "output_config.format.schema"),
    (minimal(output_format={"type": 5}), "output_format.type"),
    (minimal(metadata="me"), "metadata"),
    (block(text="x"), f"{AT}.type"),
    (block(type=5), f"{AT}.type"),
    (block(type="text"), f"{AT}.text"),
    (block(type="text", text=None), f"{AT}.text"),
    (block(type="image"), f"{AT}.source"),
    (block(type="image", source={"type": "base64", "media_type": "image/png"}), f"{AT}.source.data"),
    (block(type="image", source={"type": "base64", "data": "AAAA"}), f"{AT}.source.media_type"),
    (block(type="image", source={"type": "url", "url": 5}), f"{AT}.source.url"),
    (block(type="image", source={"type": "file"}), f"{AT}.source.file_id"),
    (block(type="document", source={"type": "text", "data": 5}), f"{AT}.source.data"),
    (block(type="document", source={"type": "content", "content": 5}), f"{AT}.source.content"),
    (block(type="document", source={"type": "content", "content": [{"type": "text"}]}), f"{AT}.source.content.0.text"),
    (block(type="document", title=5, source={"type": "url", "url": "u"}), f"{AT}.title"),
    (block(type="tool_result"), f"{AT}.tool_use_id"),
    (block(type="tool_result", tool_use_id="a", content=5), f"{AT}.content"),
    (block(type="tool_result", tool_use_id="a", content=[5]), f"{AT}.content.0"),
    (block(type="tool_result", tool_use_id="a", content=[{"type": "text"}]), f"{AT}.content.0.text"),
    (block(type="tool_result", tool_use_id="a", is_error="yes"), f"{AT}.is_error"),
    (block(type="tool_use", id="a", name="f", input={}), f"{AT}.type"),
    (block(type="thinking", thinking="x"), f"{AT}.type"),
    (answer(type="tool_use", name="f", input={}), "messages.0.content.0.id"),
    (answer(type="tool_use", id="a", input={}), "messages.0.content.0.name"),
    (answer(type="tool_use", id="a", name="", input={}), "messages.0.content.0.name"),
    (answer(type="tool_use", id="a", name="f"), "messages.0.content.0.input"),
    (answer(type="tool_use", id="a", name="f", input="{}"), "messages.0.content.0.input"),
    (answer(type="thinking", thinking=5), "messages.0.content.0.thinking"),
    (answer(type="redacted_thinking"), "messages.0.content.0.data"),
    (answer(type="tool_result", tool_use_id="a"), "messages.0.content.0.type"),
]


@pytest.mark.parametrize(("body", "path"), WRONG, ids=[f"{i}-{path}" for i, (_, path) in enumerate(WRONG)])
def test_what_is_wrong_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(body)
    assert caught.value.details["param"] == path
    assert path in caught.value.sentence


def test_an_input_nested_too_deeply_to_be_written_is_named() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    raw = json.dumps(answer(type="tool_use", id="a", name="f", input=deep)).encode()
    with pytest.raises(InvalidRequest) as caught:
        ask(raw)
    assert caught.value.details == {"param": "messages.0.content.0.input"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | st.sampled_from(["", "text", "user", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "role", "content", "source", "name", "input"]), inner)
    ),
    max_leaves=8,
)


def replaced(value: Any, path: list[int], by: Any) -> Any:
    """Return a JSON value with one place in it, chosen by numbers, replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return by
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[path[0] % len(keys)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = replaced(value[key], path[1:], by)
    return copy


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(REQUESTS), st.lists(st.integers(0, 20), min_size=1, max_size=7), _json)
def test_any_value_anywhere_is_read_or_refused_in_words(case: str, path: list[int], value: Any) -> None:
    body = replaced(request_of(case), path, value)
    with contextlib.suppress(InvalidRequest):  # nothing else
        found = server.read_ask(orjson.dumps(body), MESSAGES)
        assert isinstance(server.features(found), frozenset)
        server.read_request(found)
