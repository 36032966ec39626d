"""The official `openai` SDK, sync and async, against flock in front of real engines.

Every test runs four times: the embedded engine and a real llama-server, each with both clients. The model is the smoke
model, whose answers are known word for word; what a real model can do beyond them is the engine's business.
"""

import asyncio
import base64
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, Omit, OpenAI
from pydantic import BaseModel

from flock.smoke.facts import CONTEXT, NAME, SENTENCE, TOOL, TOOL_ARGUMENTS
from tests.e2e.parts import environment, explained, usage
from tests.running import LLAMA_PATH, Flock, fake_upstream, flock_home, running_flock

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": TOOL,
            "description": "Weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


class Verdict(BaseModel):
    """What the grammar must force out of a model that knows nothing."""

    ok: bool
    words: list[int]


SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {"name": "verdict", "strict": True, "schema": Verdict.model_json_schema()},
}
Client = OpenAI | AsyncOpenAI


@pytest.fixture(scope="module", params=["embedded", pytest.param("llamacpp", marks=pytest.mark.engine("llama-server"))])
def flock(request: pytest.FixtureRequest) -> Iterator[Flock]:
    """A flock in front of each real engine; llama-server is taken because it is on PATH, nothing else is said."""
    chosen = {"FLOCK_ENGINE": "embedded"} if request.param == "embedded" else {"PATH": LLAMA_PATH}
    with running_flock(**{**environment(), **chosen}) as flock:
        (engine,) = flock.json("engine", "ls")
        assert engine["kind"] == request.param
        yield flock


def made(flock: Flock, kind: str, **options: Any) -> Client:
    """Return a client of flock that never goes through a proxy and, unless told otherwise, never tries twice."""
    options = {"base_url": f"{flock.url}/v1", "api_key": flock.key, "max_retries": 0, **options}
    if kind == "sync":
        return OpenAI(http_client=DefaultHttpxClient(trust_env=False), **options)
    return AsyncOpenAI(http_client=DefaultAsyncHttpxClient(trust_env=False), **options)


@contextlib.asynccontextmanager
async def open_client(flock: Flock, kind: str, **options: Any) -> AsyncIterator[Client]:
    client = made(flock, kind, **options)
    try:
        yield client
    finally:
        await done(client.close())


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, flock: Flock) -> AsyncIterator[Client]:
    async with open_client(flock, request.param) as client:
        yield client


async def done(value: Any) -> Any:
    """Return what either client's call gives."""
    return await value if inspect.isawaitable(value) else value


async def chunks(stream: Any) -> list[Any]:
    """Return all chunks of either client's stream."""
    stream = await done(stream)
    return [c async for c in stream] if hasattr(stream, "__aiter__") else list(stream)


def said(parts: list[Any]) -> str:
    return "".join(c.delta.content or "" for part in parts for c in part.choices)


def finish(parts: list[Any]) -> list[str]:
    return [c.finish_reason for part in parts for c in part.choices if c.finish_reason]


async def test_chat(client: Client) -> None:
    answer = await done(client.chat.completions.create(model=NAME, messages=HELLO))
    assert answer.choices[0].message.content == SENTENCE
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


async def test_stream(client: Client) -> None:
    parts = await chunks(client.chat.completions.create(model=NAME, messages=HELLO, stream=True))
    assert said(parts) == SENTENCE
    assert finish(parts) == ["stop"]
    # flock asked for the usage, this client did not
    assert all(part.choices and part.usage is None for part in parts)


async def test_stream_with_usage(client: Client) -> None:
    options: Any = {"include_usage": True}
    asked = client.chat.completions.create(model=NAME, messages=HELLO, stream=True, stream_options=options)
    parts = await chunks(asked)
    assert said(parts) == SENTENCE
    (last,) = [part for part in parts if part.usage]
    assert last is parts[-1]
    assert last.choices == []
    plain = await done(client.chat.completions.create(model=NAME, messages=HELLO))
    assert last.usage.completion_tokens == plain.usage.completion_tokens
    assert last.usage.prompt_tokens == plain.usage.prompt_tokens


async def test_tool_round_trip(client: Client) -> None:
    first = await done(client.chat.completions.create(model=NAME, messages=HELLO, tools=TOOLS))
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls
    assert (call.type, call.function.name) == ("function", TOOL)
    assert json.loads(call.function.arguments) == json.loads(TOOL_ARGUMENTS)
    await says_the_sentence_after(client, call.id, call.function.arguments)


async def test_tool_round_trip_streamed(client: Client) -> None:
    parts = await chunks(client.chat.completions.create(model=NAME, messages=HELLO, tools=TOOLS, stream=True))
    assert finish(parts) == ["tool_calls"]
    calls = [t for part in parts for c in part.choices for t in c.delta.tool_calls or ()]
    assert {t.index for t in calls} == {0}
    assert [t.function.name for t in calls if t.function.name] == [TOOL]
    arguments = "".join(t.function.arguments or "" for t in calls)
    assert json.loads(arguments) == json.loads(TOOL_ARGUMENTS)
    await says_the_sentence_after(client, next(t.id for t in calls if t.id), arguments)


