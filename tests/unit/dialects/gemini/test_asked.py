"""What clients of this dialect send: paths, spellings, contents, tools and settings."""

from typing import Any

import orjson
import pytest

from flock.dialects.gemini import server
from flock.dialects.gemini.counting import read_count, write_count
from flock.dialects.history import alternate, tidy
from flock.dialects.ir import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from flock.errors import InvalidRequest
from tests.unit.dialects.gemini.reading import HI, MANY, ONE, REQUESTS, ask_of, asked, request_of, sdk_request, sent

# -- paths


@pytest.mark.parametrize(
    ("path", "model", "template", "stream"),
    [
        ("/v1beta/models/m:generateContent", "m", "/v1beta/models/{model}:generateContent", False),
        ("/v1/models/m:streamGenerateContent", "m", "/v1beta/models/{model}:streamGenerateContent?alt=sse", True),
        ("/v1/models/org/name:tag:generateContent", "org/name:tag", "/v1beta/models/{model}:generateContent", False),
        (
            "/v1beta/models/hf.co%2Fa%2Fb%3AQ4:generateContent",
            "hf.co/a/b:Q4",
            "/v1beta/models/{model}:generateContent",
            False,
        ),
        ("/v1beta/models/models/m:generateContent", "m", "/v1beta/models/{model}:generateContent", False),
        ("/v1beta/tunedModels/t-1:generateContent", "t-1", "/v1beta/tunedModels/{model}:generateContent", False),
    ],
)
def test_a_path_names_model_and_verb(path: str, model: str, template: str, stream: bool) -> None:
    ask = ask_of({"contents": [HI]}, path)
    assert (ask.dialect, ask.endpoint) == ("gemini", "generate")
    assert (ask.model, ask.path, ask.stream) == (model, template, stream)
    assert server.read_request(ask).stream is stream


@pytest.mark.parametrize("path", ["/v1beta/models/m", "/v1beta/models/:generateContent", "/v1/chat/completions"])
def test_a_path_that_names_none(path: str) -> None:
    with pytest.raises(InvalidRequest, match="names no model"):
        ask_of({"contents": [HI]}, path)


def test_another_verb() -> None:
    with pytest.raises(InvalidRequest, match="no such method: embedContent"):
        ask_of({"contents": [HI]}, "/v1beta/models/m:embedContent")


# -- spellings


def test_names_are_one_spelling_and_data_is_left_alone() -> None:
    body = {
        "system_instruction": {"parts": [{"text": "x"}]},
        "contents": [
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"top_p": {"max_items": 1}}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"mime_type": "x"}}}]},
        ],
        "tools": [
            {
                "function_declarations": [
                    {
                        "name": "f",
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {"max_items": {"type": "ARRAY", "min_items": "2", "items": {"any_of": []}}},
                        },
                        "response": {"type": "OBJECT", "property_ordering": ["a"]},
                    },
                    {"name": "g", "parameters_json_schema": {"properties": {"top_k": {"any_of": []}}}},
                ]
            }
        ],
        "generation_config": {"response_schema": {"type": "STRING", "enum": ["top_k"], "example": {"top_k": 1}}},
        "labels": {"top_k": "x"},
    }
    found = ask_of(body).body
    call, result = found["contents"][0]["parts"][0], found["contents"][1]["parts"][0]
    assert call == {"functionCall": {"name": "f", "args": {"top_p": {"max_items": 1}}}}
    assert result == {"functionResponse": {"name": "f", "response": {"mime_type": "x"}}}
    first, second = found["tools"][0]["functionDeclarations"]
    inner = {"type": "ARRAY", "minItems": "2", "items": {"anyOf": []}}
    assert first["parameters"] == {"type": "OBJECT", "properties": {"max_items": inner}}
    assert first["response"] == {"type": "OBJECT", "propertyOrdering": ["a"]}
    assert second["parametersJsonSchema"] == {"properties": {"top_k": {"any_of": []}}}
    assert found["generationConfig"]["responseSchema"]["example"] == {"top_k": 1}
    assert found["labels"] == {"top_k": "x"}


def test_what_came_is_kept_beside() -> None:
    raw = b'{"contents":"hi","generation_config":{"top_p":0.5}}'
    ask = server.read_ask(raw, ONE)
    assert ask.raw == raw
    assert ask.body["generationConfig"] == {"topP": 0.5}


@pytest.mark.pitfall(41)
def test_half_characters_are_replaced() -> None:
    ask = server.read_ask(b'{"contents":[{"parts":[{"text":"\\ud83d"}]}]}', ONE)
    assert b"\\ud83d" not in ask.raw
    assert server.read_request(ask).messages[0].parts == [Text("\ufffd")]


