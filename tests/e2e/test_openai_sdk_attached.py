"""Chat with the official `openai` SDK, sync and async, against flock in front of a real MLX-LM and a real vLLM.

flock's own engines have test_openai_sdk.py. These two are attached, have manners of their own (HTTP/1.0 and comments;
a window of their own), and stay relays: the bytes are theirs.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from tests.e2e.parts import call, explained, usage
from tests.e2e.subjects import ATTACHED, SCHEMA, VLLM, Subject, Verdict, done, entered, every, opened, subject
from tests.engines import real
from tests.running import Flock, wait_for

Client = OpenAI | AsyncOpenAI
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}}


@pytest.fixture(scope="module", params=ATTACHED)
def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A flock in front of each engine that others run."""
    with subject(request.param, real.room(tmp_path_factory)) as on:
        yield on


def made(flock: Flock, kind: str, **options: Any) -> Client:
    """Return a client of flock that never goes through a proxy and never tries twice."""
    options = {"base_url": f"{flock.url}/v1", "api_key": flock.key, "max_retries": 0, **options}
    if kind == "sync":
        return OpenAI(http_client=DefaultHttpxClient(trust_env=False), **options)
    return AsyncOpenAI(http_client=DefaultAsyncHttpxClient(trust_env=False), **options)


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, on: Subject) -> AsyncIterator[Client]:
    async with opened(made, on.flock, request.param) as client:
        yield client


def said(parts: list[Any]) -> str:
    return "".join(c.delta.content or "" for part in parts for c in part.choices)


def finish(parts: list[Any]) -> list[str]:
    return [c.finish_reason for part in parts for c in part.choices if c.finish_reason]


async def test_chat(client: Client, on: Subject) -> None:
    raw = await done(client.chat.completions.with_raw_response.create(model=on.model, messages=HELLO))
    answer = raw.parse()
    assert answer.choices[0].message.content == on.sentence
    assert answer.choices[0].finish_reason == "stop"
    assert raw.headers["x-flock-path"] == "relay"
    request_id = raw.headers["x-flock-request-id"]
    assert explained(on.flock, request_id)["stage"] == "ended"
    row = usage(on.flock)[request_id]
    told = answer.usage
    assert (row["input_tokens"], row["output_tokens"]) == (told.prompt_tokens, told.completion_tokens)
    assert (row["outcome"], row["status"], row["estimated"]) == ("ok", 200, False)


