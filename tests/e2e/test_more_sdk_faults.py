"""google-genai and ollama when the engine breaks: neither may take a broken answer for a short one that is whole.

Like test_sdk_faults.py for the dialects that no engine here speaks: both are translations of the same broken stream of
chat. Both libraries take a clean end in the middle of an answer for success, so flock must say it in the dialect's own
words before the connection ends.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import ollama
import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.parts import environment, explained, seen, settings
from tests.e2e.subjects import done, every, left
from tests.running import Flock, fake_upstream, flock_home, wait_for

TEXT = "Hello wörld!"
TOOL = {"name": "get_weather", "description": "Weather", "parameters": {"type": "object", "properties": {}}}
SPEAKERS = ["gemini-sync", "gemini-async", "ollama-sync", "ollama-async"]
# how long a stream may be silent before flock ends it, here; the default is minutes
STALL = 2
SAID = (errors.APIError, ollama.ResponseError)
BROKEN = (*SAID, httpx.HTTPError)


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
    """One SDK's client behind four verbs: call, a whole answer, a stream's words, a stream's tool call."""

    def __init__(self, name: str, flock: Flock) -> None:
        self.dialect, _, kind = name.partition("-")
        self.is_async = kind == "async"
        self._sync, self._async = httpx.Client(trust_env=False), httpx.AsyncClient(trust_env=False)
        if self.dialect == "gemini":
            http = types.HttpOptions(
                base_url=flock.url, httpx_client=self._sync, httpx_async_client=self._async, timeout=60_000
            )
            client = genai.Client(api_key=flock.key, http_options=http)
            self.models: Any = (client.aio if self.is_async else client).models
        else:
            make = ollama.AsyncClient if self.is_async else ollama.Client
            self.ollama: Any = make(flock.url, headers={"Authorization": f"Bearer {flock.key}"}, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._async.aclose()
        self._sync.close()
        if self.dialect == "ollama":
            await done(self.ollama.close())

    def call(self, model: str, *, stream: bool = False, tool: bool = False) -> Any:
        """Return the raw call of this dialect."""
        if self.dialect == "ollama":
            tools = [{"type": "function", "function": TOOL}] if tool else None
            return self.ollama.chat(model, [{"role": "user", "content": "Hello"}], stream=stream, tools=tools)
        declared = types.FunctionDeclaration(
            name=TOOL["name"], description=TOOL["description"], parameters_json_schema=TOOL["parameters"]
        )
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])] if tool else None)
        ask = self.models.generate_content_stream if stream else self.models.generate_content
        return ask(model=model, contents="Hello", config=config)

    def words(self, answer: Any) -> str:
        """Return the words of an answer or of a piece of one."""
        return (answer.text if self.dialect == "gemini" else answer.message.content) or ""

    async def ask(self, model: str) -> str:
        """Return a whole answer."""
        return self.words(await done(self.call(model)))

    async def stream(self, model: str) -> str:
        """Return the words of a stream that ended well, as this dialect says that."""
        chunks = await every(self.call(model, stream=True))
        ended = chunks[-1].candidates[0].finish_reason if self.dialect == "gemini" else chunks[-1].done
        assert ended, "a clean end that the SDK takes for success"
        return "".join(self.words(chunk) for chunk in chunks)

    async def tool_call(self, model: str) -> Any:
        """Return the arguments of a streamed tool call."""
        chunks = await every(self.call(model, stream=True, tool=True))
        if self.dialect == "gemini":
            (call,) = [call for chunk in chunks for call in chunk.function_calls or ()]
            return call.args
        (call,) = [call for chunk in chunks for call in chunk.message.tool_calls or ()]
        return call.function.arguments


def status(error: BaseException) -> int:
    """Return the HTTP status an SDK's error has."""
    return int(error.code if isinstance(error, errors.APIError) else getattr(error, "status_code", 0))


@pytest.fixture(params=SPEAKERS)
async def speaker(request: pytest.FixtureRequest, flock: Flock) -> AsyncIterator[Speaker]:
    speaker = Speaker(request.param, flock)
    yield speaker
    await speaker.close()


@pytest.mark.parametrize("model", ["ok", "cut", "json-only", "null-error", "ends-without-done"])
async def test_odd_manners_make_no_difference(speaker: Speaker, model: str) -> None:
    expected = {"null-error": "hi", "ends-without-done": "Hello wör"}.get(model, TEXT)
    assert await speaker.stream(model) == expected


@pytest.mark.pitfall(75)
@pytest.mark.parametrize("model", ["ok", "sse-only"])
async def test_a_whole_answer_comes_whole(speaker: Speaker, model: str) -> None:
    assert await speaker.ask(model) == TEXT


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
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
    with pytest.raises(SAID) as caught:
        await speaker.ask(model)
    assert status(caught.value) >= 500
    with pytest.raises(SAID) as caught:
        await speaker.stream(model)
    assert status(caught.value) >= 500


@pytest.mark.parametrize("model", ["half-json", "no-choices", "html"])
async def test_a_whole_answer_that_is_none_is_an_error(speaker: Speaker, model: str) -> None:
    with pytest.raises(SAID) as caught:
        await speaker.ask(model)
    assert status(caught.value) >= 500


async def test_bytes_that_are_no_text_do_not_break_the_stream(speaker: Speaker) -> None:
    try:
        text = await speaker.stream("bad-utf8")
    except BROKEN:
        return
    assert "�" in text or text == ""


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("model", ["status-429", "status-529"])
async def test_an_engine_that_has_too_much_to_do_is_an_error_with_a_status(speaker: Speaker, model: str) -> None:
    for stream in (False, True):
        with pytest.raises(SAID) as caught:
            await (speaker.stream(model) if stream else speaker.ask(model))
        assert status(caught.value) in (429, 503, 529)
        if isinstance(caught.value, errors.APIError):
            assert caught.value.status in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


@pytest.mark.pitfall(72)
async def test_a_refusal_of_the_engine_is_the_requests_fault(speaker: Speaker) -> None:
    with pytest.raises(SAID, match="max_tokens too large") as caught:
        await speaker.ask("status-400")
    assert status(caught.value) == 400
    with pytest.raises(SAID) as caught:
        await speaker.ask("status-500")
    assert status(caught.value) >= 500


@pytest.mark.pitfall(2)
async def test_a_tool_call_in_pieces_is_whole(speaker: Speaker) -> None:
    assert await speaker.tool_call("says-stop") == {"city": "Paris"}


@pytest.mark.pitfall(77)
async def test_a_client_that_leaves_stops_the_engine(speaker: Speaker, upstream: int, flock: Flock) -> None:
    before = int(seen(upstream)["closed_early"])
    stream = await done(speaker.call("flood", stream=True))
    if speaker.is_async:
        await left(stream)
    else:
        for _ in range(5):
            next(stream)
        stream.close()
    wait_for(lambda: int(seen(upstream)["closed_early"]) > before, "the engine has noticed")
    request_id = flock.json("request", "ls")[0]["id"]
    assert explained(flock, request_id)["outcome"] == "cancelled"
