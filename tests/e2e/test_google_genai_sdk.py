"""The official `google-genai` SDK, sync and async, against flock in front of every real engine.

No engine speaks Gemini, so every answer is a translation of chat. The model's answers are known word for word; broken
engines are the subject of test_more_sdk_faults.py.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.parts import explained, running, slots, usage
from tests.e2e.subjects import ALL, SCHEMA, Subject, Verdict, done, every, left, subject, taken
from tests.engines import real
from tests.running import Flock, wait_for

PNG = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LIMIT = types.GenerateContentConfig(max_output_tokens=100)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)
WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="Weather of a city",
    parameters_json_schema={**SCHEMA, "additionalProperties": False},
)
TOOL = types.Tool(function_declarations=[WEATHER])
OTHER = types.Tool(
    function_declarations=[
        WEATHER,
        types.FunctionDeclaration(
            name="other",
            parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
        ),
    ]
)


@pytest.fixture(scope="module", params=ALL)
def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A flock in front of each real engine."""
    with subject(request.param, real.room(tmp_path_factory)) as on:
        yield on


class Api:
    """One of the SDK's clients: what is called on it is awaited by `done`, be it the sync or the async one."""

    def __init__(self, flock: Flock, kind: str, key: str = "", **options: Any) -> None:
        # never through a proxy; and with clients of its own choice it would warn of how it makes them
        self._sync, self._async = httpx.Client(trust_env=False), httpx.AsyncClient(trust_env=False)
        http = types.HttpOptions(
            base_url=flock.url, httpx_client=self._sync, httpx_async_client=self._async, timeout=60_000, **options
        )
        client = genai.Client(api_key=key or flock.key, http_options=http)
        self.is_async = kind == "async"
        self.api: Any = client.aio if self.is_async else client
        self.models: Any = self.api.models
        self.chats: Any = self.api.chats

    async def close(self) -> None:
        """Close the connections of both."""
        await self._async.aclose()
        self._sync.close()


@contextlib.asynccontextmanager
async def opened(flock: Flock, kind: str, **options: Any) -> AsyncIterator[Api]:
    """Yield a client that is closed afterwards."""
    api = Api(flock, kind, **options)
    try:
        yield api
    finally:
        await api.close()


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, on: Subject) -> AsyncIterator[Api]:
    async with opened(on.flock, request.param) as client:
        yield client


def config(**fields: Any) -> types.GenerateContentConfig:
    """Return settings that call no tool by themselves."""
    return types.GenerateContentConfig(max_output_tokens=100, automatic_function_calling=BY_HAND, **fields)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_content(on: Subject, version: str) -> None:
    for kind in ("sync", "async"):
        async with opened(on.flock, kind, api_version=version) as client:
            answer = await done(client.models.generate_content(model=on.model, contents="Hello", config=LIMIT))
        assert answer.text == on.sentence
        assert answer.model_version == on.model
        (candidate,) = answer.candidates
        assert (candidate.finish_reason, candidate.content.role) == (types.FinishReason.STOP, "model")
        headers = answer.sdk_http_response.headers
        assert headers["x-flock-path"] == "translate"
        row = explained(on.flock, headers["x-flock-request-id"])
        assert (row["plan"], row["endpoint"]) == ("translate", "generate")
        counted, told = usage(on.flock)[row["id"]], answer.usage_metadata
        assert (counted["input_tokens"], counted["output_tokens"]) == (
            told.prompt_token_count,
            told.candidates_token_count,
        )
        assert told.total_token_count == told.prompt_token_count + told.candidates_token_count
        assert min(told.prompt_token_count, told.candidates_token_count) > 0


async def test_stream(client: Api, on: Subject) -> None:
    chunks = await every(client.models.generate_content_stream(model=on.model, contents="Hello", config=LIMIT))
    assert "".join(chunk.text or "" for chunk in chunks) == on.sentence
    assert len(chunks) > 10
    reasons = [candidate.finish_reason for chunk in chunks for candidate in chunk.candidates or ()]
    assert reasons[-1] == types.FinishReason.STOP
    assert not any(reasons[:-1])
    whole = await done(client.models.generate_content(model=on.model, contents="Hello", config=LIMIT))
    assert chunks[-1].usage_metadata.candidates_token_count == whole.usage_metadata.candidates_token_count