async def test_stream(client: Client, on: Subject) -> None:
    parts = await every(client.chat.completions.create(model=on.model, messages=HELLO, stream=True))
    assert said(parts) == on.sentence
    assert finish(parts) == ["stop"]
    assert len(parts) > 10
    assert all(part.choices and part.usage is None for part in parts)
    asked = client.chat.completions.create(
        model=on.model, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    last = (await every(asked))[-1]
    assert (last.choices, last.usage.completion_tokens > 0) == ([], True)


async def test_tool_round_trip(client: Client, on: Subject) -> None:
    asked = await done(client.chat.completions.create(model=on.model, messages=HELLO, tools=[TOOL]))
    assert asked.choices[0].finish_reason == "tool_calls"
    (wanted,) = asked.choices[0].message.tool_calls
    assert (wanted.function.name, json.loads(wanted.function.arguments)) == (on.tool, on.arguments)
    turns = [*HELLO, asked.choices[0].message, {"role": "tool", "tool_call_id": wanted.id, "content": "sunny"}]
    answer = await done(client.chat.completions.create(model=on.model, messages=turns, tools=[TOOL]))
    assert answer.choices[0].message.content == on.sentence


async def test_streamed_tool_call(client: Client, on: Subject) -> None:
    async with entered(client.chat.completions.stream(model=on.model, messages=HELLO, tools=[TOOL])) as stream:
        await every(stream)
        final = await done(stream.get_final_completion())
    (wanted,) = final.choices[0].message.tool_calls
    assert (wanted.function.name, json.loads(wanted.function.arguments)) == (on.tool, on.arguments)
    assert final.choices[0].finish_reason == "tool_calls"


async def test_structured_output(client: Client, on: Subject) -> None:
    asked = {"model": on.model, "messages": HELLO, "response_format": Verdict, "max_tokens": 300}
    if on.forces_json:
        answer = await done(client.chat.completions.parse(**asked))
        assert isinstance(answer.choices[0].message.parsed, Verdict)
        return
    with pytest.raises(openai.BadRequestError, match="JSON schema"):  # it would ignore it without a word
        await done(client.chat.completions.parse(**asked))


async def test_several_choices_and_log_probabilities(client: Client, on: Subject) -> None:
    asked: Any = {"model": on.model, "messages": HELLO, "max_tokens": 3}
    plain = await done(client.chat.completions.create(logprobs=True, top_logprobs=2, **asked))
    assert [token.logprob <= 0 for token in plain.choices[0].logprobs.content] == [True] * 3
    if on.kind == "vllm":
        answer = await done(client.chat.completions.create(model=on.model, messages=HELLO, n=2))
        assert [choice.message.content for choice in answer.choices] == [on.sentence] * 2
        return
    with pytest.raises(openai.BadRequestError, match="n > 1"):
        await done(client.chat.completions.create(n=2, **asked))


async def test_completions(client: Client, on: Subject) -> None:
    answer = await done(client.completions.create(model=on.model, prompt="Hello", max_tokens=40))
    assert answer.choices[0].text == on.sentence
    parts = await every(client.completions.create(model=on.model, prompt="Hello", max_tokens=40, stream=True))
    assert "".join(choice.text for part in parts for choice in part.choices) == on.sentence


async def test_models_and_errors(client: Client, on: Subject) -> None:
    assert [model.id for model in await every(client.models.list())] == [on.model]
    assert (await done(client.models.retrieve(on.model))).id == on.model
    with pytest.raises(openai.NotFoundError):
        await done(client.chat.completions.create(model="nobody", messages=HELLO))
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.chat.completions.create(model=on.model, messages=HELLO, temperature="hot"))
    assert caught.value.param == "temperature"
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    with pytest.raises(openai.BadRequestError, match=on.refuses_images):
        await done(client.chat.completions.create(model=on.model, messages=[{"role": "user", "content": [picture]}]))


@pytest.mark.parametrize("on", [VLLM], indirect=True)
async def test_more_tokens_than_the_window_holds(client: Client, on: Subject) -> None:
    # clients ask for 32,000 and more whatever the model; vLLM by itself answers 400 to that
    answer = await done(client.chat.completions.create(model=on.model, messages=HELLO, max_tokens=64_000))
    assert answer.choices[0].message.content == on.sentence
    long = [{"role": "user", "content": "Hello " * on.context}]
    with pytest.raises(openai.BadRequestError, match="context length"):
        await done(client.chat.completions.create(model=on.model, messages=long))


@pytest.mark.pitfall(77)
@pytest.mark.parametrize("on", [VLLM], indirect=True)
async def test_a_client_that_leaves_frees_the_engine(on: Subject) -> None:
    (port,) = [int(e["endpoint"].rsplit(":", 1)[1]) for e in on.flock.json("engine", "ls") if e["name"] == "vllm"]

    def at_work() -> float:
        told = call(port, "GET", "/metrics").body.decode()
        return sum(float(n) for n in re.findall(r"^vllm:num_requests_running\{.*\} (\S+)$", told, re.MULTILINE))

    async with opened(made, on.flock, "async") as client:
        # on a busy machine vLLM has at times made the whole answer before its server gives the third piece of it
        for _ in range(20):
            stream = await client.chat.completions.create(
                model=on.model, messages=HELLO, max_tokens=8000, stream=True, extra_body={"ignore_eos": True}
            )
            begun = [await anext(stream) for _ in range(3)]
            assert len(begun) == 3
            left_at_work = at_work() > 0
            await stream.close()
            if left_at_work:
                break
        assert left_at_work
        wait_for(lambda: at_work() == 0, "vLLM has stopped")


async def test_many_streams_at_once_are_all_whole(on: Subject) -> None:
    async with opened(made, on.flock, "async") as client:

        async def one() -> list[Any]:
            return await every(client.chat.completions.create(model=on.model, messages=HELLO, stream=True))

        streams = await asyncio.gather(*(one() for _ in range(16)))
    assert {said(parts) for parts in streams} == {on.sentence}
    assert [finish(parts) for parts in streams] == [["stop"]] * 16
