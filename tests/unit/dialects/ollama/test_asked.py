"""What clients ask: bodies checked and read into the middle, calls and results paired, loads told from requests."""

import json
from typing import Any

import pytest
from ollama import ChatResponse, GenerateResponse

from flock.dialects.ir import (
    Format,
    Image,
    Message,
    Opaque,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from flock.dialects.ollama import server
from flock.dialects.openai import upstream as openai
from flock.errors import FlockError, InvalidRequest, Unsupported
from tests.unit.dialects.ollama.reading import REQUESTS, ask, chat, path_of, request_of

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def first(body: dict[str, Any], path: str = "") -> Any:
    return server.read_ask(json.dumps(body).encode(), path or path_of(body))


def test_a_stream_is_wanted_unless_it_is_not() -> None:
    assert first(chat()).stream
    assert first(chat(stream=None)).stream
    assert first(chat(stream=True)).stream
    assert not first(chat(stream=False)).stream
    asked = first(chat())
    assert (asked.dialect, asked.endpoint, asked.path, asked.model) == ("ollama", "chat", "/api/chat", "m")
    assert first({"model": "m", "prompt": "x"}).endpoint == "generate"


def test_every_option() -> None:
    request = ask(request_of("every_option"))
    assert request.max_tokens == 100
    assert (request.temperature, request.top_p, request.top_k, request.min_p) == (0.8, 0.9, 20, 0.05)
    assert (request.presence_penalty, request.frequency_penalty, request.seed) == (1.5, 1.0, 42)
    assert request.stop == ["\n", "user:"]
    assert request.reasoning == Reasoning(effort="low")
    assert request.format == Format("json_schema", request_of("every_option")["format"])
    assert (request.logprobs, request.top_logprobs) == (True, 3)
    assert request.stream is False
    assert request.extras == {
        "ollama": {
            "keep_alive": "10m",
            "options.num_keep": 5,
            "options.typical_p": 0.7,
            "options.repeat_last_n": 33,
            "options.repeat_penalty": 1.2,
            "options.num_ctx": 1024,
            "options.num_batch": 2,
            "options.num_gpu": 1,
            "options.num_thread": 8,
            "options.use_mmap": True,
        }
    }
    assert openai.write_request(request, "m", stream=False).lost == list(request.extras["ollama"])


@pytest.mark.pitfall(60)
@pytest.mark.parametrize(("given", "limit"), [(5, 5), (5.0, 5), (-1, None), (-2, None), (0, None), (None, None)])
def test_num_predict(given: Any, limit: int | None) -> None:
    assert ask(chat(options={"num_predict": given})).max_tokens == limit


@pytest.mark.pitfall(48)
@pytest.mark.parametrize(
    ("think", "found"),
    [
        (True, Reasoning("on")),
        (False, Reasoning("off")),
        ("low", Reasoning(effort="low")),
        ("max", Reasoning(effort="max")),
        (None, None),
    ],
)
def test_how_much_to_think(think: Any, found: Reasoning | None) -> None:
    assert ask(chat(think=think)).reasoning == found


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ("json", Format("json_object")),
        ({"type": "object"}, Format("json_schema", {"type": "object"})),
        ({}, Format("json_object")),
        ("", None),
        (None, None),
    ],
)
def test_the_form_of_the_answer(form: Any, found: Format | None) -> None:
    assert ask(chat(format=form)).format == found


@pytest.mark.pitfall(33)
def test_pictures_are_bare_base64() -> None:
    (message,) = ask(request_of("images")).messages
    assert message.parts == [Image(data=PIXEL, media_type="image/png"), Text("what is in this image?")]
    dataurl = chat({"role": "user", "content": "x", "images": [f"data:image/webp;base64,{PIXEL}"]})
    assert ask(dataurl).messages[0].parts[0] == Image(data=PIXEL, media_type="image/png")
    with pytest.raises(InvalidRequest, match=r"messages\[0\].images\[0\] must be base64"):
        ask(chat({"role": "user", "content": "x", "images": ["https://x/y.png"]}))
    (message,) = ask({"model": "m", "prompt": "x", "images": [PIXEL]}).messages
    assert message.parts == [Image(data=PIXEL, media_type="image/png"), Text("x")]


