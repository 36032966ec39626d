"""What clients of this dialect send is read whole, and what is wrong is named by its path."""

import contextlib
import json
from typing import Any

import anthropic
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.anthropic import server
from flock.dialects.anthropic.words import COUNT_TOKENS, MESSAGES
from flock.dialects.ir import (
    File,
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from flock.errors import InvalidRequest
from tests.unit.dialects.anthropic.reading import REQUESTS, ask, minimal, recorded, request_of, sdk


def test_the_first_look_peeks_what_routing_needs() -> None:
    raw = orjson.dumps(minimal(stream=True))
    assert server.read_ask(raw, "/v1/messages?beta=true").endpoint == "messages"
    found = server.read_ask(raw, MESSAGES)
    assert (found.dialect, found.endpoint, found.path, found.model) == ("anthropic", "messages", MESSAGES, "m")
    assert found.raw is raw
    assert found.stream
    assert found.wants_usage


@pytest.mark.pitfall(68)
def test_counting_needs_no_limit_and_reads_the_same() -> None:
    body = request_of("claude_code")
    del body["max_tokens"]
    found = server.read_ask(orjson.dumps(body), COUNT_TOKENS)
    assert found.endpoint == "count_tokens"
    counted, generated = server.read_request(found), ask(request_of("claude_code"))
    assert (counted.messages, counted.tools) == (generated.messages, generated.tools)


@pytest.mark.parametrize("case", REQUESTS)
def test_every_request_of_the_corpus_is_read(case: str) -> None:
    assert ask(request_of(case)).messages


def test_claude_code_is_read_whole() -> None:
    found = ask(request_of("claude_code"))
    assert found.stream
    assert [message.role for message in found.messages] == [
        "system", "system", "user", "assistant", "tool", "user", "system",
    ]  # fmt: skip
    assert [part.text for part in found.messages[0].parts if isinstance(part, Text)][1] == "You are Claude Code."
    assert found.messages[0].parts[1] == Text("You are Claude Code.", {"cache_control": {"type": "ephemeral"}})
    thinking, words, read, search = found.messages[3].parts
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.origin) == ("Look first.", "anthropic")
    assert words == Text("I look.")
    assert read == ToolCall("toolu_01A", "Read", '{"file_path":"a.py"}')
    assert isinstance(search, ToolCall)
    reference = Text("The tool WebFetch is available.", {"tool_reference": "WebFetch"})
    assert found.messages[4].parts == [
        ToolResult("toolu_01A", [Text("1\tx = 1")]),
        ToolResult("toolu_01B", [reference]),
    ]
    assert found.messages[6] == Message("system", [Text("Plan mode is on.")])
    assert [tool.deferred for tool in found.tools] == [False, False, True]
    assert found.reasoning == Reasoning("adaptive", "high")
    assert found.session == "s-1"
    assert set(found.extras["anthropic"]) == {"context_management", "safeguards", "thinking"}


@pytest.mark.parametrize("run", ["headless", "interactive", "first-party", "compaction"])
def test_what_claude_code_really_sent_is_read(run: str) -> None:
    sent = recorded(run)
    assert sent
    for one in sent:
        found = ask(one["body"], headers={name.lower(): value for name, value in one["headers"].items()})
        assert found.messages
        assert found.session


@pytest.mark.pitfall(6)
@pytest.mark.pitfall(16)
def test_results_become_a_message_of_their_own_before_the_users_words() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}, image]}
    found = ask(minimal(messages=[{"role": "user", "content": [{"type": "text", "text": "so"}, result]}]))
    assert found.messages == [
        Message("tool", [ToolResult("a", [Text("x"), Image("AAAA", "image/png")])]),
        Message("user", [Text("so")]),
    ]


@pytest.mark.pitfall(17)
def test_an_error_of_a_tool_stays_one() -> None:
    tool = ask(request_of("tool_result")).messages[2]
    assert [part.is_error for part in tool.parts if isinstance(part, ToolResult)] == [False, True]


@pytest.mark.pitfall(7)
def test_half_a_history_is_no_fault_of_the_request() -> None:
    orphan = {"type": "tool_result", "tool_use_id": "gone", "content": ""}
    calls = [{"type": "tool_use", "id": "a", "name": "f", "input": {}}] * 2
    body = minimal(messages=[{"role": "user", "content": [orphan]}, {"role": "assistant", "content": calls}])
    assert [message.role for message in ask(body).messages] == ["tool", "assistant"]


@pytest.mark.pitfall(35)
def test_documents_of_every_source_are_read() -> None:
    parts = ask(request_of("documents")).messages[0].parts
    assert parts[0] == File("JVBERi0xLjQK", "application/pdf", name="a.pdf", meta={"citations": {"enabled": True}})
    assert parts[1] == File(media_type="text/plain", text="words")
    assert parts[2] == File(url="https://example.org/a.pdf")
    assert parts[3] == File(id="file_02")
    assert isinstance(parts[4], File)
    assert parts[4].text == "one\n\ntwo"
    assert isinstance(parts[5], Opaque)
    assert parts[5].type == "search_result"


@pytest.mark.pitfall(33)
def test_pictures_of_every_source_are_read() -> None:
    parts = ask(request_of("image")).messages[0].parts
    hint = {"cache_control": {"type": "ephemeral"}}
    assert parts[1:] == [Image(url="https://example.org/cat.png", meta=hint), Image(id="file_01")]


@pytest.mark.pitfall(42)
@pytest.mark.pitfall(43)
def test_signatures_and_redacted_thinking_are_opaque() -> None:
    body = request_of("signed_thinking")
    redacted, signed, _ = ask(body).messages[1].parts
    sent = body["messages"][1]["content"]
    assert redacted == Thinking(redacted=sent[0]["data"], origin="anthropic")
    assert signed == Thinking("", sent[1]["signature"], origin="anthropic")


