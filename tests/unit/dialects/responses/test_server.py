"""What clients send: read as it is meant, refused where it is wrong, never refused for what nobody knows."""

import json
from typing import Any

import pytest

from flock.dialects.ir import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from flock.dialects.responses import server
from flock.errors import InvalidRequest, ModelNotFound, Unsupported
from tests.unit.dialects.responses.corpus import ask, body, read, recorded, used


def raw(**fields: object) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **fields}).encode()


def test_ask_reads_what_routing_needs() -> None:
    asked = server.read_ask(raw(stream=True), "/v1/responses")
    assert (asked.dialect, asked.endpoint, asked.path) == ("responses", "responses", "/v1/responses")
    assert (asked.model, asked.stream, asked.wants_usage) == ("m", True, True)


WRONG: list[tuple[bytes, str | None]] = [
    (b"{", None),
    (b"[]", None),
    (raw(model=3), "model"),
    (raw(stream="yes"), "stream"),
    (raw(stream=1), "stream"),
    (raw(temperature="hot"), "temperature"),
    (raw(max_output_tokens=1.5), "max_output_tokens"),
    (raw(instructions=["x"]), "instructions"),
    (raw(input=3), "input"),
    (raw(input=["hi"]), "input[0]"),
    (b'{"model":"m"}', "input"),
    (raw(tools={}), "tools"),
    (raw(tools=["x"]), "tools[0]"),
    (raw(text="json"), "text"),
    (raw(reasoning="high"), "reasoning"),
    (raw(tool_choice=3), "tool_choice"),
    (raw(input=[]), "input"),
    (raw(input=[{"type": 3}]), "input[0].type"),
    (raw(input=[{"content": "x"}]), "input[0].type"),
    (raw(input=[{"role": 3, "content": "x"}]), "input[0].role"),
    (raw(input=[{"role": ["user"], "content": "x"}]), "input[0].role"),
    (raw(input=[{"role": "critic", "content": "x"}]), "input[0].role"),
    (raw(input=[{"role": "user", "content": 3}]), "input[0].content"),
    (raw(input=[{"role": "user", "content": ["x"]}]), "input[0].content[0]"),
    (raw(input=[{"role": "user", "content": [{"text": "x"}]}]), "input[0].content[0].type"),
    (raw(input=[{"role": "user", "content": [{"type": "input_text", "text": 3}]}]), "input[0].content[0].text"),
    (raw(input=[{"role": "user", "content": [{"type": "input_text"}]}]), "input[0].content[0].text"),
    (raw(input=[{"role": "user", "content": [{"type": "input_image"}]}]), "input[0].content[0].image_url"),
    (raw(input=[{"role": "user", "content": [{"type": "input_file"}]}]), "input[0].content[0].file_data"),
    (
        raw(input=[{"role": "user", "content": [{"type": "input_audio", "input_audio": 3}]}]),
        "input[0].content[0].input_audio",
    ),
    (raw(input=[{"type": "function_call", "name": "f", "arguments": "{}"}]), "input[0].call_id"),
    (raw(input=[{"type": "function_call", "call_id": "c", "arguments": "{}"}]), "input[0].name"),
    (raw(input=[{"type": "function_call", "call_id": "c", "name": "f", "arguments": 3}]), "input[0].arguments"),
    (raw(input=[{"type": "function_call", "call_id": "", "name": "f"}]), "input[0].call_id"),
    (raw(input=[{"type": "custom_tool_call", "call_id": "c", "name": "f", "input": {}}]), "input[0].input"),
    (raw(input=[{"type": "function_call_output", "call_id": "c", "output": 3}]), "input[0].output"),
    (raw(input=[{"type": "function_call_output", "output": "x"}]), "input[0].call_id"),
    (raw(input=[{"type": "reasoning", "summary": "x"}]), "input[0].summary"),
    (raw(input=[{"type": "reasoning", "summary": ["x"]}]), "input[0].summary[0]"),
    (raw(input=[{"type": "reasoning", "encrypted_content": 3}]), "input[0].encrypted_content"),
    (raw(tools=[{"name": "f"}]), "tools[0].type"),
    (raw(tools=[{"type": "function"}]), "tools[0].name"),
    (raw(tools=[{"type": "function", "name": "f", "parameters": 3}]), "tools[0].parameters"),
    (raw(tools=[{"type": "function", "name": "f", "strict": "no"}]), "tools[0].strict"),
    (raw(tools=[{"type": "custom", "name": "f", "format": "x"}]), "tools[0].format"),
    (raw(tools=[{"type": "namespace", "tools": []}]), "tools[0].name"),
    (raw(tools=[{"type": "namespace", "name": "n", "tools": ["x"]}]), "tools[0].tools[0]"),
    (raw(tools=[{"type": "web_search"}], tool_choice="any"), "tool_choice"),
    (raw(tools=[{"type": "web_search"}], tool_choice={"type": "function", "name": "f"}), "tool_choice"),
    (raw(tools=[{"type": "web_search"}], tool_choice={"type": "function"}), "tool_choice.name"),
    (raw(text={"format": 3}), "text.format"),
    (raw(text={"format": {"schema": {}}}), "text.format.type"),
    (raw(text={"format": {"type": "json_schema", "schema": 3}}), "text.format.schema"),
    (raw(text={"verbosity": 3}), "text.verbosity"),
    (raw(reasoning={"effort": 3}), "reasoning.effort"),
    (raw(stop=[3]), "stop[0]"),
]