def test_a_history_with_tools() -> None:
    request = ask(request_of("tool_history"))
    assert request.messages == [
        Message("user", [Text("what is the weather in tokyo?")]),
        Message(
            "assistant",
            [Thinking("I call the tool."), ToolCall("call_aaaa1111", "get_weather", '{"city":"Tokyo"}')],
        ),
        Message("tool", [ToolResult("call_aaaa1111", [Text("11 degrees")], name="get_weather")]),
        Message("assistant", [Text("It is cold.")]),
        Message("user", [Text("thanks")]),
    ]
    (tool,) = request.tools
    told = request_of("tool_history")["tools"][0]
    assert tool == Tool("get_weather", "Get the weather", told["function"]["parameters"], raw=told)


@pytest.mark.pitfall(5)
def test_results_without_ids_find_their_calls() -> None:
    """As ollama-python sends them: by name, and in order where the names are the same."""
    request = ask(request_of("ollama_python_tools"))
    calls = [part for part in request.messages[1].parts if isinstance(part, ToolCall)]
    results = [part for message in request.messages[2:] for part in message.parts if isinstance(part, ToolResult)]
    assert [result.id for result in results] == [call.id for call in calls]
    assert len({call.id for call in calls}) == 2
    out = openai.write_request(request, "m", stream=False)
    assert [(m.get("tool_call_id"), m["content"]) for m in out.body["messages"][2:]] == [
        (calls[0].id, "3"),
        (calls[1].id, "7"),
    ]
    assert out.edits == []


@pytest.mark.pitfall(5)
def test_results_come_in_another_order_or_without_names() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"function": {"name": name, "arguments": {}}}

    def told(*results: dict[str, Any]) -> list[str]:
        turns = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [call("f"), call("g")]},
            *results,
        ]
        found = [part for m in ask(chat(*turns)).messages for part in m.parts if isinstance(part, ToolResult)]
        return [result.name for result in found]

    tool = {"role": "tool", "content": "r"}
    assert told({**tool, "tool_name": "g"}, {**tool, "tool_name": "f"}) == ["g", "f"]
    assert told({**tool, "name": "g"}, tool) == ["g", "f"]
    assert told(tool, tool) == ["f", "g"]
    assert told(tool, tool, tool) == ["f", "g", ""]
    assert told({"role": "user", "content": "stop"}, tool) == [""], "the calls were left behind"


def test_ids_stay_while_the_conversation_grows() -> None:
    body = request_of("ollama_python_tools")
    before = ask(body).messages
    body["messages"] += [{"role": "assistant", "content": "3 and 7"}, {"role": "user", "content": "thanks"}]
    assert ask(body).messages[: len(before)] == before


def test_a_prompt_is_a_conversation() -> None:
    request = ask(request_of("generate"))
    assert request.messages == [
        Message("system", [Text("Be short.")]),
        Message("user", [Text("What color is the sky? Respond using JSON")]),
    ]
    assert (request.format, request.reasoning, request.temperature) == (Format("json_object"), Reasoning("off"), 0)
    assert request.extras == {}


@pytest.mark.parametrize("name", ["raw", "suffix", "context"])
def test_what_only_ollama_can_do_is_refused_by_its_name(name: str) -> None:
    request = ask(request_of(f"generate_{name}"))
    assert any(isinstance(part, Opaque) and part.type == name for part in request.messages[-1].parts)
    with pytest.raises(Unsupported, match=f"{name} of /api/generate") as caught:
        server.check_elsewhere(first(request_of(f"generate_{name}")))
    assert caught.value.details == {"param": name}


@pytest.mark.parametrize("body", [chat(), request_of("generate"), {"model": "m", "prompt": "x", "raw": False}])
def test_everything_else_can_be_translated(body: dict[str, Any]) -> None:
    server.check_elsewhere(first(body))


