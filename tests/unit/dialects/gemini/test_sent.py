"""What is sent to an engine that speaks this dialect, whichever dialect the client speaks."""

import json

import pytest

from flock.dialects.gemini import upstream
from flock.dialects.ir import (
    Audio,
    File,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from flock.errors import InvalidRequest, Unsupported
from tests.unit.dialects.gemini.reading import HI, asked, from_chat, sent, told, user

PIXEL = "iVBORw0KGgoAAAANSUhEUg=="


def contents(*messages: Message) -> list[Json]:
    """Return the contents of a conversation."""
    return told(*messages).body["contents"]


# -- paths


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-pro", "/v1beta/models/gemini-3-pro"),
        ("models/gemini-3-pro", "/v1beta/models/gemini-3-pro"),
        ("org/a b:tag", "/v1beta/models/org/a%20b:tag"),
        ("tunedModels/t", "/v1beta/tunedModels/t"),
        ("a?b#c", "/v1beta/models/a%3Fb%23c"),
    ],
)
def test_the_path_names_the_model(model: str, path: str) -> None:
    plain = upstream.write_request(asked(), model, stream=False)
    assert plain.path == f"{path}:generateContent"
    assert "model" not in plain.body
    assert upstream.write_request(asked(), model, stream=True).path == f"{path}:streamGenerateContent?alt=sse"


# -- the conversation


@pytest.mark.pitfall(6)
@pytest.mark.pitfall(24)
def test_results_are_grouped_in_the_order_of_the_calls_with_name_and_object() -> None:
    calls: list[Part] = [ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "")]
    found = contents(
        user(Text("hi")),
        Message("assistant", [Text("I look"), *calls]),
        Message("tool", [ToolResult("b", [Text("two")])]),
        Message("tool", [ToolResult("a", [Text("3")], is_error=True)]),
        user(Text("and?")),
    )
    model, results = found[1], found[2]
    assert model["role"] == "model"
    assert [part.get("functionCall") for part in model["parts"]] == [
        None,
        {"name": "f", "args": {"x": 1}, "id": "a"},
        {"name": "g", "args": {}, "id": "b"},
    ]
    assert results == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "f", "response": {"error": "3"}, "id": "a"}},
            {"functionResponse": {"name": "g", "response": {"result": "two"}, "id": "b"}},
            {"text": "and?"},
        ],
    }


@pytest.mark.pitfall(7)
@pytest.mark.pitfall(24)
def test_a_call_without_a_result_gets_one_and_a_result_without_a_call_is_left_out() -> None:
    out = told(
        user(Text("hi")),
        Message("assistant", [ToolCall("a", "f"), ToolCall("b", "g")]),
        Message("tool", [ToolResult("b", [Text("x")]), ToolResult("z", [Text("y")])]),
    )
    results = out.body["contents"][2]["parts"]
    assert [part["functionResponse"]["name"] for part in results] == ["f", "g"]
    assert results[0]["functionResponse"]["response"] == {"error": "tool result unavailable"}
    assert "tool results without a call were left out" in out.edits


@pytest.mark.pitfall(24)
def test_the_name_of_a_result_is_looked_up_by_its_id() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = from_chat(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
    )
    (result,) = sent(request).body["contents"][2]["parts"]
    assert result == {"functionResponse": {"name": "f", "response": {"result": "7"}, "id": "c1"}}


@pytest.mark.pitfall(16)
def test_pictures_of_results_stand_behind_all_results() -> None:
    found = contents(
        user(Text("hi")),
        Message("assistant", [ToolCall("a", "f"), ToolCall("b", "g")]),
        Message("tool", [ToolResult("a", [Image(PIXEL, "image/jpeg")]), ToolResult("b", [Text("x")])]),
    )
    kinds = [next(iter(part)) for part in found[2]["parts"]]
    assert kinds == ["functionResponse", "functionResponse", "text", "inlineData"]
    assert found[2]["parts"][2] == {"text": "[from the result of the tool f]"}


@pytest.mark.pitfall(19)
@pytest.mark.pitfall(20)
@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ("", {}),
        ("null", {}),
        ('{}{"a":1}', {"a": 1}),
        ('{"a":', {"raw_arguments": '{"a":'}),
        ("[1]", {"raw_arguments": [1]}),
    ],
)
def test_arguments_are_an_object(arguments: str, args: Json) -> None:
    found = contents(user(Text("hi")), Message("assistant", [ToolCall("a", "f", arguments)]))
    assert found[1]["parts"][0]["functionCall"]["args"] == args


@pytest.mark.pitfall(36)
@pytest.mark.pitfall(27)
def test_turns_alternate_and_nothing_is_empty() -> None:
    found = contents(
        user(Text("a")), user(Text(""), Text("b")), Message("assistant", [Text("c")]), Message("assistant", [Text("d")])
    )
    assert found == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
    ]


@pytest.mark.pitfall(29)
@pytest.mark.pitfall(30)
def test_system_words_first_and_late() -> None:
    late = Message("system", [Text("late")])
    out = told(Message("system", [Text("a"), Text("b")]), Message("system", [Text("c")]), user(Text("hi")), late)
    assert out.body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}
    (turn,) = out.body["contents"]
    assert "late" in turn["parts"][1]["text"]
    assert "system words in mid-conversation became notes of the user" in out.edits


@pytest.mark.pitfall(39)
def test_a_conversation_that_says_nothing() -> None:
    with pytest.raises(InvalidRequest, match="says nothing"):
        told(Message("system", [Text("x")]))


