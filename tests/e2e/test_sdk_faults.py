"""The official SDKs when the engine breaks: no dialect may turn a broken answer into a short one that looks whole.

Chat is a relay here, messages and responses are translations of the same broken stream. The fake engine's behaviours
are named in tests/fakes/upstream_faults.py. A clean end in the middle of an answer is taken for success by the chat and
the messages client, so flock must say it in the dialect's own words before the connection ends.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.e2e.parts import environment, explained, seen, settings
from tests.e2e.subjects import done, every
from tests.running import Flock, fake_upstream, flock_home, wait_for

TEXT = "Hello wörld!"
DIALECTS = ["openai", "anthropic", "responses"]
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL = {"name": "get_weather", "description": "Weather", "parameters": {"type": "object", "properties": {}}}
# how long a stream may be silent before flock ends it, here; the default is minutes
STALL = 2
BROKEN = (openai.APIError, anthropic.APIError, httpx2.HTTPError, RuntimeError)


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with fake_upstream() as port:
        yield port


@pytest.fixture(scope="module")
def flock(upstream: int) -> Iterator[Flock]:
    """A flock in front of the engine with faults, which loses its patience soon."""
    with flock_home(**environment()) as flock:
        settings(flock, f"gateway:\n  stall_seconds: {STALL}\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


class Speaker:
    """One SDK's client behind three verbs: ask for a whole answer, for a stream's words, for a stream's tool call."""

    def __init__(self, dialect: str, flock: Flock) -> None:
        self.dialect = dialect
        options: dict[str, Any] = {"api_key": flock.key, "max_retries": 0}
        if dialect == "anthropic":
            client = anthropic.DefaultAsyncHttpxClient(trust_env=False)
            self.anthropic = AsyncAnthropic(base_url=flock.url, http_client=client, **options)
        else:
            client = openai.DefaultAsyncHttpxClient(trust_env=False)
            self.openai = AsyncOpenAI(base_url=f"{flock.url}/v1", http_client=client, **options)

    def call(self, model: str, **more: Any) -> Any:
        """Return the raw call of this dialect."""
        match self.dialect:
            case "anthropic":
                return self.anthropic.messages.create(model=model, max_tokens=50, messages=HELLO, **more)
            case "responses":
                return self.openai.responses.create(model=model, input="Hello", **more)
            case _:
                return self.openai.chat.completions.create(model=model, messages=HELLO, **more)

    async def ask(self, model: str) -> str:
        answer = await self.call(model)
        match self.dialect:
            case "anthropic":
                return "".join(block.text for block in answer.content)
            case "responses":
                return answer.output_text
            case _:
                return answer.choices[0].message.content

    async def stream(self, model: str, **more: Any) -> str:
        """Return the words of a stream that ended well, as this dialect says that."""
        events = await every(await self.call(model, stream=True, **more))
        match self.dialect:
            case "anthropic":
                assert events[-1].type == "message_stop"
                return "".join(e.delta.text for e in events if e.type == "content_block_delta")
            case "responses":
                if events[-1].type != "response.completed":  # only the SDK's helper raises at this by itself
                    raise RuntimeError(events[-1])
                return "".join(e.delta for e in events if e.type == "response.output_text.delta")
            case _:
                return "".join(c.delta.content or "" for e in events for c in e.choices)

    async def tool_call(self, model: str) -> str:
        """Return the arguments of a streamed tool call."""
        match self.dialect:
            case "anthropic":
                tool = {"name": TOOL["name"], "input_schema": TOOL["parameters"]}
                events = await every(await self.call(model, stream=True, tools=[tool]))
                (reason,) = [e.delta.stop_reason for e in events if e.type == "message_delta"]
                assert reason == "tool_use"
                return "".join(e.delta.partial_json for e in events if e.type == "content_block_delta")
            case "responses":
                events = await every(await self.call(model, stream=True, tools=[{"type": "function", **TOOL}]))
                (item,) = [e.item for e in events if e.type == "response.output_item.done"]
                return item.arguments
            case _:
                tools = [{"type": "function", "function": TOOL}]
                events = await every(await self.call(model, stream=True, tools=tools))
                calls = [c for e in events for choice in e.choices for c in choice.delta.tool_calls or ()]
                return "".join(call.function.arguments or "" for call in calls)


