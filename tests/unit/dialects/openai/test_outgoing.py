"""Requests as engines get them, beside their messages: tools, knobs, what is left out and reported."""

from typing import Any

import pytest

from flock.dialects.half import Outgoing
from flock.dialects.ir import (
    Format,
    Message,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from flock.dialects.openai import server, upstream

PNG = "iVBORw0KGgo="
HI = Message("user", [Text("hi")])


def user(*parts: Any) -> Message:
    return Message("user", [Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Any) -> Message:
    return Message("assistant", [Text(part) if isinstance(part, str) else part for part in parts])


def system(*texts: str) -> Message:
    return Message("system", [Text(text) for text in texts])


def result(id: str, *parts: Any, **fields: Any) -> Message:
    told = [Text(part) if isinstance(part, str) else part for part in parts]
    return Message("tool", [ToolResult(id, told, **fields)])


def write(
    *messages: Message, dialect: str = "anthropic", stream: bool = False, options: Any = None, **fields: Any
) -> Outgoing:
    return upstream.write_request(
        Request(dialect, "asked", list(messages), **fields), "served", stream=stream, **(options or {})
    )


def told(*messages: Message, options: Any = None, **fields: Any) -> list[dict[str, Any]]:
    return write(*messages, options=options, **fields).body["messages"]


CALL = ToolCall("call_1", "get_weather", '{"city": "Paris"}')
WEATHER = Tool("get_weather", "The weather", {"type": "object"})


def test_a_plain_request() -> None:
    out = write(system("s"), HI, max_tokens=5)
    assert out.path == server.CHAT
    assert out.body == {
        "model": "served",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
        "max_tokens": 5,
    }
    assert (out.lost, out.edits, out.names, out.headers) == ([], [], {}, {})


@pytest.mark.pitfall(56)
def test_a_stream_always_asks_for_usage() -> None:
    body = write(HI, stream=True, extras={}).body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    own = write(HI, dialect="openai", stream=True, extras={"openai": {"stream_options": {"x": 1}}}).body
    assert own["stream_options"] == {"include_usage": True, "x": 1}


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "get_weather"), {"type": "function", "function": {"name": "get_weather"}}),
        (ToolChoice("named", "unknown"), None),
        (None, None),
    ],
)
def test_the_choice_of_a_tool(choice: ToolChoice | None, sent: Any) -> None:
    assert write(HI, tools=[WEATHER], tool_choice=choice).body.get("tool_choice") == sent


@pytest.mark.pitfall(10)
def test_one_call_at_a_time() -> None:
    body = write(HI, tools=[WEATHER], parallel_tools=False).body
    assert body["parallel_tool_calls"] is False
    assert "tool_choice" not in body
    assert "parallel_tool_calls" not in write(HI, parallel_tools=False).body


@pytest.mark.pitfall(11)
def test_a_choice_without_tools_is_dropped() -> None:
    out = write(HI, tool_choice=ToolChoice("required"))
    assert "tool_choice" not in out.body
    assert out.edits == ["tool_choice: dropped, no tools are offered"]


@pytest.mark.pitfall(12)
def test_calls_in_the_history_get_tools() -> None:
    out = write(HI, assistant(CALL), result("call_1", "x"), HI)
    assert out.body["tools"] == [
        {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    ]
    assert out.body["tool_choice"] == "none"
    assert out.edits


@pytest.mark.pitfall(13)
def test_hosted_tools_are_left_out_and_reported() -> None:
    hosted = Tool("web_search_20250305", kind="hosted", raw={"type": "web_search_20250305"})
    out = write(HI, tools=[WEATHER, hosted])
    assert [tool["function"]["name"] for tool in out.body["tools"]] == ["get_weather"]
    assert out.lost == ["tools.web_search_20250305"]
    assert "tools" not in write(HI, tools=[hosted]).body


@pytest.mark.pitfall(14)
def test_custom_tools_are_functions_with_one_string() -> None:
    grammar = {"type": "grammar", "syntax": "regex", "definition": "^probe$"}
    patch = Tool("apply_patch", "Patch", kind="custom", grammar=grammar)
    talk = (HI, assistant(ToolCall("call_1", "apply_patch", '*** "x"\n')), result("call_1", "ok"))
    out = write(*talk, tools=[patch], dialect="responses", tool_choice=ToolChoice("named", "apply_patch"))
    function = out.body["tools"][0]["function"]
    assert function["parameters"]["properties"]["input"]["type"] == "string"
    assert "^probe$" in function["description"], "an engine that knows functions only is told the grammar in words"
    assert out.body["tools"][0]["type"] == "function"
    arguments = out.body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert arguments == '{"input":"*** \\"x\\"\\n"}'
    assert out.body["tool_choice"] == {"type": "function", "function": {"name": "apply_patch"}}
    assert out.edits


@pytest.mark.pitfall(15)
def test_deferred_tools_are_offered_once_named() -> None:
    tools = [
        WEATHER,
        Tool("found", deferred=True),
        Tool("called", deferred=True),
        Tool("space__hidden", namespace="space", own_name="hidden", deferred=True),
        Tool("other", deferred=True),
        Tool("DeferredToolPlaceholder"),
    ]

    def names(*messages: Message) -> list[str]:
        body = write(*messages, tools=tools).body
        return [tool["function"]["name"] for tool in body["tools"]]

    assert names(HI) == ["get_weather"]
    search = assistant(ToolCall("call_1", "search", "{}"))
    told = result("call_1", Text("found", {"tool_reference": "found"}), Text("hidden", {"tool_reference": True}))
    assert names(HI, search, told) == ["get_weather", "found", "space__hidden"]
    assert names(HI, assistant(ToolCall("c", "called", "{}")), result("c", "x")) == ["get_weather", "called"]


@pytest.mark.pitfall(8)
def test_names_are_mapped_and_mapped_back() -> None:
    name = "mcp server/" + "long.name " * 9
    talk = (HI, assistant(ToolCall("call_1", name, "{}")), result("call_1", "x", name=name))
    out = write(*talk, tools=[Tool(name), WEATHER], tool_choice=ToolChoice("named", name))
    wire = out.body["tools"][0]["function"]["name"]
    assert len(wire) <= 64
    assert out.names == {wire: name}
    assert out.body["messages"][1]["tool_calls"][0]["function"]["name"] == wire
    assert out.body["tool_choice"]["function"]["name"] == wire


@pytest.mark.pitfall(64)
def test_knobs_are_passed_and_stops_are_four() -> None:
    knobs: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "seed": 0,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 4,
        "logit_bias": {"1": 2},
    }
    out = write(HI, **knobs, stop=list("abcde"))
    assert {name: out.body[name] for name in knobs} == knobs
    assert (out.body["stop"], out.lost) == (["a", "b", "c", "d"], ["stop_sequences[4:]"])
    assert write(HI, dialect="openai", stop=list("abcde")).body["stop"] == list("abcde")