def test_a_template_is_left_out_by_its_name() -> None:
    request = ask({"model": "m", "prompt": "x", "template": "{{ .Prompt }}", "raw": False, "suffix": "", "context": []})
    assert openai.write_request(request, "m", stream=False).lost == ["template"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "the body must be an object"),
        ({"messages": "x"}, "messages must be an array"),
        ({"messages": ["x"]}, r"messages\[0\] must be an object"),
        ({"messages": [{"content": "x"}]}, r"messages\[0\].role must be a string"),
        ({"messages": [{"role": "robot", "content": "x"}]}, r"messages\[0\].role must be one of"),
        ({"messages": [{"role": "user", "content": []}]}, r"messages\[0\].content must be a string"),
        ({"messages": [{"role": "user", "images": [3]}]}, r"messages\[0\].images\[0\] must be a string"),
        (chat({"role": "assistant", "tool_calls": [{"function": {}}]}), r"tool_calls\[0\].function.name must"),
        (
            chat({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": []}}]}),
            r"tool_calls\[0\].function.arguments must be an object",
        ),
        (chat(stream="yes"), "stream must be true or false"),
        (chat(options=[]), "options must be an object"),
        (chat(options={"top_k": 1.5}), "options.top_k must be a whole number"),
        (chat(options={"temperature": "hot"}), "options.temperature must be a number"),
        (chat(options={"stop": [3]}), r"options.stop\[0\] must be a string"),
        (chat(format="yaml"), 'format must be "json" or a JSON schema'),
        (chat(think="hard"), "think must be true, false, low, medium, high or max, not 'hard'"),
        (chat(think=3), "think must be true, false or a level"),
        (chat(tools=[{"type": "function", "function": {}}]), r"tools\[0\].function.name must be"),
    ],
)
def test_what_is_wrong_is_named(body: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        ask(body, server.CHAT)


def test_half_characters_are_replaced_and_no_json_is_refused() -> None:
    asked = server.read_ask(rb'{"model":"m","messages":[{"role":"user","content":"a\ud83d"}]}', server.CHAT)
    assert asked.body["messages"][0]["content"] == "a�"
    assert json.loads(asked.raw) == asked.body
    with pytest.raises(InvalidRequest, match="not JSON"):
        server.read_ask(b"{", server.CHAT)


# -- loads


@pytest.mark.parametrize(
    ("body", "load", "unload"),
    [
        (request_of("load"), True, False),
        (request_of("unload"), True, True),
        ({"model": "m", "messages": None}, True, False),
        (chat(keep_alive=0), False, False),
        ({"model": "m", "prompt": ""}, True, False),
        ({"model": "m", "keep_alive": "0s"}, True, True),
        ({"model": "m", "keep_alive": "0h0m0.0s"}, True, True),
        ({"model": "m", "keep_alive": "0"}, True, True),
        ({"model": "m", "keep_alive": "10s"}, True, False),
        ({"model": "m", "keep_alive": "-1m"}, True, False),
        ({"model": "m", "keep_alive": 0.0}, True, True),
        ({"model": "m", "prompt": "x", "keep_alive": 0}, False, False),
    ],
)
def test_loads(body: dict[str, Any], load: bool, unload: bool) -> None:
    asked = first(body)
    assert (server.is_load(asked), server.is_unload(asked)) == (load, unload)


def test_what_a_load_is_answered() -> None:
    told = ChatResponse.model_validate_json(server.write_loaded(first(request_of("load")), False, 1_700_000_000))
    assert (told.done, told.done_reason, told.message.content) == (True, "load", "")
    assert told.created_at == "2023-11-14T22:13:20Z"
    said = GenerateResponse.model_validate_json(server.write_loaded(first({"model": "m"}), True))
    assert (said.done, said.done_reason, said.response, said.model) == (True, "unload", "", "m")


@pytest.mark.parametrize(
    ("options", "window"),
    [(None, None), ({}, None), ({"num_ctx": 8192}, 8192), ({"num_ctx": 8192.0}, 8192), ({"num_ctx": 0}, None)],
)
def test_the_window_a_client_asks_for(options: Any, window: int | None) -> None:
    assert server.num_ctx(first(chat(options=options))) == window


# -- features


@pytest.mark.parametrize(
    ("body", "uses"),
    [
        (chat(), set()),
        (request_of("images"), {"images"}),
        (request_of("tool_history"), {"tools"}),
        (request_of("every_option"), {"json_schema", "reasoning", "logprobs"}),
        (request_of("generate"), {"json_object", "reasoning"}),
        (chat({"role": "user", "content": "x"}, {"role": "system", "content": "y"}), {"late_system"}),
        (chat({"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}), {"prefill"}),
        ({"model": "m", "prompt": "x", "images": [PIXEL]}, {"images"}),
    ],
)
def test_features(body: dict[str, Any], uses: set[str]) -> None:
    assert server.features(first(body)) == uses


_ALONE = ("generate_raw", "generate_suffix", "generate_context", "load", "unload")


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_of_the_corpus_is_read(name: str) -> None:
    request = ask(request_of(name))
    assert request.model == request_of(name)["model"]
    if name in _ALONE:
        with pytest.raises(FlockError):
            openai.write_request(request, "m", stream=True)
    else:
        openai.write_request(request, "m", stream=True)
