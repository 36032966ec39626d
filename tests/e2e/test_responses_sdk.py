"""The Responses dialect of the official `openai` SDK, sync and async, against flock in front of every real engine.

Where the engine speaks the dialect by itself (vLLM) the bytes are its own, elsewhere they are a translation:
X-Flock-Path says which, and a client must see no difference. The model's answers are known word for word; broken
engines are the subject of test_sdk_faults.py.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from tests.e2e.parts import explained, usage
from tests.e2e.subjects import ALL, SCHEMA, Subject, Verdict, done, entered, every, opened, subject
from tests.engines import real
from tests.running import Flock

Client = OpenAI | AsyncOpenAI
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": SCHEMA,
    "strict": False,
}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.fixture(scope="module", params=ALL)
def on(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A flock in front of each real engine."""
    with subject(request.param, real.room(tmp_path_factory)) as on:
        yield on


def made(flock: Flock, kind: str, **options: Any) -> Client:
    """Return a client of flock that never goes through a proxy and, unless told otherwise, never tries twice."""
    options = {"base_url": f"{flock.url}/v1", "api_key": flock.key, "max_retries": 0, **options}
    if kind == "sync":
        return OpenAI(http_client=DefaultHttpxClient(trust_env=False), **options)
    return AsyncOpenAI(http_client=DefaultAsyncHttpxClient(trust_env=False), **options)


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, on: Subject) -> AsyncIterator[Client]:
    async with opened(made, on.flock, request.param) as client:
        yield client