@pytest.mark.pitfall(63)
def test_the_form_of_an_answer() -> None:
    schema = {"type": "object"}
    assert write(HI, format=Format("json_object")).body["response_format"] == {"type": "json_object"}
    assert write(HI, format=Format("json_schema", schema)).body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema},
    }
    full = Format("json_schema", schema, "n", True, "d")
    assert write(HI, format=full).body["response_format"]["json_schema"] == {
        "name": "n",
        "schema": schema,
        "strict": True,
        "description": "d",
    }


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(effort="high"), "high"),
        (Reasoning("on", effort="low", budget=99999), "low"),
        (Reasoning("off"), "none"),
        (Reasoning("off", effort="high"), "none"),
        (Reasoning("on", budget=1024), "low"),
        (Reasoning("on", budget=10000), "medium"),
        (Reasoning("on", budget=31999), "high"),
        (Reasoning("adaptive"), None),
    ],
)
def test_how_much_to_think(reasoning: Reasoning, effort: str | None) -> None:
    assert write(HI, reasoning=reasoning).body.get("reasoning_effort") == effort


def test_the_template_is_told() -> None:
    options = {"template": {"enable_thinking": False}}
    assert write(HI, options=options).body["chat_template_kwargs"] == {"enable_thinking": False}
    own = {"openai": {"chat_template_kwargs": {"enable_thinking": True, "x": 1}}}
    merged = write(HI, dialect="openai", options=options, extras=own).body["chat_template_kwargs"]
    assert merged == {"enable_thinking": False, "x": 1}


@pytest.mark.pitfall(67)
def test_fields_of_other_dialects_are_reported() -> None:
    extras = {"anthropic": {"context_management": {}, "thread": {}}, "openai": {"x": 1}}
    assert write(HI, extras=extras).lost == ["context_management", "thread", "x"]
    own = write(HI, dialect="openai", extras={"openai": {"mirostat": 2, "model": "no"}})
    assert (own.body["mirostat"], own.body["model"], own.lost) == (2, "served", [])


@pytest.mark.pitfall(66)
def test_people_and_sessions_stay_here() -> None:
    body = write(HI, dialect="openai", user="alice", session="thread-1").body
    assert "alice" not in str(body)
    assert "thread-1" not in str(body)


@pytest.mark.pitfall(26)
def test_strictness_belongs_to_its_dialect() -> None:
    strict = Tool("f", strict=True)
    assert "strict" not in write(HI, tools=[strict], dialect="responses").body["tools"][0]["function"]
    assert write(HI, tools=[strict], dialect="openai").body["tools"][0]["function"]["strict"] is True


def test_what_is_lost_has_the_clients_names() -> None:
    out = write(HI, dialect="responses", verbosity="low", reasoning=Reasoning(effort="low", summary="auto"))
    assert out.lost == ["text.verbosity", "reasoning.summary"]


def test_nothing_of_the_request_is_changed() -> None:
    request = Request("anthropic", "m", [system("a"), HI, assistant("", CALL), result("call_1", "x"), system("b")])
    before = repr(request)
    upstream.write_request(request, "served", stream=True, late_system="hoist")
    assert repr(request) == before
