"""What a real Ollama is sent: its own clients' requests as they were, everybody else's in its words."""

from typing import Any

import pytest
from ollama._types import ChatRequest, GenerateRequest

from flock.dialects.ir import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from flock.dialects.ollama import upstream
from flock.errors import InvalidRequest, Unsupported
from tests.unit.dialects.ollama.reading import REQUESTS, ask, path_of, request_of

HI = Message("user", [Text("hi")])
TOOL = Tool("get_weather", "d", {"type": "object", "properties": {"city": {"type": "string"}}})


def sent(*messages: Message, model: str = "m", **fields: Any) -> Any:
    request = Request("openai", "alias", list(messages) or [HI], **fields)
    return upstream.write_request(request, model, stream=True)


@pytest.mark.parametrize("name", [name for name in REQUESTS if name not in ("load", "unload")])
def test_a_request_of_the_dialect_stays_what_it_was(name: str) -> None:
    body = request_of(name)
    request = ask(body)
    out = upstream.write_request(request, request.model, stream=request.stream)
    assert out.path == path_of(body)
    told = {"stream": True, **body, "truncate": False}
    if name == "ollama_python_tools":  # which has no ids
        for message in out.body["messages"]:
            message.pop("tool_call_id", None)
            for call in message.get("tool_calls", ()):
                del call["id"]
    assert out.body == told
    assert (out.lost, out.edits) == ([], [])


def test_what_is_sent_is_said_by_its_own_client_too() -> None:
    for name in REQUESTS:
        if name in ("load", "unload"):
            continue
        request = ask(request_of(name))
        body = upstream.write_request(request, "m", stream=False).body
        (ChatRequest if "messages" in body else GenerateRequest).model_validate(body)


def test_a_stream_is_always_told() -> None:
    request = Request("openai", "m", [HI])
    assert upstream.write_request(request, "m", stream=False).body["stream"] is False
    assert upstream.write_request(request, "m", stream=True).body == {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
        "truncate": False,
    }


@pytest.mark.pitfall(78)
def test_the_window_is_told_and_a_prompt_is_never_cut() -> None:
    request = Request("openai", "m", [HI])
    body = upstream.write_request(request, "m", stream=True, num_ctx=32768).body
    assert body["options"] == {"num_ctx": 32768}
    assert body["truncate"] is False
    assert "shift" not in body, "an Ollama that has the model loaded with another value would load it anew"
    own = ask(request_of("every_option"))
    assert upstream.write_request(own, "m", stream=True).body["options"]["num_ctx"] == 1024
    assert upstream.write_request(own, "m", stream=True, num_ctx=8192).body["options"]["num_ctx"] == 8192
    asked = ask({**request_of("plain"), "truncate": True})
    assert upstream.write_request(asked, "m", stream=True).body["truncate"] is True, "the client says so itself"


def test_knobs_are_options() -> None:
    out = sent(
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        min_p=0.1,
        seed=4,
        presence_penalty=1.0,
        frequency_penalty=2.0,
        stop=["a"] * 5,
        logit_bias={"1": 2},
        verbosity="low",
        logprobs=True,
        top_logprobs=2,
    )
    assert out.body["options"] == {
        "num_predict": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "min_p": 0.1,
        "presence_penalty": 1.0,
        "frequency_penalty": 2.0,
        "top_k": 3,
        "seed": 4,
        "stop": ["a"] * 5,
    }
    assert (out.body["logprobs"], out.body["top_logprobs"]) == (True, 2)
    assert out.lost == ["logit_bias", "verbosity"]
    with pytest.raises(Unsupported, match="n > 1"):
        sent(n=2)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (Format("json_object"), "json"),
        (Format("json_schema", {"type": "object"}, "x", True), {"type": "object"}),
        (Format("text"), None),
    ],
)
def test_the_form_of_the_answer(form: Format, told: Any) -> None:
    assert sent(format=form).body.get("format") == told


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("wanted", "think", "words"),
    [
        (Reasoning(effort="none"), False, ""),
        (Reasoning("off"), False, ""),
        (Reasoning(effort="minimal"), "low", "minimal"),
        (Reasoning(effort="low"), "low", ""),
        (Reasoning(effort="medium"), "medium", ""),
        (Reasoning("adaptive", "high"), "high", ""),
        (Reasoning(effort="xhigh"), "high", "xhigh"),
        (Reasoning(effort="max"), "high", "max"),
        (Reasoning(effort="unheard-of"), "medium", "unheard-of"),
        (Reasoning("on"), True, ""),
        (Reasoning("on", budget=1024), "low", "1024"),
        (Reasoning("on", budget=10000), "medium", "10000"),
        (Reasoning("on", budget=30000), "high", "30000"),
        (Reasoning("adaptive"), None, "by itself"),
    ],
)
def test_how_much_to_think(wanted: Reasoning, think: Any, words: str) -> None:
    out = sent(reasoning=wanted)
    assert out.body.get("think") == think
    assert (words in " ".join(out.edits)) if words else out.edits == []