def user(text: str = "Hello") -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def check_grammar(events: list[Any]) -> None:
    """Hold a stream against the dialect: numbered events, items that are added and done in turn, one end."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in ("response.completed", "response.incomplete")
    assert sum(kind.split(".")[1] in ("completed", "incomplete", "failed") for kind in kinds) == 1
    added = [event for event in events if event.type == "response.output_item.added"]
    finished = [event for event in events if event.type == "response.output_item.done"]
    assert [e.output_index for e in added] == [e.output_index for e in finished] == list(range(len(added)))
    assert [e.item.id for e in added] == [e.item.id for e in finished]
    whole = events[-1].response
    assert [item.id for item in whole.output] == [e.item.id for e in finished]
    assert {e.response.id for e in (events[0], events[1], events[-1])} == {whole.id}
    for event in events:
        if event.type == "response.output_text.done":
            pieces = [e.delta for e in events if e.type == "response.output_text.delta" and e.item_id == event.item_id]
            assert "".join(pieces) == event.text


async def test_response(client: Client, on: Subject) -> None:
    for words in ("Hello", [user()], [{"role": "user", "content": "Hello"}]):
        raw = await done(client.responses.with_raw_response.create(model=on.model, input=words))
        answer = raw.parse()
        assert answer.output_text == on.sentence
        assert (answer.object, answer.status, answer.model, answer.error) == ("response", "completed", on.model, None)
        assert [item.type for item in answer.output] == ["message"]
        assert raw.headers["x-flock-path"] == on.path("responses")
    row = explained(on.flock, raw.headers["x-flock-request-id"])
    assert (row["plan"], row["endpoint"]) == (on.path("responses"), "responses")
    counted = usage(on.flock)[row["id"]]
    assert (counted["input_tokens"], counted["output_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


async def test_stream(client: Client, on: Subject) -> None:
    events = await every(client.responses.create(model=on.model, input="Hello", stream=True))
    check_grammar(events)
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(pieces) == on.sentence
    assert len(pieces) > 10
    whole = events[-1].response
    assert (whole.output_text, whole.status) == (on.sentence, "completed")
    assert whole.usage.output_tokens > 0


async def test_stream_helper(client: Client, on: Subject) -> None:
    async with entered(client.responses.stream(model=on.model, input="Hello")) as stream:
        events = await every(stream)
        final = await done(stream.get_final_response())
    assert [event.type for event in events][-1] == "response.completed"
    assert final.output_text == on.sentence


async def test_instructions_and_roles(client: Client, on: Subject) -> None:
    plain = await done(client.responses.create(model=on.model, input="Hello"))
    for asked in (
        {"instructions": "Be brief.", "input": "Hello"},
        {"input": [{"role": "developer", "content": "Be brief."}, user()]},
        {"input": [{"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]}, user()]},
        {"input": [user(), {"role": "developer", "content": "Be brief."}, user()]},
        {"input": [user(), {"role": "assistant", "content": "Hi"}, user()]},
    ):
        answer = await done(client.responses.create(model=on.model, **asked))
        assert answer.output_text == on.sentence
        assert answer.usage.input_tokens > plain.usage.input_tokens


async def test_tool_round_trip(client: Client, on: Subject) -> None:
    asked = await done(client.responses.create(model=on.model, input="Hello", tools=[TOOL]))
    (call,) = asked.output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", on.tool, on.arguments)
    assert call.call_id
    for output in ("sunny", [{"type": "input_text", "text": "sunny"}]):
        result = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        turns = [user(), call.model_dump(exclude_none=True), result]
        answer = await done(client.responses.create(model=on.model, input=turns, tools=[TOOL]))
        assert answer.output_text == on.sentence


async def test_streamed_tool_call(client: Client, on: Subject) -> None:
    events = await every(client.responses.create(model=on.model, input="Hello", tools=[TOOL], stream=True))
    check_grammar(events)
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    (whole,) = [event.arguments for event in events if event.type == "response.function_call_arguments.done"]
    (item,) = [event.item for event in events if event.type == "response.output_item.done"]
    assert "".join(pieces) == whole == item.arguments
    assert json.loads(whole) == on.arguments
    async with entered(client.responses.stream(model=on.model, input="Hello", tools=[TOOL])) as stream:
        await every(stream)
        final = await done(stream.get_final_response())
    assert [(item.type, item.name) for item in final.output] == [("function_call", on.tool)]


async def test_what_codex_sends_is_taken(client: Client, on: Subject) -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
    turns = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}], "id": "msg_1"},
        {**user("<environment_context/>"), "id": "msg_2"},
        {**user(), "id": "msg_3"},
        {**reasoning, "encrypted_content": "b3BhcXVl"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "ok"},
        {**user(), "id": "msg_4"},
    ]
    tools = [
        {**TOOL, "name": "shell"},
        {"type": "namespace", "name": "agents", "description": "others", "tools": [{**TOOL, "name": "spawn"}]},
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "edits files",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
        },
        {"type": "web_search"},
    ]
    fields: dict[str, Any] = {
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"verbosity": "low"},
        "extra_body": {"client_metadata": {"x": "y"}},
    }
    events = await every(client.responses.create(model=on.model, input=turns, tools=tools, stream=True, **fields))
    check_grammar(events)
    assert events[-1].response.output_text == on.sentence


async def test_structured_output(client: Client, on: Subject) -> None:
    asked: dict[str, Any] = {"model": on.model, "input": "Hello", "text_format": Verdict, "max_output_tokens": 300}
    if on.forces_json:
        assert isinstance((await done(client.responses.parse(**asked))).output_parsed, Verdict)
        return
    with pytest.raises(openai.BadRequestError, match="JSON schema"):
        await done(client.responses.parse(**asked))


async def test_an_answer_that_is_cut_is_incomplete(client: Client, on: Subject) -> None:
    short = await done(client.responses.create(model=on.model, input="Hello", max_output_tokens=3))
    assert (short.status, short.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert on.sentence.startswith(short.output_text)
    assert short.usage.output_tokens == 3
    events = await every(client.responses.create(model=on.model, input="Hello", max_output_tokens=3, stream=True))
    check_grammar(events)
    assert events[-1].response.status == "incomplete"
    # vLLM's own stream ends with another word and the same status
    assert events[-1].type == ("response.completed" if "responses" in on.relays else "response.incomplete")


async def test_kept_conversations_are_refused(client: Client, on: Subject) -> None:
    for fields in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}):
        with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
            await done(client.responses.create(model=on.model, input="Hello", **fields))
        assert caught.value.message
    # the SDKs' default, and what is asked for is given: this answer
    assert (await done(client.responses.create(model=on.model, input="Hello", store=True))).output_text == on.sentence


async def test_an_image_is_refused_by_who_cannot_see(client: Client, on: Subject) -> None:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
    turns: Any = [{"role": "user", "content": [picture, {"type": "input_text", "text": "what?"}]}]
    with pytest.raises(openai.BadRequestError, match=on.refuses_images):
        await done(client.responses.create(model=on.model, input=turns))


async def test_unknown_models_and_bad_requests_have_the_dialects_errors(client: Client, on: Subject) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await done(client.responses.create(model="nobody", input="Hello"))
    assert missing.value.code == "model_not_found"
    for fields in ({"input": 7}, {"input": "Hello", "temperature": "hot"}, {"input": [{"role": "nobody"}]}):
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError) as caught:
                await done(client.responses.create(model=on.model, stream=stream, **fields))
            assert caught.value.type in on.faults("responses")
            assert list(fields)[-1] in caught.value.message


async def test_too_long_a_prompt(client: Client, on: Subject) -> None:
    if on.kind == "mlx":  # knows no limit: it would read for minutes
        return
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.responses.create(model=on.model, input="Hello " * on.context))
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_wrong_key_is_refused_at_once(on: Subject, kind: str) -> None:
    async with opened(made, on.flock, kind, api_key="sk-orc-wrong", max_retries=2) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await done(client.responses.create(model=on.model, input="Hello"))
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


async def test_many_streams_at_once_are_all_whole(on: Subject) -> None:
    async with opened(made, on.flock, "async") as client:
        streams = await asyncio.gather(
            *(every(client.responses.create(model=on.model, input="Hello", stream=True)) for _ in range(16))
        )
    for events in streams:
        check_grammar(events)
        assert events[-1].response.output_text == on.sentence
