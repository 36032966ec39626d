"""Requests of clients, read: every field, every spelling, and what is refused by name."""

import json
from typing import Any

import pytest

from flock.dialects.ask import Ask
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
from flock.dialects.openai import server
from flock.errors import InvalidRequest
from tests.unit.dialects.openai.corpus import PLACE, body

REQUESTS = sorted(path.stem for path in (PLACE / "requests").glob("*.json"))


def ask(fields: dict[str, Any], path: str = server.CHAT) -> Ask:
    return server.read_ask(json.dumps({"model": "m", **fields}).encode(), path)


def chat(**fields: Any) -> Request:
    return server.read_request(ask({"messages": [{"role": "user", "content": "hi"}], **fields}))


def message(**fields: Any) -> Message:
    return chat(messages=[{"role": "user", **fields}]).messages[0]


def parts(*content: dict[str, Any]) -> list[Any]:
    return message(content=list(content)).parts


def test_every_knob_has_its_place() -> None:
    request = server.read_request(ask(body("requests", "every-knob")))
    assert (request.dialect, request.model, request.stream, request.wants_usage) == ("openai", "m", True, True)
    assert (request.temperature, request.top_p, request.top_k, request.min_p) == (0.5, 0.9, 40, 0.05)
    assert (request.presence_penalty, request.frequency_penalty, request.seed) == (0.1, -0.1, 7)
    assert (request.stop, request.n, request.max_tokens) == (["END", "\n\n"], 1, 100)
    assert (request.logprobs, request.top_logprobs, request.logit_bias) == (True, 3, {"50256": -100})
    assert (request.user, request.session) == ("s-1", "k-1")
    assert (request.parallel_tools, request.tool_choice) == (False, ToolChoice("auto"))
    assert (request.format, request.verbosity) == (Format("json_object"), "low")
    assert request.reasoning == Reasoning(effort="low")
    assert sorted(request.extras["openai"]) == [
        *("chat_template_kwargs", "metadata", "mirostat", "prediction", "repetition_penalty", "service_tier"),
        *("store", "stream_options"),
    ]
    assert request.extras["openai"]["stream_options"] == {"include_obfuscation": False}


def test_content_is_read_in_order() -> None:
    found = parts(
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
        {"type": "image_url", "image_url": "https://x/y.png"},
        {"type": "input_audio", "input_audio": {"data": "BB", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CC"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "refusal", "refusal": "no"},
        {"type": "video_url", "video_url": {"url": "u"}},
    )
    assert found == [
        Text("a", {"cache_control": {"type": "ephemeral"}}),
        Image(data="AAAA", media_type="image/png", detail="high"),
        Image(url="https://x/y.png"),
        Audio("BB", "mp3"),
        File(data="CC", media_type="application/pdf", name="a.pdf"),
        File(id="file-1"),
        Refusal("no"),
        Opaque("openai", "video_url", {"type": "video_url", "video_url": {"url": "u"}}),
    ]


@pytest.mark.pitfall(33)
def test_data_urls_are_taken_apart() -> None:
    (plain,) = parts({"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%2F%3E"}})
    assert (plain.media_type, plain.data) == ("image/svg+xml", "PHN2Zy8+")
    (loud,) = parts({"type": "image_url", "image_url": {"url": "DATA:image/png;charset=x;BASE64,QQ=="}})
    assert (loud.media_type, loud.data) == ("image/png", "QQ==")
    with pytest.raises(InvalidRequest, match="data: URL") as caught:
        parts({"type": "image_url", "image_url": {"url": "data:image/png"}})
    assert caught.value.details["param"] == "messages[0].content[0].image_url.url"


@pytest.mark.pitfall(18)
def test_calls_left_in_the_content_are_stripped() -> None:
    request = server.read_request(ask(body("requests", "langchain-tool-use")))
    assert request.messages[1].parts == [Text("Looking."), ToolCall("call_a", "get_weather", '{"city":"Paris"}')]


@pytest.mark.pitfall(25)
def test_functions_become_tools() -> None:
    request = chat(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "done"},
        ],
        functions=[{"name": "f", "description": "d", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert [(tool.name, tool.description, tool.schema) for tool in request.tools] == [("f", "d", {"type": "object"})]
    assert request.tool_choice == ToolChoice("named", "f")
    assert request.parallel_tools is False
    assert request.messages[1].parts == [ToolCall("", "f", "{}")]
    assert request.messages[2] == Message("tool", [ToolResult("", [Text("done")], name="f")])


@pytest.mark.pitfall(29)
def test_developers_and_systems_are_system() -> None:
    request = server.read_request(ask(body("requests", "late-system")))
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "system", "user"]
    system = chat(messages=[{"role": "system", "content": [{"type": "text", "text": t} for t in "ab"]}])
    assert system.messages[0].parts == [Text("a"), Text("b")]


@pytest.mark.pitfall(38)
def test_names_are_kept() -> None:
    assert message(content="x", name="Alice").meta == {"name": "Alice"}


@pytest.mark.pitfall(49)
@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"thinking": "hm"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "a"},
            ]
        },
    ],
)
def test_thinking_is_read_in_every_spelling(fields: dict[str, Any]) -> None:
    request = chat(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": "a", **fields}])
    assert request.messages[1].parts == [Thinking("hm"), Text("a")]


@pytest.mark.pitfall(42)
def test_details_of_thinking_are_opaque() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "sig==", "format": "anthropic-claude-v1"}
    hidden = {"type": "reasoning.encrypted", "data": "xyz"}
    request = chat(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": [detail, hidden]},
        ]
    )
    first, second = request.messages[1].parts[:2]
    assert first == Thinking("hm", "sig==", origin="openai", meta={"reasoning_details": detail})
    assert second == Thinking("", redacted="xyz", origin="openai", meta={"reasoning_details": hidden})


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"reasoning_effort": "none"}, Reasoning(effort="none")),
        ({"reasoning": {"effort": "high"}}, Reasoning(effort="high")),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning("on", budget=2000)),
        ({"reasoning": {"enabled": False}}, Reasoning("off")),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, Reasoning("on", budget=5)),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": {"type": "auto"}}, Reasoning("adaptive")),
        ({"thinking": {}}, None),
        ({}, None),
    ],
)
def test_how_much_to_think(fields: dict[str, Any], found: Reasoning | None) -> None:
    assert chat(**fields).reasoning == found