@pytest.mark.pitfall(13)
def test_tools_of_the_vendor_are_hosted() -> None:
    found = ask(request_of("hosted"))
    assert [(tool.kind, tool.name) for tool in found.tools] == [
        ("hosted", "web_search"),
        ("hosted", "bash"),
        ("hosted", "computer_toolset_20260801"),
        ("function", "get_weather"),
    ]
    assert found.tools[0].raw["max_uses"] == 5
    assert [type(part) for part in found.messages[1].parts] == [Opaque, Opaque, Text]
    assert set(found.extras["anthropic"]) == {"mcp_servers", "container"}


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "f"}, ToolChoice("named", "f")),
    ],
)
def test_the_choice_of_tools(sent: dict[str, Any], read: ToolChoice) -> None:
    found = ask(minimal(tool_choice=sent))
    assert (found.tool_choice, found.parallel_tools) == (read, None)
    assert ask(minimal(tool_choice={**sent, "disable_parallel_tool_use": True})).parallel_tools is False


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning("on", budget=2048)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, Reasoning("adaptive", "max")),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Reasoning("adaptive", summary="auto")),
        ({"output_config": {"effort": "low"}}, Reasoning("", "low")),
        ({"thinking": {"type": "between_tools"}}, None),
        ({}, None),
    ],
)
def test_how_much_to_think(sent: dict[str, Any], read: Reasoning | None) -> None:
    assert ask(minimal(**sent)).reasoning == read


@pytest.mark.pitfall(63)
def test_the_form_of_the_answer_in_both_places() -> None:
    schema = {"type": "object"}
    form = {"type": "json_schema", "schema": schema}
    assert ask(minimal(output_config={"format": form})).format == Format("json_schema", schema)
    assert ask(minimal(output_format=form)).format == Format("json_schema", schema)
    assert ask(minimal(output_config={"format": {"type": "new"}, "task": 1})).extras["anthropic"] == {
        "output_config": {"format": {"type": "new"}, "task": 1}
    }


@pytest.mark.pitfall(66)
@pytest.mark.parametrize(
    ("user", "headers", "session"),
    [
        ('{"session_id":"s-1"}', {}, "s-1"),
        ("user_0a_account__session_5b1f", {}, "5b1f"),
        ("somebody", {}, ""),
        ("{broken", {}, ""),
        ('{"session_id":7}', {}, ""),
        ("somebody", {"x-claude-code-session-id": "h"}, "h"),
    ],
)
def test_the_clients_own_ids(user: str, headers: dict[str, str], session: str) -> None:
    found = ask(minimal(metadata={"user_id": user}), headers=headers)
    assert (found.user, found.session) == (user, session)


@pytest.mark.pitfall(67)
def test_unknown_fields_are_kept_and_never_a_fault() -> None:
    new = {"new_field": {"a": [1]}, "betas": ["x"], "service_tier": None}
    found = ask(minimal(**new, messages=[{"role": "user", "content": [{"type": "new_block", "x": 1}], "id": "m1"}]))
    assert found.extras["anthropic"] == {"new_field": {"a": [1]}, "betas": ["x"]}
    assert found.messages == [
        Message("user", [Opaque("anthropic", "new_block", {"type": "new_block", "x": 1})], {"id": "m1"})
    ]


@pytest.mark.pitfall(29)
def test_system_is_a_string_or_blocks() -> None:
    assert ask(minimal(system="a")).messages[0] == Message("system", [Text("a")])
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]
    assert ask(minimal(system=blocks)).messages[0] == Message(
        "system", [Text("a"), Text("b", {"cache_control": {"type": "ephemeral"}})]
    )
    assert ask(minimal(system="")).messages[0].role == "user"


@pytest.mark.pitfall(30)
def test_system_words_in_mid_conversation_stay_in_place() -> None:
    late = {"role": "system", "content": [{"type": "text", "text": "now"}], "clear_at": "never"}
    found = ask(minimal(messages=[{"role": "user", "content": "a"}, late, {"role": "system"}])).messages
    assert found[1:] == [Message("system", [Text("now")], {"clear_at": "never"}), Message("system", [])]


@pytest.mark.pitfall(41)
def test_half_a_character_is_replaced_before_anybody_relies_on_it() -> None:
    raw = rb'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"cut \ud83d"}]}'
    found = server.read_ask(raw, MESSAGES)
    assert json.loads(found.raw)["messages"][0]["content"] == "cut \ufffd"
    whole = rb'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"\ud83d\ude00"}]}'
    assert server.read_ask(whole, MESSAGES).raw == whole


def test_threads_are_refused_so_that_the_sdk_sends_the_whole_history() -> None:
    with pytest.raises(InvalidRequest) as caught:
        server.read_ask(orjson.dumps(minimal(thread={"type": "create"})), MESSAGES)
    client = sdk(server.write_fault(caught.value, "r"), status=400)
    with client, pytest.raises(anthropic.BadRequestError) as seen:
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert isinstance(seen.value, anthropic.types.ThreadUnsupportedRequestError)


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


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(REQUESTS), st.lists(st.integers(0, 20), min_size=1, max_size=7), _json)
def test_any_value_anywhere_is_read_or_refused_in_words(case: str, path: list[int], value: Any) -> None:
    body = replaced(request_of(case), path, value)
    with contextlib.suppress(InvalidRequest):  # nothing else
        found = server.read_ask(orjson.dumps(body), MESSAGES)
        assert isinstance(server.features(found), frozenset)
        server.read_request(found)