async def says_the_sentence_after(client: Client, call_id: str, arguments: str) -> None:
    """Send the tool's result: a model that has it has nothing left to call."""
    call = {"id": call_id, "type": "function", "function": {"name": TOOL, "arguments": arguments}}
    messages: list[Any] = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": '{"sky": "clear"}'},
    ]
    answer = await done(client.chat.completions.create(model=NAME, messages=messages, tools=TOOLS))
    assert answer.choices[0].message.content == SENTENCE
    assert answer.choices[0].finish_reason == "stop"


async def test_a_forbidden_tool_is_not_called(client: Client) -> None:
    forbidden = await done(client.chat.completions.create(model=NAME, messages=HELLO, tools=TOOLS, tool_choice="none"))
    assert not forbidden.choices[0].message.tool_calls


async def test_a_named_tool_is_called(client: Client) -> None:
    # llama.cpp by itself heeds no names, and would call the tool that its model knows
    other = {**TOOLS[0], "function": {**TOOLS[0]["function"], "name": "other"}}
    choice: Any = {"type": "function", "function": {"name": "other"}}
    raw = await done(
        client.chat.completions.with_raw_response.create(
            model=NAME, messages=HELLO, tools=[*TOOLS, other], tool_choice=choice
        )
    )
    assert [call.function.name for call in raw.parse().choices[0].message.tool_calls] == ["other"]
    assert raw.headers["x-flock-path"] == "splice"


async def test_json_schema(client: Client) -> None:
    answer = await done(
        client.chat.completions.create(model=NAME, messages=HELLO, response_format=SCHEMA, max_tokens=300)
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(Verdict.model_validate_json(answer.choices[0].message.content).ok, bool)


async def test_parse_into_a_pydantic_model(client: Client) -> None:
    answer = await done(
        client.chat.completions.parse(model=NAME, messages=HELLO, response_format=Verdict, max_tokens=300)
    )
    assert isinstance(answer.choices[0].message.parsed, Verdict)


async def test_streamed_json_schema_comes_in_pieces(client: Client) -> None:
    asked = client.chat.completions.create(
        model=NAME, messages=HELLO, response_format=SCHEMA, max_tokens=300, stream=True
    )
    parts = await chunks(asked)
    assert len(parts) > 5
    assert Verdict.model_validate_json(said(parts))


async def test_completions(client: Client) -> None:
    answer = await done(client.completions.create(model=NAME, prompt="Hello"))
    assert answer.object == "text_completion"
    assert answer.choices[0].text == SENTENCE
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0


async def test_completions_streamed(client: Client) -> None:
    parts = await chunks(client.completions.create(model=NAME, prompt="Hello", stream=True))
    assert "".join(c.text for part in parts for c in part.choices) == SENTENCE
    assert finish(parts) == ["stop"]


async def test_log_probabilities(client: Client) -> None:
    plain = await done(
        client.chat.completions.create(model=NAME, messages=HELLO, logprobs=True, top_logprobs=2, max_tokens=3)
    )
    tokens = plain.choices[0].logprobs.content
    assert [t.token for t in tokens] == ["This", " is", " flock's"]
    assert all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in tokens)
    asked = client.chat.completions.create(
        model=NAME, messages=HELLO, logprobs=True, top_logprobs=2, max_tokens=3, stream=True
    )
    parts = await chunks(asked)
    streamed = [t for part in parts for c in part.choices if c.logprobs for t in c.logprobs.content or ()]
    assert [t.token for t in streamed] == [t.token for t in tokens]


async def test_several_choices(client: Client) -> None:
    answer = await done(client.chat.completions.create(model=NAME, messages=HELLO, n=2))
    assert [c.message.content for c in answer.choices] == [SENTENCE] * 2


async def test_the_engine_sees_an_image_and_says_itself_that_it_cannot(client: Client) -> None:
    pixel = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixel}"}},
    ]
    with pytest.raises(openai.BadRequestError, match="image input is not supported") as caught:
        await done(client.chat.completions.create(model=NAME, messages=[{"role": "user", "content": parts}]))
    assert caught.value.code == "engine_refused"


async def test_models(client: Client) -> None:
    listed = [m async for m in client.models.list()] if isinstance(client, AsyncOpenAI) else list(client.models.list())
    assert [m.id for m in listed] == [NAME]
    one = await done(client.models.retrieve(NAME))
    assert one == listed[0]
    assert one.object == "model"
    assert one.context_length == CONTEXT
    with pytest.raises(openai.NotFoundError) as caught:
        await done(client.models.retrieve("org/other:1b"))
    assert caught.value.code == "model_not_found"