# -- contents


@pytest.mark.parametrize(
    "contents",
    [
        "hi",
        ["hi"],
        HI,
        [HI],
        [{"parts": [{"text": "hi"}]}],
        [{"parts": {"text": "hi"}}],
        [{"text": "hi"}],
        [{"parts": ["hi"]}],
    ],
)
def test_every_form_of_contents(contents: Any) -> None:
    (message,) = asked({"contents": contents}).messages
    assert (message.role, message.parts) == ("user", [Text("hi")])


@pytest.mark.parametrize(
    "system", ["x", {"parts": [{"text": "x"}]}, {"parts": {"text": "x"}}, [{"text": "x"}], {"text": "x"}]
)
def test_every_form_of_a_system_instruction(system: Any) -> None:
    first, _ = asked(systemInstruction=system).messages
    assert (first.role, first.parts) == ("system", [Text("x")])


@pytest.mark.pitfall(33)
def test_parts_of_every_kind() -> None:
    parts = [
        {"text": "a", "thoughtSignature": "s"},
        {"text": "b", "thought": True, "thoughtSignature": "s"},
        {"inlineData": {"mimeType": "image/png", "data": "a-_b"}},
        {"inlineData": {"mimeType": "audio/mpeg", "data": "QQ=="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "QQ==", "displayName": "a.pdf"}},
        {"inlineData": {"mimeType": "video/mp4", "data": "QQ=="}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x/a.png"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1"}},
        {"fileData": {"fileUri": "https://youtu.be/1"}},
        {"executableCode": {"code": "1"}},
    ]
    found = asked({"contents": [{"role": "model", "parts": parts}]}).messages[0].parts
    assert found == [
        Text("a", {"thoughtSignature": "s"}),
        Thinking("b", "s", origin="gemini"),
        Image("a+/b", "image/png"),  # the second alphabet of base64 becomes the first
        Audio("QQ==", "mp3"),
        File("QQ==", "application/pdf", name="a.pdf"),
        Opaque("gemini", "video", parts[5]),
        Image(media_type="image/png", url="https://x/a.png"),
        Image(media_type="image/png", id="https://generativelanguage.googleapis.com/v1beta/files/1"),
        Opaque("gemini", "fileData", parts[8]),
        Opaque("gemini", "executableCode", parts[9], whole=True),
    ]


@pytest.mark.pitfall(5)
@pytest.mark.pitfall(24)
def test_calls_and_results_without_ids_are_paired_by_order_and_name() -> None:
    request = asked(request_of("tool_result"))
    calls = [part for part in request.messages[1].parts if isinstance(part, ToolCall)]
    results = [part for part in request.messages[2].parts if isinstance(part, ToolResult)]
    assert [(call.id, call.name) for call in calls] == [("call_1_0", "get_weather"), ("call_1_1", "get_time")]
    assert [(result.id, result.name, result.is_error) for result in results] == [
        ("call_1_1", "get_time", False),
        ("call_1_0", "get_weather", True),
    ]
    assert [result.parts for result in results] == [[Text("12:00")], [Text("no such city")]]


@pytest.mark.pitfall(5)
def test_two_calls_of_one_name_are_answered_in_order() -> None:
    call = {"functionCall": {"name": "now", "args": {}}}
    contents = [
        HI,
        {"role": "model", "parts": [call, call]},
        {"role": "function", "parts": [{"functionResponse": {"name": "now", "response": {"n": n}}} for n in (1, 2)]},
        {"role": "user", "parts": [{"functionResponse": {"name": "never", "response": {}}}, {"text": "go on"}]},
    ]
    messages = asked({"contents": contents}).messages
    first, second = messages[2].parts
    assert isinstance(first, ToolResult)
    assert isinstance(second, ToolResult)
    assert (first.id, second.id) == ("call_1_0", "call_1_1")
    assert first.parts == [Text('{"n":1}')]
    orphan = messages[3].parts[0]
    assert isinstance(orphan, ToolResult)
    assert orphan.id == ""
    assert messages[4].parts == [Text("go on")]


@pytest.mark.pitfall(5)
def test_results_without_ids_of_calls_that_have_them() -> None:
    contents = [
        {
            "role": "model",
            "parts": [{"functionCall": {"id": "a", "name": "f"}}, {"functionCall": {"id": "b", "name": "g"}}],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "g", "response": {}}}, {"functionResponse": {"response": {}}}],
        },
    ]
    results = asked({"contents": contents}).messages[1].parts
    assert [(r.id, r.name) for r in results if isinstance(r, ToolResult)] == [("b", "g"), ("a", "f")]


