"""The official `ollama` SDK, sync and async, against flock in front of every real engine.

No engine here speaks Ollama's API, so every answer is a translation of chat. The model's answers are known word for
word; broken engines are the subject of test_more_sdk_faults.py.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import ollama
import pytest

from tests.e2e.parts import explained, running, slots, usage
from tests.e2e.subjects import ALL, SCHEMA, Subject, Verdict, done, every, left, subject, taken
from tests.engines import real
from tests.running import Flock, wait_for

Client = ollama.Client | ollama.AsyncClient
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA},
}
SHORT = {"num_predict": 100}
# the first bytes of a picture, by which its type is known
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module", params=ALL)
def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A flock in front of each real engine."""
    with subject(request.param, real.room(tmp_path_factory)) as on:
        yield on


def made(flock: Flock, kind: str, key: str = "") -> Client:
    """Return a client of flock that never goes through a proxy."""
    headers = {"Authorization": f"Bearer {key or flock.key}"}
    return (ollama.Client if kind == "sync" else ollama.AsyncClient)(flock.url, headers=headers, trust_env=False)


@contextlib.asynccontextmanager
async def opened(flock: Flock, kind: str, key: str = "") -> AsyncIterator[Any]:
    """Yield a client that is closed afterwards."""
    client = made(flock, kind, key)
    try:
        yield client
    finally:
        await done(client.close())


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, on: Subject) -> AsyncIterator[Any]:
    async with opened(on.flock, request.param) as client:
        yield client


async def test_chat(client: Any, on: Subject) -> None:
    answer = await done(client.chat(on.model, HELLO, options=SHORT))
    assert (answer.model, answer.message.role, answer.message.content) == (on.model, "assistant", on.sentence)
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert not answer.message.tool_calls
    assert answer.created_at
    if on.kind in ("embedded", "llamacpp"):  # the engines that tell their times
        assert answer.total_duration > 0
    row = next(iter(on.flock.json("request", "ls")))
    explanation = explained(on.flock, row["id"])
    assert (explanation["plan"], explanation["endpoint"]) == ("translate", "chat")
    counted = usage(on.flock)[row["id"]]
    assert (counted["input_tokens"], counted["output_tokens"]) == (answer.prompt_eval_count, answer.eval_count)
    assert min(answer.prompt_eval_count, answer.eval_count) > 0


@pytest.mark.pitfall(78)
async def test_streamed_chat(client: Any, on: Subject) -> None:
    chunks = await every(client.chat(on.model, HELLO, stream=True, options=SHORT))
    assert "".join(chunk.message.content or "" for chunk in chunks) == on.sentence
    assert len(chunks) > 10
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk.model for chunk in chunks} == {on.model}
    whole = await done(client.chat(on.model, HELLO, options=SHORT))
    last = chunks[-1]
    assert (last.done_reason, last.eval_count) == ("stop", whole.eval_count)
    assert last.prompt_eval_count == whole.prompt_eval_count


async def test_generate(client: Any, on: Subject) -> None:
    answer = await done(client.generate(on.model, "Hello", system="Be brief.", options=SHORT))
    assert (answer.model, answer.response, answer.done_reason) == (on.model, on.sentence, "stop")
    chunks = await every(client.generate(on.model, "Hello", stream=True, options=SHORT))
    assert "".join(chunk.response for chunk in chunks) == on.sentence
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].eval_count == answer.eval_count


async def test_loading_a_model_answers_at_once(client: Any, on: Subject) -> None:
    """What clients send to load a model before they need it."""
    for verb, more in ((client.generate, {"keep_alive": "5m"}), (client.chat, {})):
        answer = await done(verb(on.model, **more))
        assert (answer.model, answer.done) == (on.model, True)