async def test_unknown_model_names_the_nearest(client: Client) -> None:
    with pytest.raises(openai.NotFoundError, match="flock-smook") as caught:
        await done(client.chat.completions.create(model="flock-smook", messages=HELLO))
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert caught.value.body["nearest"] == [NAME]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "no role"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"tools": ["get_weather"]}, "tools[0]"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
async def test_a_bad_request_names_its_parameter(client: Client, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.chat.completions.create(**{"model": NAME, "messages": HELLO, **wrong}))
    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize("tool", [{}, {"type": "function"}, {"type": "function", "function": {}}], ids=str)
async def test_what_the_engine_cannot_read_is_the_requests_fault(client: Client, tool: dict[str, Any]) -> None:
    # llama.cpp says 500 to these, which every SDK would send again and again
    with pytest.raises(openai.BadRequestError, match="Failed to parse tools"):
        await done(client.chat.completions.create(model=NAME, messages=HELLO, tools=[tool]))


async def test_too_long_a_prompt(client: Client) -> None:
    long = [{"role": "user", "content": "Hello " * CONTEXT}]
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size") as caught:
        await done(client.chat.completions.create(model=NAME, messages=long))
    assert (caught.value.type, caught.value.code) == ("invalid_request_error", "context_length_exceeded")
    assert caught.value.body["limit"] == CONTEXT
    with pytest.raises(openai.APIError, match="exceeds the available context size"):
        # a slow machine has sent the stream's head by then
        await chunks(client.chat.completions.create(model=NAME, messages=long, stream=True))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_wrong_key_is_refused_at_once(flock: Flock, kind: str) -> None:
    # with the SDK's own retries: the header says that another try is no use
    async with open_client(flock, kind, api_key="sk-orc-wrong", max_retries=2) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await done(client.chat.completions.create(model=NAME, messages=HELLO))
    assert caught.value.code == "invalid_api_key"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("place", ["x-api-key", "x-goog-api-key", "api-key", "key"])
async def test_a_key_counts_wherever_it_stands(flock: Flock, kind: str, place: str) -> None:
    headers: dict[str, Any] = {"Authorization": Omit()}
    where = {"extra_query": {"key": flock.key}} if place == "key" else {"extra_headers": {place: flock.key}}
    where = {"extra_headers": headers | where.pop("extra_headers", {}), **where}
    async with open_client(flock, kind, api_key="-") as client:
        answer = await done(client.chat.completions.create(model=NAME, messages=HELLO, **where))
    assert answer.choices[0].message.content == SENTENCE


async def test_many_streams_at_once_are_all_whole(flock: Flock) -> None:
    async with open_client(flock, "async") as client:

        async def one() -> list[Any]:
            return await chunks(client.chat.completions.create(model=NAME, messages=HELLO, stream=True))

        streams = await asyncio.gather(*(one() for _ in range(32)))
    assert {said(parts) for parts in streams} == {SENTENCE}
    assert [finish(parts) for parts in streams] == [["stop"]] * 32


async def test_usage_and_explanation_are_what_the_client_saw(client: Client, flock: Flock) -> None:
    options: Any = {"include_usage": True}
    plain = await done(client.chat.completions.with_raw_response.create(model=NAME, messages=HELLO))
    streamed = await done(
        client.chat.completions.with_raw_response.create(
            model=NAME, messages=HELLO, stream=True, stream_options=options
        )
    )
    counts = {plain.headers["x-flock-request-id"]: plain.parse().usage}
    counts[streamed.headers["x-flock-request-id"]] = (await chunks(streamed.parse()))[-1].usage
    assert plain.headers["x-flock-path"] == "relay"
    assert plain.headers["server-timing"].startswith("queue;dur=")
    for request_id, seen in counts.items():
        assert explained(flock, request_id)["stage"] == "ended"
        row = usage(flock)[request_id]
        assert (row["input_tokens"], row["output_tokens"]) == (seen.prompt_tokens, seen.completion_tokens)
        assert (row["model"], row["outcome"], row["status"], row["estimated"]) == (NAME, "ok", 200, False)
        record = flock.json("explain", request_id)
        assert (record["id"], record["output_tokens"]) == (request_id, seen.completion_tokens)
        assert [span["name"] for span in record["spans"]] == ["queue", "load", "translation", "prefill", "decode"]
        assert request_id in flock.ok("explain", request_id)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_ids_with_slashes_and_colons(kind: str) -> None:
    model = "qwen/qwen3:8b-q4_K_M"
    with fake_upstream() as port, flock_home(**environment()) as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "fake")
        async with open_client(flock, kind) as client:
            assert (await done(client.models.retrieve(model))).id == model
            answer = await done(client.chat.completions.create(model=model, messages=HELLO))
            assert answer.choices[0].message.content == "Hello wörld!"
            assert said(await chunks(client.chat.completions.create(model=model, messages=HELLO, stream=True)))
