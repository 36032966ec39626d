"""ollama-python talks to the server half, its bytes passed by hand: streams with signs of life, tools, errors."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest

from flock.dialects.fold import replay
from flock.dialects.half import Addressing
from flock.dialects.ir import Image, Message, Part, Reply, Request, Text, Thinking, ToolCall, ToolResult, Usage
from flock.dialects.ollama import listing, server
from flock.errors import FlockError, ModelNotFound, UpstreamError
from tests.unit.dialects.ollama.reading import written

HI = [{"role": "user", "content": "hi"}]
# words with all the line breaks that Unicode has: httpx cuts lines at them
WORDS = "It rains in Paris. 世界\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029 end"
ROWS = [listing.Row("m", 5, "chat", 4096, loaded=True, created=1_700_000_000)]


class Door:
    """Answers the client's requests through the server half: calls of the weather first, then words."""

    def __init__(self) -> None:
        self.seen: list[Request] = []

    def __call__(self, sent: httpx.Request) -> httpx.Response:
        lists = {"/api/tags": listing.write_tags(ROWS), "/api/ps": listing.write_ps(ROWS)}
        if sent.url.path in lists:
            return httpx.Response(200, content=lists[sent.url.path])
        if sent.url.path == "/api/show":
            return httpx.Response(200, content=listing.write_show(ROWS[0]))
        try:
            ask = server.read_ask(sent.content, sent.url.path)
            if ask.model == "nope":
                raise ModelNotFound("no model 'nope'", hint="flock model ls")
            if server.is_load(ask):
                return httpx.Response(200, content=server.write_loaded(ask, server.is_unload(ask)))
            request = server.read_request(ask)
        except FlockError as error:
            return httpx.Response(server.http_status(error), content=server.write_fault(error, "r"))
        self.seen.append(request)
        reply = Reply("up", "real", self.parts(request), "stop", usage=Usage(20, 5, 7))
        to = Addressing(f"r{len(self.seen)}", request.model, 1_700_000_000)
        if not request.stream:
            return httpx.Response(200, content=server.write_reply(reply, request, to))
        if request.model == "breaks":
            lost = server.writer(request, to)
            events = replay(reply)
            body = b"".join(lost.write(event) for event in events) + lost.fault(UpstreamError("it broke off"))
        else:
            body = written(replay(reply), request, to)
        body = b"".join(server.KEEPALIVE + line for line in body.splitlines(keepends=True))
        return httpx.Response(200, content=server.KEEPALIVE * 3 + body, headers={"content-type": server.STREAM_TYPE})

    def parts(self, request: Request) -> list[Part]:
        """Return what the model would say."""
        told = [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]
        if request.tools and not told:
            return [ToolCall("a", "get_weather", '{"city": "Paris"}'), ToolCall("b", "get_weather", '{"city": "Rome"}')]
        return [Thinking("Hm."), Text(WORDS)]


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def client(door: Door) -> Iterator[ollama.Client]:
    with ollama.Client(host="http://127.0.0.1:1", transport=httpx.MockTransport(door), trust_env=False) as client:
        yield client


@pytest.mark.pitfall(69)
@pytest.mark.pitfall(78)
def test_an_answer_streamed_and_in_one_piece(client: ollama.Client, door: Door) -> None:
    whole = client.chat("m", HI)
    told = list(client.chat("m", HI, stream=True))
    assert "".join(one.message.content or "" for one in told) == whole.message.content == WORDS
    assert "".join(one.message.thinking or "" for one in told) == whole.message.thinking == "Hm."
    assert [one.done for one in told] == [False, False, True]
    final = told[-1]
    assert (final.done_reason, final.prompt_eval_count, final.eval_count, final.model) == ("stop", 20, 7, "m")
    assert [request.stream for request in door.seen] == [False, True]


def test_generate(client: ollama.Client, door: Door) -> None:
    told = list(client.generate("m", "hi", system="be short", images=[b"\x89PNG\r\n\x1a\n"], stream=True))
    assert "".join(one.response or "" for one in told) == WORDS
    assert told[-1].done
    assert client.generate("m", "hi").thinking == "Hm."
    assert door.seen[0].messages == [
        Message("system", [Text("be short")]),
        Message("user", [Image(data="iVBORw0KGgo=", media_type="image/png"), Text("hi")]),
    ]


@pytest.mark.pitfall(5)
@pytest.mark.pitfall(21)
@pytest.mark.parametrize("stream", [True, False])
def test_tools_in_a_loop(client: ollama.Client, door: Door, stream: bool) -> None:
    """As the client's own examples do it: the ids are lost on the way, and the calls still have their results."""

    def get_weather(city: str) -> str:
        """Return the weather of a city.

        Args:
          city: Its name.
        """
        return f"rain in {city}"

    talk: list[Any] = [{"role": "user", "content": "Paris and Rome?"}]
    asked = client.chat("m", talk, tools=[get_weather], stream=stream)
    messages = [one.message for one in (asked if stream else [asked])]
    called = next(message for message in messages if message.tool_calls)
    assert called.tool_calls is not None
    talk.append(called)
    for call in called.tool_calls:
        result = get_weather(**call.function.arguments)
        talk.append({"role": "tool", "content": result, "tool_name": call.function.name})
    final = client.chat("m", talk, tools=[get_weather])
    assert final.message.content == WORDS
    last = door.seen[-1].messages
    calls = [part for part in last[1].parts if isinstance(part, ToolCall)]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert last[2:] == [
        Message("tool", [ToolResult(calls[0].id, [Text("rain in Paris")], name="get_weather")]),
        Message("tool", [ToolResult(calls[1].id, [Text("rain in Rome")], name="get_weather")]),
    ]
    assert door.seen[-1].tools[0].schema == {
        "type": "object",
        "required": ["city"],
        "properties": {"city": {"type": "string", "description": "Its name."}},
    }


@pytest.mark.pitfall(71)
def test_errors(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="no model 'nope'") as caught:
        client.chat("nope", HI)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="it broke off"):
        list(client.chat("breaks", HI, stream=True))
    with pytest.raises(ollama.ResponseError, match="think must be") as wrong:
        client.chat("m", HI, think="hard")
    assert wrong.value.status_code == 400


def test_loads_and_lists(client: ollama.Client) -> None:
    assert client.chat("m").done_reason == "load"
    assert [one.done_reason for one in client.chat("m", stream=True, keep_alive=0)] == ["unload"]
    assert client.generate("m", keep_alive="0s").done_reason == "unload"
    assert [model.model for model in client.list().models] == ["m"]
    assert [model.context_length for model in client.ps().models] == [4096]
    assert client.show("m").capabilities == ["completion", "tools"]