def test_what_else_reasoning_says_is_kept() -> None:
    request = chat(reasoning={"effort": "low", "exclude": True}, thinking={"type": "enabled", "clear_thinking": False})
    assert request.extras["openai"] == {"reasoning": {"exclude": True}, "thinking": {"clear_thinking": False}}


@pytest.mark.pitfall(60)
@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_tokens": -1}, None),
        ({"max_tokens": 0}, None),
        ({"max_tokens": None}, None),
    ],
)
def test_limits_of_both_names(fields: dict[str, Any], limit: int | None) -> None:
    assert chat(**fields).max_tokens == limit


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
        (None, None),
    ],
)
def test_the_choice_of_a_tool(given: Any, found: ToolChoice | None) -> None:
    assert chat(tool_choice=given).tool_choice == found


def test_allowed_tools_are_the_only_ones() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "fgh"]
    only = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "h"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": only}}
    request = chat(tools=tools, tool_choice=choice)
    assert [tool.name for tool in request.tools] == ["f", "h"]
    assert request.tool_choice == ToolChoice("required")


@pytest.mark.pitfall(13)
@pytest.mark.pitfall(14)
def test_tools_of_every_kind() -> None:
    function = {"type": "function", "function": {"name": "f", "strict": True}, "defer_loading": True}
    custom = {"type": "custom", "custom": {"name": "c", "description": "d", "format": {"type": "text"}}}
    hosted = {"type": "web_search", "search_context_size": "low"}
    assert chat(tools=[function, custom, hosted]).tools == [
        Tool("f", strict=True, deferred=True, raw=function),
        Tool("c", "d", kind="custom", grammar={"type": "text"}, raw=custom),
        Tool("web_search", kind="hosted", raw=hosted),
    ]


def test_forms_of_an_answer() -> None:
    schema = {"type": "object"}
    found = chat(
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    )
    assert found.format == Format("json_schema", schema, "n", True)
    assert chat(response_format={"type": "json_object", "schema": schema}).format == Format("json_schema", schema)
    assert chat(response_format={"type": "text"}).format == Format("text")
    odd = chat(response_format={"type": "grammar", "grammar": "root ::= 'a'"})
    assert (odd.format, sorted(odd.extras["openai"])) == (None, ["response_format"])


@pytest.mark.pitfall(66)
def test_people_and_sessions_are_hints() -> None:
    request = chat(user="alice", prompt_cache_key="thread-1")
    assert (request.user, request.session, request.extras) == ("alice", "thread-1", {})


@pytest.mark.pitfall(41)
def test_half_characters_in_a_body_are_replaced() -> None:
    raw = rb'{"messages":[{"role":"user","content":"a\ud83d b \u0000 \ufeff \r\n"}]}'
    found = server.read_ask(raw, server.CHAT)
    assert server.read_request(found).messages[0].parts == [Text("a� b \x00 \ufeff \r\n")]
    assert json.loads(found.raw) == found.body
    whole = rb'{"messages":[{"role":"user","content":"\ud83d\ude00"}]}'
    assert server.read_ask(whole, server.CHAT).raw is whole
    with pytest.raises(InvalidRequest, match="not JSON"):
        server.read_ask(rb'{"messages":"\ud83d"', server.CHAT)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url.url"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": 3}]}]},
            "messages[0].content[0].input_audio",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [3]}]}, "messages[0].tool_calls[0]"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": 3}}]}]},
            "messages[0].tool_calls[0].function.name",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 3}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": [{"role": "tool", "tool_call_id": 3}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "name": 3}]}, "messages[0].name"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [{}]}, "tools[0].type"),
        ({"functions": [{}]}, "functions[0].name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
        ({"stop": ["a", 3]}, "stop[1]"),
        ({"top_k": 1.5}, "top_k"),
        ({"min_p": "x"}, "min_p"),
        ({"reasoning_effort": 3}, "reasoning_effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"max_tokens": "x"}}, "reasoning.max_tokens"),
        ({"thinking": {"type": 3}}, "thinking.type"),
        ({"response_format": {}, "stream_options": {"include_usage": True}, "logprobs": "x"}, "logprobs"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": 3}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)
    assert caught.value.details["param"] == param
    assert caught.value.hint
    assert param in caught.value.sentence
