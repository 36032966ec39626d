"""The official `anthropic` SDK, sync and async, against flock in front of every real engine.

Where the engine speaks the dialect by itself (vLLM) the bytes are its own, elsewhere they are a translation:
X-Flock-Path says which, and a client must see no difference. The model's answers are known word for word; broken
engines are the subject of test_sdk_faults.py.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic, DefaultAsyncHttpxClient, DefaultHttpxClient, beta_async_tool, beta_tool

from tests.e2e.parts import explained, usage
from tests.e2e.subjects import ALL, SCHEMA, Subject, Verdict, done, entered, every, opened, subject
from tests.engines import real
from tests.running import Flock

Client = Anthropic | AsyncAnthropic
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL: dict[str, Any] = {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}
BASE: dict[str, Any] = {"max_tokens": 100, "messages": HELLO}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.fixture(scope="module", params=ALL)
def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A flock in front of each real engine."""
    with subject(request.param, real.room(tmp_path_factory)) as on:
        yield on


def made(flock: Flock, kind: str, **options: Any) -> Client:
    """Return a client of flock that never goes through a proxy and, unless told otherwise, never tries twice."""
    options = {"base_url": flock.url, "api_key": flock.key, "max_retries": 0, **options}
    if kind == "sync":
        return Anthropic(http_client=DefaultHttpxClient(trust_env=False), **options)
    return AsyncAnthropic(http_client=DefaultAsyncHttpxClient(trust_env=False), **options)


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, on: Subject) -> AsyncIterator[Client]:
    async with opened(made, on.flock, request.param) as client:
        yield client


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def check_grammar(events: list[Any]) -> None:
    """Hold a stream against the dialect: one start, blocks that begin and end in turn, one reason, one end."""
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert [kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")] == [1, 1, 1]
    at, is_open = -1, False
    for event in events:
        match event.type:
            case "content_block_start":
                assert not is_open
                at, is_open = at + 1, True
                assert event.index == at
            case "content_block_delta":
                assert is_open
                assert event.index == at
            case "content_block_stop":
                assert is_open
                assert event.index == at
                is_open = False
            case _:
                pass
    assert not is_open
    assert events[0].message.content == []
    assert events[0].message.stop_reason is None


async def test_message(client: Client, on: Subject) -> None:
    raw = await done(client.messages.with_raw_response.create(model=on.model, **BASE))
    message = await done(raw.parse())
    assert (message.type, message.role, message.model) == ("message", "assistant", on.model)
    assert message.id
    assert [block.type for block in message.content] == ["text"]
    assert said(message) == on.sentence
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert raw.headers["x-flock-path"] == on.path("anthropic")
    row = explained(on.flock, raw.headers["x-flock-request-id"])
    assert (row["plan"], row["endpoint"]) == (on.path("anthropic"), "messages")
    counted = usage(on.flock)[row["id"]]
    whole = message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0)
    assert (counted["input_tokens"], counted["output_tokens"]) == (whole, message.usage.output_tokens)
    assert min(whole, message.usage.output_tokens) > 0


async def test_stream(client: Client, on: Subject) -> None:
    events = await every(client.messages.create(model=on.model, stream=True, **BASE))
    check_grammar(events)
    pieces = [e.delta.text for e in events if e.type == "content_block_delta"]
    assert "".join(pieces) == on.sentence
    assert len(pieces) > 10
    assert events[0].message.model == on.model
    (last,) = [e for e in events if e.type == "message_delta"]
    assert last.delta.stop_reason == "end_turn"
    plain = await done(client.messages.create(model=on.model, **BASE))
    assert last.usage.output_tokens == plain.usage.output_tokens


async def test_stream_helper(client: Client, on: Subject) -> None:
    async with entered(client.messages.stream(model=on.model, **BASE)) as stream:
        text = "".join(await every(stream.text_stream))
        final = await done(stream.get_final_message())
    assert text == said(final) == on.sentence
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