@pytest.mark.pitfall(19)
@pytest.mark.pitfall(5)
async def test_tool_round_trip(client: Any, on: Subject) -> None:
    """Arguments are an object, and results come back with the name of their tool alone."""
    asked = await done(client.chat(on.model, HELLO, tools=[TOOL], options=SHORT))
    (call,) = asked.message.tool_calls
    assert (call.function.name, call.function.arguments) == (on.tool, on.arguments)
    for result in (
        {"role": "tool", "tool_name": on.tool, "content": "sunny"},
        {"role": "tool", "content": "sunny"},
        {"role": "tool", "tool_name": on.tool, "content": ""},
    ):
        turns = [*HELLO, asked.message, result]
        answer = await done(client.chat(on.model, turns, tools=[TOOL], options=SHORT))
        assert answer.message.content == on.sentence


@pytest.mark.pitfall(21)
async def test_streamed_tool_call(client: Any, on: Subject) -> None:
    chunks = await every(client.chat(on.model, HELLO, tools=[TOOL], stream=True, options=SHORT))
    calls = [call for chunk in chunks for call in chunk.message.tool_calls or ()]
    assert [(call.function.name, call.function.arguments) for call in calls] == [(on.tool, on.arguments)]
    assert (chunks[-1].done, chunks[-1].done_reason) == (True, "stop")


async def test_a_function_is_a_tool(client: Any, on: Subject) -> None:
    def get_weather(city: str) -> str:
        """Weather of a city.

        Args:
            city: its name
        """
        return "sunny in " + city

    asked = await done(client.chat(on.model, HELLO, tools=[get_weather], options=SHORT))
    (call,) = asked.message.tool_calls
    assert get_weather(**call.function.arguments) == f"sunny in {on.arguments['city']}"


@pytest.mark.pitfall(63)
async def test_structured_output(client: Any, on: Subject) -> None:
    asked: dict[str, Any] = {"model": on.model, "messages": HELLO, "options": {"num_predict": 300}}
    schema = Verdict.model_json_schema()
    if not on.forces_json:
        with pytest.raises(ollama.ResponseError, match="JSON schema") as caught:
            await done(client.chat(format=schema, **asked))
        assert caught.value.status_code == 400
        return
    answer = await done(client.chat(format=schema, **asked))
    assert Verdict.model_validate_json(answer.message.content)
    generated = await done(client.generate(on.model, "Hello", format=schema, options=asked["options"]))
    assert Verdict.model_validate_json(generated.response)


@pytest.mark.pitfall(48)
async def test_thinking_may_be_asked_for(client: Any, on: Subject) -> None:
    for think in (True, False, "high"):
        answer = await done(client.chat(on.model, HELLO, think=think, options=SHORT))
        assert answer.message.content == on.sentence
    turns = [*HELLO, {"role": "assistant", "content": "Hi", "thinking": "hm"}, *HELLO]
    assert (await done(client.chat(on.model, turns, options=SHORT))).message.content == on.sentence


@pytest.mark.pitfall(60)
async def test_options(client: Any, on: Subject) -> None:
    short = await done(client.chat(on.model, HELLO, options={"num_predict": 3, "temperature": 0, "seed": 1}))
    assert short.done_reason == "length"
    assert short.eval_count == 3
    assert on.sentence.startswith(short.message.content)
    for without_limit in (-1, -2):
        answer = await done(client.chat(on.model, HELLO, options={"num_predict": without_limit}))
        assert answer.message.content == on.sentence
    if on.kind == "mlx":  # takes the word out and goes on
        return
    stopped = await done(client.chat(on.model, HELLO, options={"stop": [" model"], **SHORT}))
    assert stopped.message.content == on.sentence.split(" model")[0]
    assert stopped.done_reason == "stop"


async def test_list_and_ps(client: Any, on: Subject) -> None:
    await done(client.chat(on.model, HELLO, options=SHORT))
    (mine,) = [model for model in (await done(client.list())).models if model.model == on.model]
    assert mine.digest
    assert mine.modified_at
    assert mine.details is not None
    loaded = [model for model in (await done(client.ps())).models if model.model == on.model]
    assert [model.name for model in loaded] == [on.model]
    assert loaded[0].expires_at