@pytest.mark.parametrize("case", REQUESTS)
def test_every_request_of_the_corpus_is_read_and_comes_back_the_same(case: str) -> None:
    request = asked(request_of(case))
    out = sent(request)
    assert not out.lost
    again = asked(out.body)
    assert again.messages == _tidied(request.messages)
    assert [tool.schema for tool in again.tools] == [tool.schema for tool in request.tools]
    assert (again.reasoning, again.format, again.tool_choice) == (
        request.reasoning,
        request.format,
        request.tool_choice,
    )
    assert again.extras == request.extras
    assert sent(again).body == out.body


def _tidied(messages: list[Message]) -> list[Message]:
    """Return messages as an engine gets them: results in the order of the calls, turns in alternation."""
    told = alternate(tidy(messages)[0])
    for message in told:
        for part in message.parts:
            if isinstance(part, ToolResult):  # it has the call's id now
                part.meta["_response"] = {**part.meta["_response"], "name": part.name, "id": part.id}
    return told


# -- what is wrong


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"contents": [{"role": "assistant", "parts": []}]}, r"contents\[0\].role"),
        ({"contents": [{"parts": [3]}]}, r"contents\[0\].parts\[0\]"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {"args": {}}}]}]}, r"parts\[0\].functionCall.name"),
        (
            {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}]},
            r"functionCall.args",
        ),
        ({"contents": [HI], "tools": [{"functionDeclarations": [{}]}]}, r"functionDeclarations\[0\].name"),
        ({"contents": [HI], "generationConfig": {"maxOutputTokens": "9"}}, "generationConfig.maxOutputTokens"),
        ({"contents": [HI], "generationConfig": []}, "generationConfig"),
        ({"contents": [HI], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "functionCallingConfig.mode"),
        ({}, "contents"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest, match=path):
        asked(fields)


# -- Google's own library


def test_what_the_sdk_sends_is_understood() -> None:
    def get_weather(city: str, days: int = 1) -> str:
        """Return the weather."""
        return f"{city} {days}"

    path, body = sdk_request(
        contents=["hi"],
        config={
            "system_instruction": "be brief",
            "tools": [get_weather],
            "automatic_function_calling": {"disable": True},
            "response_mime_type": "application/json",
            "response_json_schema": {"type": "object", "properties": {"max_items": {"type": "integer"}}},
            "thinking_config": {"thinking_level": "LOW", "include_thoughts": True},
            "max_output_tokens": 9,
        },
    )
    ask = server.read_ask(body, path)
    request = server.read_request(ask)
    assert request.model == "org/m:tag"
    assert [message.role for message in request.messages] == ["system", "user"]
    (tool,) = request.tools
    assert tool.name == "get_weather"
    assert tool.schema is not None
    assert tool.schema["properties"]["city"]["type"] == "string"
    assert request.format == Format("json_schema", {"type": "object", "properties": {"max_items": {"type": "integer"}}})
    assert request.reasoning == Reasoning(effort="low", summary="auto")
    assert request.max_tokens == 9


# -- counting


@pytest.mark.pitfall(68)
def test_a_count_takes_contents_or_a_whole_request() -> None:
    path = "/v1beta/models/a/b:c:countTokens"
    whole = {"model": "models/m", "contents": [HI], "system_instruction": "x"}
    for body in (b'{"contents":"hi"}', b'{"generate_content_request": %s}' % _dumped(whole)):
        ask = read_count(body, path)
        assert (ask.model, ask.endpoint, ask.stream) == ("a/b:c", "count_tokens", False)
        assert ask.path == "/v1beta/models/{model}:countTokens"
        assert server.read_request(ask).messages[-1].parts == [Text("hi")]
    assert server.read_request(ask).messages[0].parts == [Text("x")]
    with pytest.raises(InvalidRequest, match="no such method"):
        read_count(b"{}", ONE)
    with pytest.raises(InvalidRequest, match="generateContentRequest"):
        read_count(b'{"generateContentRequest": 3}', path)
    assert write_count(7) == b'{"totalTokens":7}'


def _dumped(value: Any) -> bytes:
    return orjson.dumps(value)


def test_a_stream_is_told_by_the_verb_alone() -> None:
    assert ask_of({"contents": [HI], "stream": False}, MANY).stream
    assert not ask_of({"contents": [HI], "stream": True}, ONE).stream