async def test_the_prompt_may_have_many_forms(client: Api, on: Subject) -> None:
    parts = [types.Part.from_text(text="Hello"), types.Part.from_text(text="again")]
    turns = [types.Content(role="user", parts=parts), types.Content(role="model", parts=[parts[0]]), "Hello"]
    for contents in (["Hello", "again"], parts, turns):
        answer = await done(client.models.generate_content(model=on.model, contents=contents, config=LIMIT))
        assert answer.text == on.sentence


@pytest.mark.pitfall(29)
async def test_system_instruction(client: Api, on: Subject) -> None:
    plain = await done(client.models.generate_content(model=on.model, contents="Hello", config=LIMIT))
    for system in ("Be brief.", ["Be brief.", "Be quick."], types.Content(parts=[types.Part(text="Be brief.")])):
        settings = config(system_instruction=system)
        answer = await done(client.models.generate_content(model=on.model, contents="Hello", config=settings))
        assert answer.text == on.sentence
        assert answer.usage_metadata.prompt_token_count > plain.usage_metadata.prompt_token_count


@pytest.mark.pitfall(24)
async def test_tool_round_trip_by_hand(client: Api, on: Subject) -> None:
    """The results come without an id too, as many clients send them."""
    asked = await done(client.models.generate_content(model=on.model, contents="Hello", config=config(tools=[TOOL])))
    (call,) = asked.function_calls
    assert (call.name, call.args) == (on.tool, on.arguments)
    assert asked.candidates[0].finish_reason == types.FinishReason.STOP
    for id, response in ((call.id, {"result": "sunny"}), (None, {"result": "sunny"}), (None, {})):
        result = types.FunctionResponse(id=id, name=call.name, response=response)
        turns = [
            types.Content(role="user", parts=[types.Part(text="Hello")]),
            asked.candidates[0].content,
            types.Content(role="user", parts=[types.Part(function_response=result)]),
        ]
        answer = await done(client.models.generate_content(model=on.model, contents=turns, config=config(tools=[TOOL])))
        assert answer.text == on.sentence


async def test_streamed_tool_call(client: Api, on: Subject) -> None:
    settings = config(tools=[TOOL])
    chunks = await every(client.models.generate_content_stream(model=on.model, contents="Hello", config=settings))
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    assert [(call.name, call.args) for call in calls] == [(on.tool, on.arguments)]
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


async def test_the_sdk_calls_functions_by_itself(client: Api, on: Subject) -> None:
    cities: list[str] = []

    def get_weather(city: str) -> str:
        """Weather of a city."""
        cities.append(city)
        return "sunny"

    settings = types.GenerateContentConfig(max_output_tokens=100, tools=[get_weather])
    answer = await done(client.models.generate_content(model=on.model, contents="Hello", config=settings))
    assert answer.text == on.sentence
    assert cities == [on.arguments["city"]]
    roles = [turn.role for turn in answer.automatic_function_calling_history]
    assert roles[:2] == ["user", "model"]
    chunks = await every(client.models.generate_content_stream(model=on.model, contents="Hello", config=settings))
    assert "".join(chunk.text or "" for chunk in chunks) == on.sentence
    assert cities == [on.arguments["city"]] * 2