async def test_show(client: Any, on: Subject) -> None:
    shown = await done(client.show(on.model))
    assert {"completion", "tools"} <= set(shown.capabilities)
    architecture = shown.modelinfo["general.architecture"]
    if on.kind != "mlx":  # tells no window
        assert shown.modelinfo[f"{architecture}.context_length"] >= on.context
    with pytest.raises(ollama.ResponseError, match="nobody") as missing:
        await done(client.show("nobody"))
    assert missing.value.status_code == 404


async def test_what_administers_an_ollama_is_refused_with_the_command(client: Any, on: Subject) -> None:
    for verb, more, words in (
        (client.pull, {}, "flock model add"),
        (client.create, {"from_": "x"}, "flock model add"),
        (client.copy, {"destination": "x"}, "router.aliases"),
        (client.push, {}, "push"),
        (client.delete, {}, "flock model remove"),
    ):
        with pytest.raises(ollama.ResponseError, match=words) as caught:
            await done(verb(on.model, **more))
        assert 400 <= caught.value.status_code < 500


@pytest.mark.pitfall(34)
async def test_an_image_is_refused_by_who_cannot_see(client: Any, on: Subject) -> None:
    turns = [{"role": "user", "content": "what?", "images": [PNG]}]
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match=on.refuses_images) as caught:
            await taken(client.chat(on.model, turns, stream=stream, options=SHORT))
        assert caught.value.status_code == 400


async def test_unknown_models_and_bad_requests_have_the_dialects_errors(client: Any, on: Subject) -> None:
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match="nobody") as missing:
            await taken(client.chat("nobody", HELLO, stream=stream))
        assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="role") as caught:
        await done(client.chat(on.model, [{"role": "nobody", "content": "x"}], options=SHORT))
    assert caught.value.status_code == 400


@pytest.mark.pitfall(62)
async def test_too_long_a_prompt(client: Any, on: Subject) -> None:
    """Refused, never cut without a word."""
    if on.kind == "mlx":  # knows no limit: it would read for minutes
        return
    long = [{"role": "user", "content": "Hello " * on.context}]
    with pytest.raises(ollama.ResponseError, match="shorter conversation") as caught:
        await done(client.chat(on.model, long, options={"num_predict": 9}))
    assert caught.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="shorter conversation"):
        # a slow machine has sent the stream's head by then
        await every(client.chat(on.model, long, stream=True, options={"num_predict": 9}))


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_wrong_key_is_refused(on: Subject, kind: str) -> None:
    async with opened(on.flock, kind, "sk-orc-wrong") as client:
        for verb, asked in (
            (client.chat, (on.model, HELLO)),
            (client.generate, (on.model, "Hello")),
            (client.list, ()),
            (client.ps, ()),
            (client.show, (on.model,)),
        ):
            with pytest.raises(ollama.ResponseError, match="API key") as caught:
                await done(verb(*asked))
            assert caught.value.status_code == 401


@pytest.mark.pitfall(77)
async def test_a_client_that_leaves_frees_the_engine(client: Any, on: Subject) -> None:
    stream = await done(client.chat(on.model, HELLO, stream=True))
    if isinstance(client, ollama.AsyncClient):
        await left(stream)
    else:
        next(stream)
        stream.close()
    wait_for(lambda: running(on.flock) == 0, "nothing runs any more")
    if on.kind in ("embedded", "llamacpp"):
        wait_for(lambda: slots(on.flock, on.model).busy() == 0, "the engine's slot is free")


async def test_many_streams_at_once_are_all_whole(on: Subject) -> None:
    async with opened(on.flock, "async") as client:
        streams = await asyncio.gather(
            *(every(client.chat(on.model, HELLO, stream=True, options=SHORT)) for _ in range(16))
        )
    for chunks in streams:
        assert "".join(chunk.message.content or "" for chunk in chunks) == on.sentence
        assert chunks[-1].done