@pytest.fixture(params=DIALECTS)
async def speaker(request: pytest.FixtureRequest, flock: Flock) -> AsyncIterator[Speaker]:
    speaker = Speaker(request.param, flock)
    yield speaker
    await done((speaker.anthropic if request.param == "anthropic" else speaker.openai).close())


@pytest.mark.parametrize("model", ["ok", "cut", "json-only", "null-error", "ends-without-done"])
async def test_odd_manners_make_no_difference(speaker: Speaker, model: str) -> None:
    expected = {"null-error": "hi", "ends-without-done": "Hello wör"}.get(model, TEXT)
    assert await speaker.stream(model) == expected


async def test_a_stream_under_a_wrong_content_type_is_whole_or_an_error(speaker: Speaker) -> None:
    try:
        assert await speaker.stream("as-text") == TEXT
    except (openai.InternalServerError, anthropic.InternalServerError):
        return


@pytest.mark.parametrize("model", ["ok", "sse-only"])
async def test_a_whole_answer_comes_whole(speaker: Speaker, model: str) -> None:
    assert await speaker.ask(model) == TEXT


@pytest.mark.parametrize(
    "model",
    ["dies-midway", "ends-early", "error-midway", "dies-in-frame", "says-done", "stalls"],
)
async def test_a_stream_that_breaks_is_never_taken_for_whole(speaker: Speaker, flock: Flock, model: str) -> None:
    with pytest.raises(BROKEN):
        await speaker.stream(model)
    row = flock.json("request", "ls")[0]
    assert row["outcome"] not in ("ok", "cancelled"), row


@pytest.mark.parametrize("model", ["dies-before", "dies-after-head", "garbage", "error-first", "html", "half-json"])
async def test_what_is_broken_from_the_start_is_an_error_with_a_status(speaker: Speaker, model: str) -> None:
    for stream in (False, True):
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            await every(await speaker.call(model, stream=True)) if stream else await speaker.call(model)
        assert caught.value.status_code >= 500


@pytest.mark.parametrize("model", ["half-json", "no-choices", "html"])
async def test_a_whole_answer_that_is_none_is_an_error(speaker: Speaker, model: str) -> None:
    if speaker.dialect == "openai" and model == "no-choices":
        return  # a relay: the engine's own words
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        await speaker.call(model)
    assert caught.value.status_code >= 500


async def test_bytes_that_are_no_text_do_not_break_the_stream(speaker: Speaker) -> None:
    try:
        text = await speaker.stream("bad-utf8")
    except (*BROKEN, UnicodeDecodeError):
        return
    assert "�" in text or text == ""


@pytest.mark.parametrize("model", ["status-429", "status-529"])
async def test_an_engine_that_has_too_much_to_do_says_when_to_come_back(speaker: Speaker, model: str) -> None:
    for stream in (False, True):
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            await speaker.call(model, stream=stream)
        assert caught.value.status_code in (429, 503, 529)
        assert int(caught.value.response.headers["retry-after"]) >= 1


async def test_the_sdk_comes_back_by_itself(speaker: Speaker, upstream: int) -> None:
    before = int(seen(upstream)["requests"])
    client = speaker.anthropic if speaker.dialect == "anthropic" else speaker.openai
    again = client.with_options(max_retries=1)
    speaker.openai = speaker.anthropic = again
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
        await speaker.call("status-429")
    assert int(seen(upstream)["requests"]) >= before + 2


async def test_a_refusal_of_the_engine_is_the_requests_fault(speaker: Speaker) -> None:
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match="max_tokens too large"):
        await speaker.call("status-400")
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
        await speaker.call("status-500")


async def test_a_tool_call_in_pieces_is_whole(speaker: Speaker) -> None:
    assert await speaker.tool_call("says-stop") == '{"city": "Paris"}'


async def test_a_client_that_leaves_stops_the_engine(speaker: Speaker, upstream: int, flock: Flock) -> None:
    before = int(seen(upstream)["closed_early"])
    stream = await speaker.call("flood", stream=True)
    events = aiter(stream)
    for _ in range(5):
        await anext(events)
    await stream.close()
    wait_for(lambda: int(seen(upstream)["closed_early"]) > before, "the engine has noticed")
    request_id = flock.json("request", "ls")[0]["id"]
    assert explained(flock, request_id)["outcome"] == "cancelled"