@pytest.mark.pitfall(9)
async def test_tool_choice(client: Api, on: Subject) -> None:
    def choose(mode: str, tool: types.Tool, names: list[str] | None = None) -> types.GenerateContentConfig:
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=names)  # pyright: ignore[reportArgumentType]
        return config(tools=[tool], tool_config=types.ToolConfig(function_calling_config=calling))

    auto = await done(client.models.generate_content(model=on.model, contents="Hello", config=choose("AUTO", TOOL)))
    assert [call.name for call in auto.function_calls] == [on.tool]
    if on.kind == "mlx":  # ignores it without a word
        return
    none = await done(client.models.generate_content(model=on.model, contents="Hello", config=choose("NONE", TOOL)))
    assert not none.function_calls
    assert none.text
    named = choose("ANY", OTHER, ["other"])
    forced = await done(client.models.generate_content(model=on.model, contents="Hello", config=named))
    (call,) = forced.function_calls
    assert call.name == "other"
    if on.kind != "vllm":  # holds only what strict tools are called with to their schema; Gemini has no word for strict
        assert isinstance(call.args["city"], str)


@pytest.mark.pitfall(63)
@pytest.mark.parametrize("field", ["response_schema", "response_json_schema"])
async def test_structured_output(client: Api, on: Subject, field: str) -> None:
    schema = Verdict if field == "response_schema" else Verdict.model_json_schema()
    settings = types.GenerateContentConfig(
        max_output_tokens=300, response_mime_type="application/json", **{field: schema}
    )
    asked: dict[str, Any] = {"model": on.model, "contents": "Hello", "config": settings}
    if not on.forces_json:
        with pytest.raises(errors.ClientError, match="JSON schema"):
            await done(client.models.generate_content(**asked))
        return
    answer = await done(client.models.generate_content(**asked))
    assert Verdict.model_validate_json(answer.text)
    if field == "response_schema":
        assert isinstance(answer.parsed, Verdict)


@pytest.mark.pitfall(48)
async def test_thinking_may_be_asked_for(client: Api, on: Subject) -> None:
    for thinking in (
        types.ThinkingConfig(thinking_budget=1024, include_thoughts=True),
        types.ThinkingConfig(thinking_budget=0),
        types.ThinkingConfig(thinking_budget=-1),
        types.ThinkingConfig(thinking_level=types.ThinkingLevel.HIGH),
    ):
        settings = types.GenerateContentConfig(max_output_tokens=2048, thinking_config=thinking)
        answer = await done(client.models.generate_content(model=on.model, contents="Hello", config=settings))
        assert answer.text == on.sentence