@pytest.mark.pitfall(41)
def test_half_characters_are_replaced() -> None:
    out = told(user(Text("\ud83d")), Message("assistant", [ToolCall("a", "f", '{"\\ud83d":1}')]))
    assert "\ufffd" in json.dumps(out.body, ensure_ascii=False)
    json.dumps(out.body, ensure_ascii=False).encode()


@pytest.mark.pitfall(33)
@pytest.mark.pitfall(35)
def test_parts_of_every_kind() -> None:
    out = told(
        user(
            Image(PIXEL, "image/jpeg"),  # its first bytes say that it is PNG
            Image(url="https://x/a.png"),
            Image(id="files/1", media_type="image/png"),
            File("QQ==", "application/pdf", name="a.pdf"),
            File(text="words", name="b.txt"),
            File(url="https://x/c.pdf", media_type="application/pdf"),
            Audio("QQ==", "mp3"),
            Audio("QQ==", "flac"),
            Refusal("no"),
            Opaque("responses", "web_search_call", {}, whole=True),
        )
    )
    assert out.body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        {"fileData": {"fileUri": "https://x/a.png"}},
        {"fileData": {"fileUri": "files/1", "mimeType": "image/png"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "QQ==", "displayName": "a.pdf"}},
        {"text": "b.txt\n\nwords"},
        {"fileData": {"fileUri": "https://x/c.pdf", "mimeType": "application/pdf"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "QQ=="}},
        {"inlineData": {"mimeType": "audio/flac", "data": "QQ=="}},
        {"text": "no"},
    ]
    assert out.lost == ["web_search_call"]


def test_a_file_that_another_vendor_keeps() -> None:
    with pytest.raises(Unsupported, match="file_01"):
        told(user(Image(id="file_01")))


def test_hints_of_other_dialects_are_named() -> None:
    hinted = Text("a", {"cache_control": {"type": "ephemeral"}, "_note": 1, "id": "x"})
    out = told(Message("user", [hinted], {"name": "ann"}))
    assert out.body["contents"][0]["parts"] == [{"text": "a"}]
    assert sorted(out.lost) == ["cache_control", "messages[].name"]


# -- tools


SCHEMA: Json = {"properties": {"a": {"type": "string", "default": "x"}}, "additionalProperties": False}


@pytest.mark.pitfall(23)
@pytest.mark.pitfall(26)
def test_schemas_go_as_they_are_and_are_cut_for_who_knows_no_json_schema() -> None:
    tools = [Tool("f", "d", SCHEMA, strict=True), Tool("none")]
    request = Request("openai", "m", [user(Text("hi"))], tools)
    ((first, second),) = [tool["functionDeclarations"] for tool in sent(request).body["tools"]]
    assert first == {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object", **SCHEMA}}
    assert second == {"name": "none"}
    old = sent(request, json_schema=False).body["tools"][0]["functionDeclarations"][0]
    assert old["parameters"] == {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    assert "parametersJsonSchema" not in old


@pytest.mark.pitfall(8)
def test_names_that_the_dialect_does_not_take_are_other_ones_on_the_wire() -> None:
    names = ["mcp__a.b", "9lives", "x" * 70, "fine"]
    request = Request("openai", "m", [user(Text("hi"))], [Tool(name) for name in names])
    request.messages.append(Message("assistant", [ToolCall("c", "9lives")]))
    request.tool_choice = ToolChoice("named", "9lives")
    out = sent(request)
    declared = [one["name"] for one in out.body["tools"][0]["functionDeclarations"]]
    assert all(len(name) <= 64 and (name[0].isalpha() or name[0] == "_") for name in declared)
    assert [out.names.get(name, name) for name in declared] == names
    assert out.body["contents"][1]["parts"][0]["functionCall"]["name"] == declared[1]
    assert out.body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [declared[1]]


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_the_choice_of_a_tool(choice: ToolChoice, calling: Json) -> None:
    out = told(user(Text("hi")), tools=[Tool("f")], tool_choice=choice)
    assert out.body["toolConfig"] == {"functionCallingConfig": calling}


@pytest.mark.pitfall(11)
@pytest.mark.pitfall(10)
def test_a_choice_without_tools_and_one_call_at_a_time() -> None:
    out = told(user(Text("hi")), tool_choice=ToolChoice("required"))
    assert "toolConfig" not in out.body
    assert out.lost == ["tool_choice"]
    assert told(user(Text("hi")), tools=[Tool("f")], parallel_tools=False).lost == ["parallel_tool_calls"]


@pytest.mark.pitfall(13)
@pytest.mark.pitfall(14)
def test_tools_of_other_vendors_and_of_one_text() -> None:
    tools = [Tool("web_search", kind="hosted", raw={"type": "web_search"}), Tool("patch", "d", kind="custom")]
    out = told(user(Text("hi")), Message("assistant", [ToolCall("a", "patch", "*** Begin")]), tools=tools)
    assert out.lost == ["tools.web_search"]
    (declared,) = out.body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["required"] == ["input"]
    assert out.body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "*** Begin"}


# -- the dialect's own clients


@pytest.mark.pitfall(67)
def test_fields_nobody_knows_go_back_where_they_came_from() -> None:
    body = {
        "contents": [HI],
        "safetySettings": [{"category": "X", "threshold": "Y"}],
        "probe": 1,
        "generationConfig": {"probe": 2, "thinkingConfig": {"probe": 3, "thinkingBudget": -1}},
        "toolConfig": {"retrievalConfig": {"languageCode": "de"}},
    }
    out = sent(asked(body))
    assert out.body == body
    assert not out.lost


def test_several_answers_are_asked_for_as_they_came() -> None:
    config = {"candidateCount": 2, "responseLogprobs": True, "logprobs": 3}
    assert sent(asked(generationConfig=config)).body["generationConfig"] == config