@pytest.mark.parametrize(("data", "param"), WRONG)
def test_what_is_wrong_is_named_where_it_stands(data: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        server.read_request(server.read_ask(data, server.PATH))
    assert caught.value.hint
    if param is not None:
        assert caught.value.details["param"] == param
        assert param.split("[")[0].split(".")[0] in caught.value.sentence


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"background": True},
        {"prompt": {"id": "pmpt_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
    ],
)
def test_what_needs_a_memory_is_refused_for_translation_and_named_for_the_plan(fields: dict[str, Any]) -> None:
    assert "stateful" in used({"model": "m", "input": "hi", **fields})
    with pytest.raises(Unsupported) as caught:
        ask(**fields) if "input" not in fields else read({"model": "m", **fields})
    assert "store: false" in caught.value.hint
    assert caught.value.details["param"]


def test_a_native_engine_may_remember_the_input() -> None:
    asked = server.read_ask(b'{"model":"m","previous_response_id":"resp_1"}', server.PATH)
    assert server.features(asked) == {"stateful"}


def test_a_string_is_a_users_message() -> None:
    assert ask(instructions="Be.").messages == [
        Message("system", [Text("Be.")], {"_instructions": True}),
        Message("user", [Text("hi")]),
    ]


def test_roles_and_forms_of_content() -> None:
    found = ask(
        {"role": "developer", "content": "d"},
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "user", "content": "u"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "r"}], "phase": "final_answer"},
    ).messages
    assert found == [
        Message("system", [Text("d")], {"role": "developer"}),
        Message("system", [Text("s")]),
        Message("user", [Text("u")]),
        Message("assistant", [Text("a"), Refusal("r")]),
    ]


def test_pictures_files_and_sound() -> None:
    found = read(body("everything")).messages[2].parts
    assert found[0] == Text("See", {"prompt_cache_breakpoint": {"mode": "explicit"}})
    assert found[1] == Image(url="https://example.invalid/a.png")
    assert found[2] == Image(id="file_1", detail="low")
    assert found[3] == File("JVBERi0=", "application/pdf", name="a.pdf")
    assert found[4] == File(url="https://example.invalid/b.pdf")
    assert found[5] == File(id="file_2")
    assert found[6] == File("AAAA", name="c.bin")
    assert found[7] == Audio("UklGRg==", "wav")
    assert found[8] == Opaque("responses", "input_hologram", {"type": "input_hologram", "data": "x"})


def test_a_turn_of_the_assistant_is_one_message() -> None:
    found = read(body("codex"))
    turn = next(message for message in found.messages if message.role == "assistant")
    thinking, words, call, spawn = turn.parts
    assert thinking == Thinking(
        "**Look**\n\nthen patch", "gAAAAABo_x==", origin="responses", meta={"summary": ["**Look**", "then patch"]}
    )
    assert words == Text("I look first.", {"phase": "commentary"})
    assert call == ToolCall("call_07", "exec_command", '{"cmd":"ls"}')
    assert isinstance(spawn, ToolCall)
    assert spawn.name == "multi_agent_v1__spawn_agent"