@pytest.mark.pitfall(53)
async def test_thoughts_and_signatures_of_elsewhere_are_taken(client: Api, on: Subject) -> None:
    call = types.FunctionCall(name=on.tool, args=on.arguments)
    result = types.FunctionResponse(name=on.tool, response={"result": "sunny"})
    turns = [
        types.Content(role="user", parts=[types.Part(text="Hello")]),
        types.Content(
            role="model",
            parts=[types.Part(text="hm", thought=True), types.Part(function_call=call, thought_signature=b"sig\x00")],
        ),
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    answer = await done(client.models.generate_content(model=on.model, contents=turns, config=config(tools=[TOOL])))
    assert answer.text == on.sentence


async def test_chats(client: Api, on: Subject) -> None:
    chat = client.chats.create(model=on.model, config=LIMIT)
    first = await done(chat.send_message("Hello"))
    chunks = await every(chat.send_message_stream("Hello again"))
    assert first.text == "".join(chunk.text or "" for chunk in chunks) == on.sentence
    # a streamed answer counts only when every chunk of it has a part
    assert [turn.role for turn in chat.get_history(curated=True)][:4] == ["user", "model", "user", "model"]
    grown = chunks[-1].usage_metadata.prompt_token_count
    assert grown > first.usage_metadata.prompt_token_count


async def test_stop_sequences_and_the_limit_of_tokens(client: Api, on: Subject) -> None:
    limit = types.GenerateContentConfig(max_output_tokens=3)
    short = await done(client.models.generate_content(model=on.model, contents="Hello", config=limit))
    assert short.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert on.sentence.startswith(short.text)
    assert short.usage_metadata.candidates_token_count == 3
    if on.kind == "mlx":  # takes the word out and goes on
        return
    stopped = await done(
        client.models.generate_content(model=on.model, contents="Hello", config=config(stop_sequences=[" model"]))
    )
    assert stopped.text == on.sentence.split(" model")[0]
    assert stopped.candidates[0].finish_reason == types.FinishReason.STOP


@pytest.mark.pitfall(68)
async def test_count_tokens(client: Api, on: Subject) -> None:
    counted = (await done(client.models.count_tokens(model=on.model, contents="Hello"))).total_tokens
    answer = await done(client.models.generate_content(model=on.model, contents="Hello", config=LIMIT))
    assert counted == answer.usage_metadata.prompt_token_count if on.counts else counted > 0
    long = await done(client.models.count_tokens(model=on.model, contents="Hello " * on.context))
    assert long.total_tokens > on.context


async def test_models(client: Api, on: Subject) -> None:
    listed = await every(client.models.list())
    (mine,) = [model for model in listed if model.name == f"models/{on.model}"]
    assert "generateContent" in mine.supported_actions
    assert mine.display_name
    paged = await done(client.models.list(config={"page_size": 1}))
    assert len(paged.page) == 1
    one = await done(client.models.get(model=on.model))
    assert (one.name, one.input_token_limit) == (mine.name, mine.input_token_limit)
    with pytest.raises(errors.ClientError) as missing:
        await done(client.models.get(model="nobody"))
    assert (missing.value.code, missing.value.status) == (404, "NOT_FOUND")


@pytest.mark.pitfall(34)
async def test_an_image_is_refused_by_who_cannot_see(client: Api, on: Subject) -> None:
    contents = [types.Part.from_bytes(data=PNG, mime_type="image/png"), "what is this?"]
    for ask in (client.models.generate_content, client.models.generate_content_stream):
        with pytest.raises(errors.ClientError, match=on.refuses_images) as caught:
            await taken(ask(model=on.model, contents=contents, config=LIMIT))
        assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


async def test_unknown_models_and_bad_requests_have_the_dialects_errors(client: Api, on: Subject) -> None:
    with pytest.raises(errors.ClientError) as missing:
        await done(client.models.generate_content(model="nobody", contents="Hello"))
    assert (missing.value.code, missing.value.status) == (404, "NOT_FOUND")
    assert "nobody" in missing.value.message
    for body, words in (
        ({"contents": [{"role": "nobody", "parts": [{"text": "x"}]}]}, "role"),
        ({"contents": []}, "contents"),
        ({"generationConfig": {"temperature": "hot"}}, "temperature"),
    ):
        settings = types.GenerateContentConfig(http_options=types.HttpOptions(extra_body=body))
        with pytest.raises(errors.ClientError, match=words) as caught:
            await done(client.models.generate_content(model=on.model, contents="Hello", config=settings))
        assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.pitfall(62)
async def test_too_long_a_prompt(client: Api, on: Subject) -> None:
    if on.kind == "mlx":  # knows no limit: it would read for minutes
        return
    for ask in (client.models.generate_content, client.models.generate_content_stream):
        with pytest.raises(errors.ClientError, match="exceeds the maximum number of tokens allowed") as caught:
            await taken(ask(model=on.model, contents="Hello " * on.context, config=LIMIT))
        assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_wrong_key_is_refused(on: Subject, kind: str) -> None:
    async with opened(on.flock, kind, key="sk-orc-wrong") as client:
        for ask in (client.models.generate_content, client.models.generate_content_stream):
            with pytest.raises(errors.ClientError) as caught:
                await taken(ask(model=on.model, contents="Hello"))
            assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


@pytest.mark.pitfall(77)
async def test_a_client_that_leaves_frees_the_engine(client: Api, on: Subject) -> None:
    stream = await done(client.models.generate_content_stream(model=on.model, contents="Hello " * 500, config=LIMIT))
    if client.is_async:
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
            *(
                every(client.models.generate_content_stream(model=on.model, contents="Hello", config=LIMIT))
                for _ in range(16)
            )
        )
    for chunks in streams:
        assert "".join(chunk.text or "" for chunk in chunks) == on.sentence
