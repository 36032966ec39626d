"""The official SDK talks to the server half, its bytes passed by hand: tools in a loop, streams, counts, threads."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import beta_tool

from flock.dialects.anthropic import server
from flock.dialects.fold import replay
from flock.dialects.half import Addressing
from flock.dialects.ir import Message, Part, Reply, Request, Text, ToolCall, ToolResult, Usage
from flock.errors import FlockError
from tests.unit.dialects.anthropic.reading import written


class Door:
    """Answers the SDK's requests through the server half: calls of the weather first, then words."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.refused: list[dict[str, Any]] = []

    def __call__(self, sent: httpx2.Request) -> httpx2.Response:
        try:
            ask = server.read_ask(sent.content, sent.url.path)
            request = server.read_request(ask)
        except FlockError as error:
            self.refused.append(json.loads(sent.content))
            return httpx2.Response(server.http_status(error), content=server.write_fault(error, "r"))
        self.seen.append(request)
        if ask.endpoint == "count_tokens":
            return httpx2.Response(200, json={"input_tokens": 12})
        reply = Reply("up", "real", self.parts(request), "stop", usage=Usage(20, 5, 7))
        to = Addressing(f"r{len(self.seen)}", request.model)
        if request.stream:
            body = server.KEEPALIVE + written(replay(reply), request, to)
            return httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})
        return httpx2.Response(200, content=server.write_reply(reply, request, to))

    def parts(self, request: Request) -> list[Part]:
        """Return what the model would say."""
        told = [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]
        if request.tools and not told:
            return [ToolCall("a", "get_weather", '{"city": "Paris"}'), ToolCall("b", "get_weather", '{"city": "Rome"}')]
        return [Text("It rains in Paris. 世界")]


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def client(door: Door) -> Iterator[anthropic.Anthropic]:
    transport = httpx2.MockTransport(door)
    with (
        httpx2.Client(transport=transport) as http,
        anthropic.Anthropic(base_url="http://127.0.0.1:1", api_key="k", max_retries=0, http_client=http) as client,
    ):
        yield client


@beta_tool
def get_weather(city: str) -> str:
    """Return the weather of a city.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


@pytest.mark.pitfall(69)
def test_an_answer_streamed_and_in_one_piece(client: anthropic.Anthropic, door: Door) -> None:
    whole = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream:
        assert "".join(stream.text_stream) == "It rains in Paris. 世界"
        streamed = stream.get_final_message()
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.usage.to_dict() == whole.usage.to_dict()
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens) == (15, 5, 7)
    assert [request.stream for request in door.seen] == [False, True]


def test_counting(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x"}]).input_tokens == 12


@pytest.mark.pitfall(1)
@pytest.mark.pitfall(80)
@pytest.mark.parametrize("stream", [False, True])
def test_tools_in_a_loop(client: anthropic.Anthropic, door: Door, stream: bool) -> None:
    """The SDK tries a thread, of which only the new messages would come; refused, it sends the whole history."""
    runner = client.beta.messages.tool_runner(
        model="m", max_tokens=99, tools=[get_weather], messages=[{"role": "user", "content": "Paris?"}], stream=stream
    )
    final = runner.until_done()
    assert final.content[0].type == "text"
    assert door.refused
    assert all(body["thread"] for body in door.refused)
    last = door.seen[-1].messages
    assert [message.role for message in last] == ["user", "assistant", "tool"]
    assert last[2] == Message(
        "tool", [ToolResult("a", [Text("rain in Paris")]), ToolResult("b", [Text("rain in Rome")])]
    )
