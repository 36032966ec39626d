"""What clients of this dialect send is read whole, and what is wrong is named by its path."""

import json
from typing import Any

import anthropic
import orjson
import pytest

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
        "system", "user", "system", "assistant", "tool", "user", "system",
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
    assert set(found.extras["anthropic"]) == {"context_management", "safeguards", "thinking.display"}


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


def test_what_only_the_vendor_can_read_is_opaque() -> None:
    picture = {"type": "image", "source": {"type": "new"}}
    mixed = {"type": "document", "source": {"type": "content", "content": [picture]}}
    new = {"type": "document", "source": {"type": "new"}}
    addition = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {}}}
    parts = ask(minimal(messages=[{"role": "user", "content": [picture, mixed, new, addition]}])).messages[0].parts
    assert [part.value for part in parts if isinstance(part, Opaque)] == [picture, mixed, new, addition]
    text = {"type": "document", "source": {"type": "content", "content": "words"}}
    assert ask(minimal(messages=[{"role": "user", "content": [text]}])).messages[0].parts == [
        File(media_type="text/plain", text="words", meta={"content": "words"})
    ]


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
        "output_config.format": {"type": "new"},
        "output_config.task": 1,
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
