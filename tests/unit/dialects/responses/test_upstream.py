"""What is asked of engines that speak Responses: all that a client of theirs asks, and the sense of what others do."""

import json
from dataclasses import replace
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from flock.dialects.ir import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Opaque,
    Part,
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
from flock.dialects.responses import upstream
from flock.errors import Unsupported
from tests.unit.dialects.responses.corpus import REQUESTS, again, ask, body, read, recorded, sent

STRICT: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
WEATHER = Tool(
    "get_weather", "d", {"type": "object", "properties": {"city": {"type": "string"}}}, own_name="get_weather"
)


def chat(*messages: Message, **fields: Any) -> Request:
    """Return a request that a client of another dialect made."""
    return Request("openai", "m", list(messages) or [Message("user", [Text("hi")])], **fields)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.pitfall(67)
def test_a_request_of_this_dialect_comes_out_as_it_went_in(name: str) -> None:
    request = read(body(name))
    found = sent(request)
    assert again(request) == request
    assert (found.path, found.lost, found.names) == ("/v1/responses", [], {})
    kept = ["store: false, nothing is kept for later requests"] if body(name).get("store") else []
    assert found.edits == kept
    assert found.body["store"] is False
    assert "reasoning.encrypted_content" in found.body["include"]
    assert "prompt_cache_key" not in found.body
    assert "safety_identifier" not in found.body


@pytest.mark.parametrize("turn", range(4))
def test_what_codex_sends_comes_out_as_it_went_in(turn: int) -> None:
    original = recorded()[turn]
    request = read(original)
    found = sent(request).body
    assert again(request) == request
    assert found["tools"] == original["tools"]
    assert [{k: v for k, v in item.items() if k not in ("id", "status")} for item in original["input"]][:4] == found[
        "input"
    ][:4]
    STRICT.validate_python(found)


