"""The fake Ollama is what ollama-python takes for one, and flock's own half understands what it says.

What stands in for the real server must have its manners: other tests rely on the cut of a prompt, on loads and on
faults. The official client is the judge of its shapes.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest

from flock.dialects.estimate import estimate
from flock.dialects.fold import fold
from flock.dialects.ir import (
    Event,
    Image,
    Message,
    Reasoning,
    Reply,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from flock.dialects.ollama import upstream, window
from flock.errors import ContextTooLong, UpstreamError
from flock.wire.ndjson import NDJSON
from tests.fakes.ollama_memory import MODELS
from tests.fakes.ollama_process import fake_ollama
from tests.fakes.scripted_answers import HELLO, THOUGHT
from tests.running import wait_for

HI = [{"role": "user", "content": "hi"}]
LONG = [{"role": "user", "content": "first " + "word " * 8000}, {"role": "assistant", "content": "ok"}, *HI]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = Tool("get_weather", "d", {"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with fake_ollama() as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[ollama.Client]:
    with ollama.Client(host=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client


def got(port: int, path: str, body: Any = None) -> Any:
    """Return the JSON of a path."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def last(port: int) -> Any:
    """Return what was seen of the last request."""
    return got(port, "/seen")["requests"][-1]


def asked(port: int, request: Request, model: str, *, stream: bool = True, **more: Any) -> Reply:
    """Return what flock's own half makes of the answer."""
    out = upstream.write_request(request, model, stream=stream, **more)
    half = upstream.knowing(estimate(request))
    data = json.dumps(out.body).encode()
    posted = urllib.request.Request(f"http://127.0.0.1:{port}{out.path}", data)
    with urllib.request.urlopen(posted) as response:
        if not stream:
            return half.read_reply(json.load(response), out.names)
        assert response.headers["Content-Type"] == upstream.FRAMING.media_type
        reader, frames, events = half.reader(out.names), NDJSON.cutter(), list[Event]()
        while piece := response.read1():
            for frame in NDJSON.split(frames.feed(piece)[0]):
                events += reader.read(frame)
        return fold(events)


# -- what the official client sees


def test_lists(client: ollama.Client) -> None:
    assert [model.model for model in client.list().models] == [model.name for model in MODELS]
    shown = client.show("thinker:8b")
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["qwen3.context_length"] == 40960
    with pytest.raises(ollama.ResponseError, match='model "nope" not found') as caught:
        client.show("nope")
    assert caught.value.status_code == 404


def test_a_chat_streamed_and_whole(client: ollama.Client) -> None:
    told = list(client.chat("thinker:8b", HI, stream=True, think=True))
    assert "".join(one.message.thinking or "" for one in told) == THOUGHT
    assert "".join(one.message.content or "" for one in told) == HELLO
    assert [one.done for one in told] == [False] * (len(told) - 1) + [True]
    whole = client.chat("thinker:8b", HI, think=False)
    assert (whole.message.content, whole.message.thinking, whole.done_reason) == (HELLO, None, "stop")
    assert whole.eval_count
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        client.chat("scripted", HI, think=True)