def test_results_in_a_row_are_one_message() -> None:
    found = read(body("codex"))
    results = next(message for message in found.messages if message.role == "tool")
    assert results.parts[0] == ToolResult("call_07", [Text("a\nb")])
    assert isinstance(results.parts[1], ToolResult)
    assert results.parts[1].parts == [Text("spawned"), Image("iVBORw0KGgo=", "image/png")]


def test_raw_reasoning_keeps_how_it_came() -> None:
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "s"}],
        "content": [{"type": "reasoning_text", "text": "raw"}],
    }
    turn = ask({"role": "user", "content": "u"}, item).messages[1]
    assert turn.parts == [Thinking("raw", origin="responses", meta={"content": ["raw"], "summary": ["s"]})]


@pytest.mark.pitfall(66)
@pytest.mark.pitfall(60)
def test_the_knobs() -> None:
    request = read(body("everything"))
    assert (request.max_tokens, request.temperature, request.top_p, request.parallel_tools) == (100, 0.5, 0.9, False)
    assert (request.user, request.session) == ("u", "k")
    assert request.reasoning == Reasoning(effort="minimal")
    assert request.format == Format("json_schema", {"type": "object"}, "answer", True, "d")
    assert request.extras == {
        "responses": {
            "metadata": {"a": "b"},
            "service_tier": "flex",
            "truncation": "auto",
            "max_tool_calls": 3,
            "store": True,
            "some_future_field": {"x": 1},
        }
    }
    assert ask(user="old").user == "old"


@pytest.mark.pitfall(63)
def test_forms_of_answer() -> None:
    assert ask(text={"format": {"type": "text"}}).format == Format("text")
    assert ask(text={"format": {"type": "json_object"}}).format == Format("json_object")
    future = ask(text={"format": {"type": "regex", "pattern": "x"}, "verbosity": "high"})
    assert (future.format, future.verbosity) == (None, "high")
    assert future.extras["responses"]["text"] == {"format": {"type": "regex", "pattern": "x"}}


def test_efforts_that_nobody_knows_are_kept() -> None:
    request = ask(reasoning={"effort": "ultra", "context": "all_turns", "summary": None})
    assert request.reasoning is None
    assert request.extras["responses"]["reasoning"] == {"effort": "ultra", "context": "all_turns"}
    assert ask(reasoning={"effort": "xhigh", "generate_summary": "concise"}).reasoning == Reasoning(
        effort="xhigh", summary="concise"
    )


@pytest.mark.pitfall(67)
def test_unknown_items_and_fields_are_kept() -> None:
    request = read(body("codex"))
    opaque = [part for message in request.messages for part in message.parts if isinstance(part, Opaque)]
    roles = {
        part.type: message.role for message in request.messages for part in message.parts if isinstance(part, Opaque)
    }
    assert [part.type for part in opaque] == [
        "additional_tools",
        "web_search_call",
        "local_shell_call",
        "local_shell_call_output",
        "compaction",
        "ghost_snapshot",
    ]
    assert all(part.whole for part in opaque)
    assert roles["additional_tools"] == "system"
    assert roles["web_search_call"] == roles["compaction"] == "assistant"
    assert roles["local_shell_call_output"] == "tool"
    assert request.extras["responses"]["client_metadata"] == {"x-codex-installation-id": "0"}


@pytest.mark.parametrize("turn", range(4))
def test_what_codex_really_sends(turn: int) -> None:
    sent = recorded()[turn]
    request = read(sent)
    assert request.stream
    assert request.session == sent["prompt_cache_key"]
    assert request.tool("multi_agent_v1__spawn_agent") is not None
    assert [message.role for message in request.messages][:4] == ["system", "system", "user", "user"]
    assert used(sent) == {"hosted_tools", "namespaces", "tools"}


@pytest.mark.pitfall(72)
def test_faults_have_the_vendors_body() -> None:
    fault = json.loads(server.write_fault(ModelNotFound("no model 'x'", hint="flock model ls"), "req_1"))
    assert fault["error"]["message"] == "no model 'x'"
    assert fault["error"]["code"] == "model_not_found"
    assert (fault["error"]["type"], fault["error"]["request_id"]) == ("invalid_request_error", "req_1")


@pytest.mark.pitfall(41)
def test_half_characters_do_not_break_a_request() -> None:
    request = server.read_request(server.read_ask(b'{"model":"m","input":"a\\ud83d b\\u0000"}', server.PATH))
    assert request.messages == [Message("user", [Text("a\ufffd b\x00")])]