@pytest.mark.pitfall(48)
def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    """Ollama refuses it: `"x" does not support thinking`."""
    for wanted, told in ((Reasoning(effort="high"), None), (Reasoning("on"), None), (Reasoning("off"), False)):
        request = Request("openai", "m", [HI], reasoning=wanted)
        out = upstream.write_request(request, "m", stream=True, thinks=False)
        assert out.body.get("think") == told
        assert bool(out.lost) == (told is None)
        if told is None:
            assert upstream.write_request(request, "m", stream=True, thinks=True).body["think"]


def test_the_clients_own_levels_stay() -> None:
    assert upstream.write_request(ask({**request_of("plain"), "think": "max"}), "m", stream=True).body["think"] == "max"


# -- messages


@pytest.mark.pitfall(19)
def test_calls_and_results() -> None:
    out = sent(
        HI,
        Message("assistant", [Text("I look."), ToolCall("call_1", "get_weather", '{"city": "Paris"}')]),
        Message("tool", [ToolResult("call_1", [Text("rain"), Text("wind")])]),
        tools=[TOOL],
    )
    assert out.body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}],
        },
        {"role": "tool", "content": "rain\n\nwind", "tool_name": "get_weather", "tool_call_id": "call_1"},
    ]
    assert out.body["tools"] == [
        {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": TOOL.schema}}
    ]


@pytest.mark.pitfall(19)
@pytest.mark.pitfall(20)
@pytest.mark.parametrize(
    ("text", "told"),
    [("", {}), ('{}{"a":1}', {"a": 1}), ('{"a": ', {"raw_arguments": '{"a": '}), ("3", {"raw_arguments": 3})],
)
def test_arguments_are_an_object_and_never_dropped(text: str, told: Any) -> None:
    out = sent(HI, Message("assistant", [ToolCall("a", "f", text)]), Message("tool", [ToolResult("a", [Text("r")])]))
    assert out.body["messages"][1]["tool_calls"][0]["function"]["arguments"] == told


@pytest.mark.pitfall(7)
def test_an_error_and_a_missing_result() -> None:
    calls: list[Any] = [ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")]
    out = sent(HI, Message("assistant", calls), Message("tool", [ToolResult("a", [Text("no")], is_error=True)]))
    assert [(m["tool_name"], m["content"]) for m in out.body["messages"][2:]] == [
        ("f", "[tool error] no"),
        ("g", "[tool error] tool result unavailable"),
    ]


@pytest.mark.pitfall(8)
def test_names_that_ollama_would_not_take() -> None:
    out = sent(
        HI,
        Message("assistant", [ToolCall("a", "mcp server.f", "{}")]),
        Message("tool", [ToolResult("a", [Text("r")], name="mcp server.f")]),
        tools=[Tool("mcp server.f")],
    )
    name = out.body["tools"][0]["function"]["name"]
    assert out.names == {name: "mcp server.f"}
    assert out.body["messages"][1]["tool_calls"][0]["function"]["name"] == name
    assert out.body["messages"][2]["tool_name"] == name


@pytest.mark.pitfall(33)
@pytest.mark.pitfall(40)
def test_pictures_go_beside_the_words() -> None:
    out = sent(Message("user", [Text("what is"), Image(data="AAAA", media_type="image/png"), Text("this?")]))
    assert out.body["messages"] == [{"role": "user", "content": "what is\n\nthis?", "images": ["AAAA"]}]
    assert out.edits == ["pictures behind words: shown before them"]


@pytest.mark.pitfall(33)
@pytest.mark.pitfall(35)
@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Image(url="https://x/y.png"), "a picture given by a URL"),
        (Image(id="file_1"), "file 'file_1'"),
        (Audio("AA", "wav"), "sound"),
        (File(data="AA", media_type="application/pdf"), r"a document block \(application/pdf\)"),
        (Opaque("anthropic", "container_upload", {}), "container_upload"),
        (ToolCall("a", "f"), "a toolcall cannot stand here"),
    ],
)
def test_what_ollama_cannot_be_told_is_refused(part: Any, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        sent(Message("user", [part]))


def test_a_picture_without_data_is_wrong() -> None:
    with pytest.raises(InvalidRequest, match="without data"):
        sent(Message("user", [Image()]))


def test_words_of_documents_arrive() -> None:
    out = sent(Message("user", [File(text="PROBE", name="a.txt")]))
    assert "PROBE" in out.body["messages"][0]["content"]


def test_pictures_in_results_go_into_the_users_next_message() -> None:
    picture = Image(data="AAAA")
    turns = [HI, Message("assistant", [ToolCall("a", "look", "{}")]), Message("tool", [ToolResult("a", [picture])])]
    alone = sent(*turns).body["messages"]
    assert alone[2:] == [
        {"role": "tool", "content": "[see the next message]", "tool_name": "look", "tool_call_id": "a"},
        {"role": "user", "content": "[from the result of the tool look]", "images": ["AAAA"]},
    ]
    asked = sent(*turns, Message("user", [Text("so?")])).body["messages"]
    assert asked[3] == {"role": "user", "content": "[from the result of the tool look]\n\nso?", "images": ["AAAA"]}


def test_thinking_goes_along_where_nobody_signed_it() -> None:
    out = sent(HI, Message("assistant", [Thinking("Hm."), Text("Yes")]), HI)
    assert out.body["messages"][1] == {"role": "assistant", "content": "Yes", "thinking": "Hm."}
    signed = Thinking("Hm.", signature="S", origin="anthropic")
    out = sent(HI, Message("assistant", [signed, Text("Yes")]), HI)
    assert out.body["messages"][1] == {"role": "assistant", "content": "Yes"}
    assert out.edits == ["thinking that another vendor has signed: left out"]


def test_hints_are_left_out_by_name() -> None:
    out = sent(Message("user", [Text("x", {"cache_control": {"type": "ephemeral"}})], {"name": "Alice"}))
    assert out.lost == ["cache_control", "messages[].name"]


@pytest.mark.pitfall(39)
def test_a_conversation_that_says_nothing() -> None:
    with pytest.raises(InvalidRequest, match="says nothing"):
        sent(Message("user", [Text("")]))


# -- tools


@pytest.mark.pitfall(9)
@pytest.mark.parametrize(
    ("choice", "offered", "lost", "words"),
    [
        (None, 2, [], ""),
        (ToolChoice("auto"), 2, [], ""),
        (ToolChoice("none"), 0, [], "no tools are offered"),
        (ToolChoice("required"), 2, ["tool_choice"], ""),
        (ToolChoice("named", "now"), 1, ["tool_choice"], "only now is offered"),
        (ToolChoice("named", "gone"), 2, ["tool_choice"], "dropped"),
    ],
)
def test_there_is_no_tool_choice(choice: ToolChoice | None, offered: int, lost: list[str], words: str) -> None:
    out = sent(tools=[TOOL, Tool("now")], tool_choice=choice)
    assert len(out.body.get("tools", ())) == offered
    assert out.lost == lost
    assert words in " ".join(out.edits)


def test_one_call_at_a_time_is_left_out_in_the_clients_words() -> None:
    assert sent(tools=[TOOL], parallel_tools=False).lost == ["parallel_tool_calls"]
    request = Request("anthropic", "m", [HI], tools=[TOOL], parallel_tools=False)
    assert upstream.write_request(request, "m", stream=True).lost == ["tool_choice.disable_parallel_tool_use"]


def test_tools_of_other_kinds() -> None:
    tools = [Tool("apply_patch", kind="custom"), Tool("web_search", kind="hosted"), Tool("later", deferred=True)]
    out = sent(tools=tools)
    assert [tool["function"]["name"] for tool in out.body["tools"]] == ["apply_patch"]
    assert out.body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert out.lost == ["tools.web_search"]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (None, {"type": "object", "properties": {}}),
        ({"$defs": {}}, {"type": "object", "properties": {}, "$defs": {}}),
        ({"type": ["object", "null"]}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "properties": {"a": True, "b": {"type": "string"}}},
            {"type": "object", "properties": {"a": {}, "b": {"type": "string"}}},
        ),
    ],
)
def test_schemas_are_such_as_its_parser_takes(schema: Any, told: Any) -> None:
    assert sent(tools=[Tool("f", schema=schema)]).body["tools"][0]["function"]["parameters"] == told