def test_tools(client: ollama.Client) -> None:
    def get_weather(city: str) -> str:
        """Tell the weather.

        Args:
          city: Where.
        """
        return f"rain in {city}"

    talk: list[Any] = [{"role": "user", "content": 'call get_weather with {"city": "Paris"}'}]
    told = list(client.chat("scripted", talk, tools=[get_weather], stream=True))
    assert [bool(one.message.tool_calls) for one in told] == [True, False], "a call comes before the last line"
    assert told[-1].done_reason == "stop"
    message = told[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    talk += [message, {"role": "tool", "tool_name": "get_weather", "content": get_weather(**call.function.arguments)}]
    assert client.chat("scripted", talk, tools=[get_weather]).message.content
    with pytest.raises(ollama.ResponseError, match="does not support tools"):
        client.chat("seer:7b", HI, tools=[get_weather])


def test_generate_and_embeddings(client: ollama.Client) -> None:
    assert client.generate("scripted", "count to 5").response == "1 2 3 4 5"
    cut = client.generate("scripted", "count to 50", options={"num_predict": 2})
    assert (cut.response, cut.done_reason) == ("1 2 3 4 ", "length")
    assert json.loads(client.generate("scripted", "hi", format="json").response or "")
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    assert json.loads(client.generate("scripted", "hi", format=schema).response or "") == {"age": 1}
    assert client.generate("seer:7b", "what?", images=[PIXEL]).response
    first, second = client.embed("embedder", ["a", "b"]).embeddings
    assert list(first) == list(client.embed("embedder", "a").embeddings[0]) != list(second)
    assert sum(number * number for number in first) == pytest.approx(1)
    assert len(client.embed("embedder", "a", dimensions=40).embeddings[0]) == 40
    assert list(client.embeddings("embedder", "a").embedding) == list(first)
    with pytest.raises(ollama.ResponseError, match="does not support chat"):
        client.chat("embedder", HI)


@pytest.mark.pitfall(78)
def test_a_prompt_asked_again_is_not_counted(client: ollama.Client) -> None:
    question = [{"role": "user", "content": "counted once"}]
    first, again = client.chat("scripted", question), client.chat("scripted", question)
    assert first.prompt_eval_count
    assert again.prompt_eval_count is None
    assert client.chat("scripted", HI).prompt_eval_count


def test_loads_and_keep_alive(port: int, client: ollama.Client) -> None:
    assert client.chat("tiny:1b", []).done_reason == "load"
    before = got(port, "/seen")["loads"]["tiny:1b"]
    client.chat("tiny:1b", HI)
    assert got(port, "/seen")["loads"]["tiny:1b"] == before
    client.chat("tiny:1b", HI, options={"num_ctx": 8192}, keep_alive=-1)
    assert got(port, "/seen")["loads"]["tiny:1b"] == before + 1, "another window loads it again"
    (held,) = [model for model in client.ps().models if model.name == "tiny:1b"]
    assert (held.context_length, held.size, held.size_vram) == (8192, 1_619_200_000, 1_619_200_000)
    client.chat("tiny:1b", HI, options={"num_ctx": 1 << 20})
    assert last(port)["num_ctx"] == 8192, "no more than it was trained with"
    assert client.generate("tiny:1b", keep_alive=0).done_reason == "unload"
    assert "tiny:1b" not in [model.name for model in client.ps().models]
    client.chat("tiny:1b", HI, keep_alive="0s")
    assert "tiny:1b" not in [model.name for model in client.ps().models]
    with pytest.raises(ollama.ResponseError, match="invalid duration"):
        client.chat("tiny:1b", HI, keep_alive="soon")


def test_memory_that_is_full() -> None:
    with fake_ollama("--memory", "3000000000") as port, ollama.Client(host=f"http://127.0.0.1:{port}") as client:
        client.chat("scripted", HI)
        client.chat("tiny:1b", HI)
        assert [model.name for model in client.ps().models] == ["tiny:1b"], "there is room for one"
        with pytest.raises(ollama.ResponseError, match="requires more system memory"):
            client.chat("scripted", HI, options={"num_ctx": 32768})


def test_faults(port: int, client: ollama.Client) -> None:
    def said(model: str) -> str:
        return "".join(one.message.content or "" for one in client.chat(model, HI, stream=True))

    with pytest.raises(ollama.ResponseError, match="an error was encountered"):
        said("breaks")
    with pytest.raises(ollama.ResponseError, match="server busy") as busy:
        said("busy")
    assert busy.value.status_code == 503
    with pytest.raises(ollama.ResponseError, match="terminated") as failed:
        said("fails")
    assert failed.value.status_code == 500
    with pytest.raises(httpx.TransportError):
        said("cuts")
    assert "�" in said("garbled")
    assert got(port, "/arm?fault=breaks") == {"armed": "breaks"}
    with pytest.raises(ollama.ResponseError, match="an error was encountered"):
        said("scripted")
    assert said("scripted") == HELLO
    endless = client.chat("endless", HI, stream=True)
    for _ in range(5):
        next(endless)
    endless.close()  # type: ignore[attr-defined]
    wait_for(lambda: got(port, "/seen")["closed_early"] == 1, "the server sees that its client has left")


def test_it_dies() -> None:
    with fake_ollama() as port, ollama.Client(host=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(httpx.TransportError):
            list(client.chat("dies", HI, stream=True))
        # refused, or taken by a process that is at its end
        with pytest.raises((ConnectionError, httpx.TransportError)):
            client.list()


def test_openais_dialect(port: int) -> None:
    body = {"model": "scripted", "messages": LONG}
    assert got(port, "/v1/chat/completions", body)["choices"][0]["message"]["content"]
    seen = last(port)
    assert seen["tokens"] > seen["num_ctx"] >= seen["tokens_after"], "it cannot ask for a window: cut in silence"
    assert {model["owned_by"] for model in got(port, "/v1/models")["data"]} == {"library"}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        got(port, "/v1/chat/completions", {**body, "model": "nope"})


# -- what flock's own half makes of it


@pytest.mark.pitfall(21)
@pytest.mark.parametrize("stream", [True, False])
def test_flock_speaks_with_it(port: int, stream: bool) -> None:
    talk = [Message("user", [Text('call get_weather with {"city": "Paris"} and call mcp_now')])]
    request = Request("openai", "m", talk, tools=[TOOL, Tool("mcp_now")], reasoning=Reasoning("on"))
    reply = asked(port, request, "thinker:8b", stream=stream)
    assert reply.stop == "tool_calls"
    thought, *calls = reply.parts
    assert thought == Thinking(THOUGHT)
    assert [(call.name, json.loads(call.arguments)) for call in calls if isinstance(call, ToolCall)] == [
        ("get_weather", {"city": "Paris"}),
        ("mcp_now", {}),
    ]
    results = [ToolResult(call.id, [Text("r")]) for call in calls if isinstance(call, ToolCall)]
    talk += [Message("assistant", reply.parts), Message("tool", list(results))]
    again = asked(port, Request("openai", "m", talk, tools=request.tools), "thinker:8b", stream=stream)
    assert again.stop == "stop"
    assert again.usage is not None
    assert again.usage.input > 0


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("stream", [True, False])
def test_flock_shows_it_pictures(port: int, stream: bool) -> None:
    request = Request("anthropic", "m", [Message("user", [Image(data=PIXEL), Text("what?")])])
    assert asked(port, request, "seer:7b", stream=stream).stop == "stop"


def test_flocks_half_hears_of_failures(port: int) -> None:
    request = Request("openai", "m", [Message("user", [Text("hi")])])
    with pytest.raises(UpstreamError, match="an error was encountered"):
        asked(port, request, "breaks")
    assert any("�" in part.text for part in asked(port, request, "garbled").parts if isinstance(part, Text))


@pytest.mark.pitfall(78)
def test_an_uncounted_prompt_has_flocks_own_estimate(port: int) -> None:
    request = Request("openai", "m", [Message("user", [Text("counted by flock")])])
    asked(port, request, "scripted")
    usage = asked(port, request, "scripted").usage
    assert upstream.is_estimated(usage)
    assert usage is not None
    assert usage.input == estimate(request)


# -- the window


@pytest.mark.pitfall(78)
@pytest.mark.parametrize("arguments", [[], ["--old"]], ids=["new", "old"])
def test_a_window_that_is_asked_for_holds_the_prompt(arguments: list[str]) -> None:
    """Without one the prompt is cut, in silence or with a refusal; with the one that is chosen it never is."""
    request = Request("openai", "m", [Message("user", [Text("word " * 8000)]), Message("user", [Text("hi")])])
    with fake_ollama(*arguments) as port:
        if arguments:
            asked(port, request, "thinker:8b")
            assert last(port)["tokens_after"] < last(port)["tokens"], "an old one cuts in silence"
        else:
            with pytest.raises(urllib.error.HTTPError, match="400"):
                asked(port, request, "thinker:8b")
            assert last(port)["status"] == 400, "a new one refuses, since it was told not to cut"
        loaded = got(port, "/api/ps")["models"][0]["context_length"]
        largest = got(port, "/api/show", {"model": "thinker:8b"})["model_info"]["qwen3.context_length"]
        chosen = window.num_ctx(estimate(request), 1000, loaded=loaded, largest=largest, fits=None)
        assert loaded < chosen <= largest
        asked(port, request, "thinker:8b", num_ctx=chosen)
        seen = last(port)
        assert (seen["tokens_after"], seen["num_ctx"], seen["loaded"]) == (seen["tokens"], chosen, True)
        small = Request("openai", "m", [Message("user", [Text("hi")])])
        kept = window.num_ctx(estimate(small), 1000, loaded=chosen, largest=largest, fits=None)
        asked(port, small, "thinker:8b", num_ctx=kept)
        assert last(port)["loaded"] is False, "a smaller prompt does not load it again"
        with pytest.raises(ContextTooLong):
            window.num_ctx(largest, 1000, loaded=chosen, largest=largest, fits=None)