async def test_tool_round_trip(client: Client, on: Subject) -> None:
    asked = await done(client.messages.create(model=on.model, tools=[TOOL], **BASE))
    assert asked.stop_reason == "tool_use"
    (call,) = [block for block in asked.content if block.type == "tool_use"]
    assert (call.name, call.input) == (on.tool, on.arguments)
    for content in ("sunny", [{"type": "text", "text": "sunny"}], [], None):
        result = {"type": "tool_result", "tool_use_id": call.id, **({} if content is None else {"content": content})}
        turns = [*HELLO, {"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}]
        answer = await done(client.messages.create(model=on.model, tools=[TOOL], max_tokens=100, messages=turns))
        assert said(answer) == on.sentence
        assert answer.stop_reason == "end_turn"


async def test_streamed_tool_call(client: Client, on: Subject) -> None:
    events = await every(client.messages.create(model=on.model, tools=[TOOL], stream=True, **BASE))
    check_grammar(events)
    (start,) = [e.content_block for e in events if e.type == "content_block_start"]
    assert (start.type, start.name, start.input) == ("tool_use", on.tool, {})
    async with entered(client.messages.stream(model=on.model, tools=[TOOL], **BASE)) as stream:
        kinds = [event.type for event in await every(stream)]
        final = await done(stream.get_final_message())
    assert "input_json" in kinds
    assert [block.input for block in final.content] == [on.arguments]
    assert final.stop_reason == "tool_use"


async def test_the_tool_runner_sends_its_history_when_threads_are_refused(client: Client, on: Subject) -> None:
    cities: list[str] = []

    def get_weather(city: str) -> str:
        """Weather of a city."""
        cities.append(city)
        return "sunny"

    async def get_weather_later(city: str) -> str:
        return get_weather(city)

    tool: Any
    if isinstance(client, AsyncAnthropic):
        tool = beta_async_tool(get_weather_later, name=on.tool, description="Weather of a city")
    else:
        tool = beta_tool(get_weather)
    runner = client.beta.messages.tool_runner(model=on.model, tools=[tool], **BASE)
    final = await done(runner.until_done())
    assert cities == [on.arguments["city"]]
    assert said(final) == on.sentence


async def test_tool_choice(client: Client, on: Subject) -> None:
    for choice in ({"type": "auto"}, {"type": "auto", "disable_parallel_tool_use": True}):
        message = await done(client.messages.create(model=on.model, tools=[TOOL], tool_choice=choice, **BASE))
        assert message.stop_reason == "tool_use"
    if on.kind == "mlx":  # ignores it without a word
        return
    none = await done(client.messages.create(model=on.model, tools=[TOOL], tool_choice={"type": "none"}, **BASE))
    assert [block.type for block in none.content] == ["text"]
    strict = {**TOOL, "name": "other", "strict": True, "input_schema": {**SCHEMA, "additionalProperties": False}}
    for choice, tools in (({"type": "any"}, [strict]), ({"type": "tool", "name": "other"}, [TOOL, strict])):
        forced = await done(client.messages.create(model=on.model, tools=tools, tool_choice=choice, **BASE))
        (call,) = [block for block in forced.content if block.type == "tool_use"]
        assert call.name == "other"
        assert isinstance(call.input["city"], str)


async def test_structured_output(client: Client, on: Subject) -> None:
    asked: dict[str, Any] = {"model": on.model, "max_tokens": 300, "messages": HELLO, "output_format": Verdict}
    if on.forces_json:
        assert isinstance((await done(client.messages.parse(**asked))).parsed_output, Verdict)
        return
    with pytest.raises(anthropic.BadRequestError, match="JSON schema"):
        await done(client.messages.parse(**asked))


async def test_thinking_may_be_asked_for(client: Client, on: Subject) -> None:
    for thinking in ({"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}, {"type": "disabled"}):
        asked: Any = {"model": on.model, "max_tokens": 2048, "messages": HELLO, "thinking": thinking}
        assert said(await done(client.messages.create(**asked))) == on.sentence
    turns = [
        *HELLO,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eA=="},
                {"type": "text", "text": "Hi"},
            ],
        },
        *HELLO,
    ]
    assert said(await done(client.messages.create(model=on.model, max_tokens=100, messages=turns))) == on.sentence


async def test_what_claude_code_sends_is_taken(client: Client, on: Subject) -> None:
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329.0a1; cch=0a1b2;"},
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
    ]
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "Today is Monday."},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": [{"type": "text", "text": "Be quick."}]},
    ]
    fields = {
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "thinking": {"type": "adaptive", "display": "omitted"},
        "metadata": {"user_id": '{"device_id":"d","session_id":"s"}'},
        "safeguards": [],
    }
    tools = [
        {**TOOL, "name": "Read", "eager_input_streaming": True},
        {**TOOL, "name": "Later", "defer_loading": True},
    ]
    asked: Any = {"model": on.model, "max_tokens": 32_000, "system": system, "messages": turns, "tools": tools}
    events = await every(client.messages.create(stream=True, extra_body=fields, extra_query={"beta": "true"}, **asked))
    check_grammar(events)
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == on.sentence