@pytest.mark.pitfall(52)
def test_reasoning_goes_back_without_an_id_and_with_a_summary() -> None:
    items = [item for item in sent(read(body("codex"))).body["input"] if item["type"] == "reasoning"]
    texts = [{"type": "summary_text", "text": "**Look**"}, {"type": "summary_text", "text": "then patch"}]
    assert items == [{"type": "reasoning", "summary": texts, "encrypted_content": "gAAAAABo_x=="}]
    silent = ask({"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}, {"role": "user", "content": "u"})
    assert sent(silent).body["input"][0] == {"type": "reasoning", "summary": [], "encrypted_content": "x"}


@pytest.mark.pitfall(46)
def test_thinking_nobody_here_vouches_for_is_left_out() -> None:
    for thinking in (Thinking("t", "sig", origin="anthropic"), Thinking("t"), Thinking("t", origin="responses")):
        turn = Message("assistant", [thinking, Text("said")])
        found = sent(chat(Message("user", [Text("u")]), turn))
        assert [item["type"] for item in found.body["input"]] == ["message", "message"]
        assert found.lost == ["thinking of earlier turns"]


def test_system_words_that_come_first_are_instructions() -> None:
    found = sent(
        chat(
            Message("system", [Text("a"), Text("b")]),
            Message("system", [Text("c")], {"role": "developer"}),
            Message("user", [Text("u")]),
            Message("system", [Text("late")]),
        )
    )
    assert found.body["instructions"] == "a\n\nb\n\nc"
    assert [item["role"] for item in found.body["input"]] == ["user", "system"]


@pytest.mark.pitfall(7)
def test_a_foreign_history_is_tidied() -> None:
    found = sent(
        chat(
            Message("user", [Text("u")]),
            Message("assistant", [ToolCall("a", "get_weather", "{}"), ToolCall("b", "get_weather", "")]),
            Message("tool", [ToolResult("b", [Text("sunny")]), ToolResult("orphan", [Text("x")])]),
            Message("user", [Text("v")]),
            tools=[WEATHER],
        )
    )
    items = found.body["input"]
    assert [item.get("call_id") for item in items] == [None, "a", "b", "a", "b", None]
    assert [item.get("output") for item in items][3:5] == ["[tool error] tool result unavailable", "sunny"]
    assert items[2]["arguments"] == "{}"
    assert found.edits


@pytest.mark.pitfall(4)
def test_ids_are_ones_the_vendor_takes_in_calls_and_results_alike() -> None:
    strange = "toolu/" + "x" * 100
    history = (
        Message("assistant", [ToolCall(strange, "get_weather", "{}")]),
        Message("tool", [ToolResult(strange, [Text("r")])]),
    )
    call, result = sent(chat(Message("user", [Text("u")]), *history, tools=[WEATHER])).body["input"][1:]
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64
    assert "/" not in call["call_id"]


@pytest.mark.pitfall(8)
def test_names_are_ones_the_vendor_takes_and_come_back() -> None:
    name = "mcp__server.tool" + "x" * 80
    tool = replace(WEATHER, name=name, own_name=name)
    history = Message("assistant", [ToolCall("c", name, "{}")])
    found = sent(chat(Message("user", [Text("u")]), history, tools=[tool], tool_choice=ToolChoice("named", name)))
    wire = found.body["tools"][0]["name"]
    assert len(wire) <= 64
    assert "." not in wire
    assert found.names == {wire: name}
    assert found.body["tool_choice"] == {"type": "function", "name": wire}
    assert found.body["input"][1]["name"] == wire
    call = {"type": "function_call", "call_id": "c", "name": wire, "arguments": "{}"}
    part = upstream.read_reply({"output": [call]}, found.names).parts[0]
    assert isinstance(part, ToolCall)
    assert part.name == name


@pytest.mark.pitfall(26)
@pytest.mark.pitfall(3)
def test_foreign_tools_say_outright_that_they_are_not_strict() -> None:
    bare = Tool("ping", own_name="ping")
    strict = replace(WEATHER, strict=True)
    tools = sent(chat(tools=[bare, strict])).body["tools"]
    assert [tool["strict"] for tool in tools] == [False, True]
    assert tools[0]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.pitfall(14)
def test_custom_tools_stay_custom() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    patch = Tool("apply_patch", "d", kind="custom", grammar=grammar)
    found = sent(
        chat(
            Message("user", [Text("u")]),
            Message("assistant", [ToolCall("c", "apply_patch", "*** raw")]),
            Message("tool", [ToolResult("c", [Text("ok")])]),
            tools=[patch],
            tool_choice=ToolChoice("named", "apply_patch"),
        )
    ).body
    assert found["tools"][0]["format"] == {"type": "grammar", "syntax": "lark", "definition": "x"}
    assert found["tool_choice"] == {"type": "custom", "name": "apply_patch"}
    assert found["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** raw"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]
    STRICT.validate_python(found)


@pytest.mark.pitfall(13)
@pytest.mark.pitfall(15)
def test_tools_of_another_vendor_are_left_out_and_deferred_ones_are_offered() -> None:
    hosted = Tool("web_search", kind="hosted", raw={"type": "web_search_20250305"})
    found = sent(chat(tools=[hosted, replace(WEATHER, deferred=True)]))
    assert [tool["name"] for tool in found.body["tools"]] == ["get_weather"]
    assert "defer_loading" not in found.body["tools"][0]
    assert found.lost == ["tools.web_search"]


def test_a_choice_among_nothing_is_not_sent() -> None:
    assert "tool_choice" not in sent(chat(tool_choice=ToolChoice("required"))).body


@pytest.mark.pitfall(16)
@pytest.mark.pitfall(17)
def test_results_keep_their_pictures_and_say_that_they_are_errors() -> None:
    call = Message("assistant", [ToolCall("c", "get_weather", "{}"), ToolCall("d", "get_weather", "{}")])
    shown = ToolResult("c", [Text("see"), Image("AA", "image/png")])
    failed = ToolResult("d", [Text("no such city")], is_error=True)
    items = sent(chat(Message("user", [Text("u")]), call, Message("tool", [shown, failed]), tools=[WEATHER])).body[
        "input"
    ]
    picture = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA"}
    assert items[3]["output"] == [{"type": "input_text", "text": "see"}, picture]
    assert items[4]["output"] == "[tool error] no such city"


def test_content_of_every_kind() -> None:
    parts: list[Part] = [
        Text("t", {"cache_control": {"type": "ephemeral"}}),
        Image(url="https://example.invalid/a.png", detail="low"),
        File("JVBERi0=", "application/pdf"),
        File(url="https://example.invalid/a.pdf", name="a.pdf"),
        File(text="plain", name="notes"),
        Audio("UklGRg==", "wav"),
        Opaque("anthropic", "search_result", {}),
    ]
    found = sent(chat(Message("user", parts), Message("assistant", [Text("a"), Refusal("r")])))
    assert found.body["input"][0]["content"] == [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "detail": "low", "image_url": "https://example.invalid/a.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "document"},
        {"type": "input_file", "file_url": "https://example.invalid/a.pdf", "filename": "a.pdf"},
        {"type": "input_text", "text": "notes\n\nplain"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]
    assert [part["type"] for part in found.body["input"][1]["content"]] == ["output_text", "refusal"]
    assert found.lost == ["cache_control", "search_result"]


@pytest.mark.pitfall(35)
def test_content_without_an_equivalent_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="image"):
        sent(chat(Message("assistant", [Image("AA", "image/png")])))
    with pytest.raises(Unsupported, match="file kept by another vendor"):
        sent(Request("anthropic", "m", [Message("user", [File(id="file_1")])]))


@pytest.mark.pitfall(64)
def test_knobs_the_dialect_does_not_have_are_told() -> None:
    found = sent(
        chat(
            top_k=5,
            min_p=0.1,
            seed=1,
            stop=["x"],
            presence_penalty=0.1,
            frequency_penalty=0.1,
            logit_bias={"1": 2},
            logprobs=True,
            extras={"openai": {"prediction": {}}, "anthropic": {"thinking.display": "omitted"}},
        )
    )
    assert sorted(found.lost) == [
        *("frequency_penalty", "logit_bias", "logprobs", "min_p", "prediction", "presence_penalty", "seed", "stop"),
        *("thinking.display", "top_k"),
    ]
    assert set(found.body) == {"model", "input", "stream", "store"}
    with pytest.raises(Unsupported, match="n > 1"):
        sent(chat(n=2))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Reasoning(effort="xhigh", summary="auto"), {"effort": "xhigh", "summary": "auto"}),
        (Reasoning(mode="off"), {"effort": "none"}),
        (Reasoning(mode="on", budget=1024), {"effort": "low"}),
        (Reasoning(mode="on", budget=10000), {"effort": "medium"}),
        (Reasoning(mode="on", budget=31999), {"effort": "high"}),
        (Reasoning(mode="adaptive"), None),
        (Reasoning(mode="adaptive", effort="max"), {"effort": "max"}),
    ],
)
@pytest.mark.pitfall(48)
def test_how_much_to_think(asked: Reasoning, expected: dict[str, str] | None) -> None:
    assert sent(chat(reasoning=asked)).body.get("reasoning") == expected


@pytest.mark.pitfall(63)
@pytest.mark.pitfall(60)
def test_limits_and_forms() -> None:
    found = sent(chat(max_tokens=7, verbosity="low", format=Format("json_schema", {"type": "object"}, "n", True))).body
    assert found["max_output_tokens"] == 7
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    assert found["text"] == {"format": form, "verbosity": "low"}
    assert sent(chat(format=Format("json_object"))).body["text"] == {"format": {"type": "json_object"}}


@pytest.mark.pitfall(66)
def test_who_asks_is_nobodys_business_upstream() -> None:
    assert "jane" not in json.dumps(sent(chat(user="jane", session="jane-1")).body)