async def test_stop_sequences_and_the_limit_of_tokens(client: Client, on: Subject) -> None:
    short = await done(client.messages.create(model=on.model, max_tokens=3, messages=HELLO))
    assert short.stop_reason == "max_tokens"
    assert on.sentence.startswith(said(short))
    assert short.usage.output_tokens == 3
    if on.kind == "mlx":  # takes the word out and goes on
        return
    word = " model"
    stopped = await done(client.messages.create(model=on.model, stop_sequences=[word], **BASE))
    assert said(stopped) == on.sentence.split(word)[0]
    assert stopped.stop_reason in ("stop_sequence", "end_turn")
    assert stopped.stop_sequence in (word, None)


async def test_count_tokens(client: Client, on: Subject) -> None:
    asked: Any = {"model": on.model, "messages": HELLO, "system": "Be brief.", "tools": [TOOL]}
    counted = (await done(client.messages.count_tokens(**asked))).input_tokens
    answer = await done(client.messages.create(max_tokens=100, **asked))
    whole = answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
    assert counted == whole if on.counts else counted > 0
    long: Any = [{"role": "user", "content": "Hello " * on.context}]
    assert (await done(client.messages.count_tokens(model=on.model, messages=long))).input_tokens > on.context


async def test_models(client: Client, on: Subject) -> None:
    listed = (
        [m async for m in client.models.list()] if isinstance(client, AsyncAnthropic) else list(client.models.list())
    )
    (mine,) = [model for model in listed if model.id == on.model]
    assert (mine.type, bool(mine.display_name), bool(mine.created_at)) == ("model", True, True)
    assert (await done(client.models.retrieve(on.model))).id == on.model
    with pytest.raises(anthropic.NotFoundError):
        await done(client.models.retrieve("nobody"))


async def test_an_image_is_refused_by_who_cannot_see(client: Client, on: Subject) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    turns: Any = [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "what?"}]}]
    for stream in (False, True):
        with pytest.raises(anthropic.BadRequestError, match=on.refuses_images) as caught:
            await done(client.messages.create(model=on.model, max_tokens=9, messages=turns, stream=stream))
        assert caught.value.body["error"]["type"] in on.faults("anthropic")


async def test_unknown_models_and_bad_requests_have_the_dialects_errors(client: Client, on: Subject) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        await done(client.messages.create(model="nobody", **BASE))
    assert missing.value.body["type"] == "error"
    assert missing.value.body["error"]["type"] == "not_found_error"
    for fields in ({"temperature": "hot"}, {"messages": "Hello"}, {"messages": [{"role": "nobody", "content": "x"}]}):
        with pytest.raises(anthropic.BadRequestError) as caught:
            await done(client.messages.create(model=on.model, extra_body=fields, **BASE))
        assert caught.value.body["error"]["type"] in on.faults("anthropic")
        assert next(iter(fields)) in caught.value.body["error"]["message"]


async def test_too_long_a_prompt(client: Client, on: Subject) -> None:
    if on.kind == "mlx":  # knows no limit: it would read for minutes
        return
    long: Any = [{"role": "user", "content": "Hello " * on.context}]
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long") as caught:
        await done(client.messages.create(model=on.model, max_tokens=9, messages=long))
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    with pytest.raises(anthropic.APIStatusError, match="prompt is too long"):
        # a slow machine has sent the stream's head by then
        await every(client.messages.create(model=on.model, max_tokens=9, messages=long, stream=True))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_wrong_key_is_refused_at_once(on: Subject, kind: str) -> None:
    # with the SDK's own retries: the header says that another try is no use
    async with opened(made, on.flock, kind, api_key="sk-orc-wrong", max_retries=2) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await done(client.messages.create(model=on.model, **BASE))
    assert caught.value.body["error"]["type"] == "authentication_error"
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


async def test_many_streams_at_once_are_all_whole(on: Subject) -> None:
    async with opened(made, on.flock, "async") as client:
        streams = await asyncio.gather(
            *(every(client.messages.create(model=on.model, stream=True, **BASE)) for _ in range(16))
        )
    for events in streams:
        check_grammar(events)
        assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == on.sentence
