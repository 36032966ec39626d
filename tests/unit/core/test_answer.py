"""The commit point, over a connection without a socket: what an engine's bytes become for a client of each dialect."""

import asyncio
import json
from typing import Any

import pytest

from flock.clock import SystemClock
from flock.core.answer import Answer
from flock.core.commit import Commit
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.dialects.plan import RELAY, SPLICE, TRANSLATE, Target, plan
from flock.dialects.table import SERVERS
from flock.errors import (
    ContextTooLong,
    EngineBusy,
    EngineOverloaded,
    EngineRefused,
    FlockError,
    UpstreamError,
)
from flock.outbound.pool import Exchange, Pool
from flock.profile import Profile
from flock.upstream import Upstream
from tests.grammar.anthropic import message_of, read
from tests.grammar.openai import check
from tests.grammar.responses import response_of

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}
PROFILE = Profile("x", "X", frozenset({"openai"}), request_faults=("image input",))
HI: Any = [{"role": "user", "content": "hi"}]
CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%b,"finish_reason":%b}]}\n\n'  # noqa: E501
ONE = CHUNK % (b'{"role":"assistant","content":"one"}', b"null")
END = CHUNK % (b"{}", b'"stop"')
USAGE = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3}}\n\n'  # noqa: E501
STREAM = ONE + END + USAGE + b"data: [DONE]\n\n"
WHOLE = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3},
    }
).encode()
SSE, JSON = "text/event-stream", "application/json"


class Line(asyncio.Transport):
    """A connection whose other end answers whatever it is sent with bytes that are known before, then closes."""

    def __init__(self, answers: bytes) -> None:
        super().__init__()
        self._answers = answers
        self.exchange: Exchange | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert self.exchange is not None
        loop = asyncio.get_running_loop()
        loop.call_soon(self.exchange.data_received, self._answers)
        loop.call_soon(self.exchange.connection_lost, None)

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        """Nothing to resume."""

    def abort(self) -> None:
        """Nothing to end."""


class Case:
    """One request and its response on the way to the commit point."""

    def __init__(self, client: str, *, stream: bool, model: str = "m", **fields: Any) -> None:
        body = {"model": model, "stream": stream, **fields}
        body["input" if client == "responses" else "messages"] = HI
        if client == "anthropic":
            body["max_tokens"] = 9
        self.ask = SERVERS[client].read_ask(json.dumps(body).encode(), PATHS[client])
        self.upstream = Upstream("x", "the engine", "127.0.0.1", 1, PROFILE, False)
        self.made = plan(self.ask, Target("m", PROFILE))
        self.record = Record("chat", 1_764_000_000.0, 0.0)
        self.record.requested, self.record.model = model, "m"

    async def answer(self, status: int, kind: str, body: bytes, head: str = "") -> Answer:
        """Return what a response amounts to."""
        words = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
        line = Line(words.encode() + body)
        exchange = Exchange(Pool(self.upstream, 1.0), asyncio.get_running_loop())
        line.exchange = exchange
        exchange.connection_made(line)
        await exchange.send(b"a request")
        return await Commit(self.record, exchange, self.upstream, self.made, self.ask, SystemClock()).answer()


def streamed(answer: Answer) -> bytes:
    """Return all frames of a stream that came in one read."""
    assert answer.tap is not None
    answer.tap.end()
    assert answer.tap.finished
    return answer.head + answer.tap.close()


def text_of(client: str, data: bytes) -> str:
    """Return the text of a stream."""
    if client == "openai":
        return check(data, wants_usage=True).content
    if client == "anthropic":
        return message_of(data)["content"][0]["text"]
    return response_of(data)["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("client", PATHS)
async def test_a_stream_for_a_stream(client: str) -> None:
    case = Case(client, stream=True)
    answer = await case.answer(200, SSE, STREAM)
    assert answer.body is None
    assert answer.tap is not None
    assert text_of(client, streamed(answer)) == "one"
    assert answer.tap.usage() == Usage(input=10, output=3)
    assert case.record.first
    assert case.made.kind == (SPLICE if client == "openai" else TRANSLATE)


@pytest.mark.pitfall(75)
@pytest.mark.parametrize("client", PATHS)
async def test_one_piece_for_a_stream(client: str) -> None:
    case = Case(client, stream=True)
    answer = await case.answer(200, JSON, WHOLE)
    assert answer.content_type.startswith("text/event-stream")
    assert answer.body is not None
    assert text_of(client, answer.body) == "one"
    assert case.record.usage == Usage(input=10, output=3)


@pytest.mark.pitfall(75)
@pytest.mark.parametrize("client", PATHS)
async def test_a_stream_for_one_piece(client: str) -> None:
    case = Case(client, stream=False)
    answer = await case.answer(200, SSE + "; charset=utf-8", STREAM)
    assert answer.content_type == JSON
    assert answer.body is not None
    assert b'"one"' in answer.body
    assert case.record.usage == Usage(input=10, output=3)
    assert not case.record.estimated


async def test_a_stream_without_usage_for_one_piece_is_counted() -> None:
    case = Case("anthropic", stream=False)
    await case.answer(200, SSE, ONE + END)
    assert (case.record.usage, case.record.estimated) == (Usage(output=1), True)


async def test_a_relayed_answer_goes_as_it_came() -> None:
    case = Case("openai", stream=False)
    assert case.made.kind == RELAY
    answer = await case.answer(200, JSON, WHOLE)
    assert answer.body == WHOLE
    assert case.record.usage == Usage(input=10, output=3)


@pytest.mark.pitfall(79)
async def test_the_client_reads_the_name_it_used() -> None:
    answer = await Case("openai", stream=False, model="alias").answer(200, JSON, WHOLE)
    assert json.loads(answer.body or b"")["model"] == "alias"
    told = await Case("openai", stream=True, model="alias", stream_options={"include_usage": True}).answer(
        200, SSE, STREAM
    )
    assert b'"model":"m"' not in streamed(told)
    translated = await Case("anthropic", stream=False, model="alias").answer(200, JSON, WHOLE)
    assert json.loads(translated.body or b"")["model"] == "alias"


@pytest.mark.parametrize(
    ("stream", "kind", "body"), [(False, JSON, WHOLE), (False, SSE, STREAM), (True, JSON, WHOLE), (True, SSE, STREAM)]
)
async def test_the_usage_that_is_kept_is_the_engines_where_the_client_is_told_another(
    stream: bool, kind: str, body: bytes
) -> None:
    case = Case("anthropic", stream=stream)
    case.ask.headers = {"user-agent": "claude-cli/2.1.329 (external, cli)"}
    case.made = plan(case.ask, Target("m", PROFILE, context=32_768))
    answer = await case.answer(200, kind, body)
    told = answer.body if answer.body is not None else streamed(answer)
    assert (message_of(told) if stream else json.loads(told))["usage"]["input_tokens"] > 100
    kept = case.record.usage if answer.tap is None else answer.tap.usage()
    assert kept == Usage(input=10, output=3)


@pytest.mark.pitfall(57)
async def test_a_translated_stream_begins_with_an_estimate_of_the_prompt() -> None:
    answer = await Case("anthropic", stream=True).answer(200, SSE, ONE)
    message = read(answer.head).message
    assert message is not None
    assert message["usage"]["input_tokens"] > 0


@pytest.mark.pitfall(71)
@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b'data: {"error":{"message":"out of memory"}}\n\n',
        b": alive\n\n" + b'data: {"error":{"message":"out of memory"}}\n\n',
        b'error: {"message":"out of memory"}\n\n',
    ],
)
async def test_an_error_before_the_first_event_may_still_be_averted(client: str, body: bytes) -> None:
    with pytest.raises(UpstreamError, match="out of memory"):
        await Case(client, stream=True).answer(200, SSE, body)


@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize("body", [b"", b": alive\n\n", b"data: {"])
async def test_a_stream_that_ends_before_its_first_event(client: str, body: bytes) -> None:
    with pytest.raises(UpstreamError, match="before the first event"):
        await Case(client, stream=True).answer(200, SSE, body)


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("client", PATHS)
async def test_a_stream_for_one_piece_that_breaks(client: str) -> None:
    case = Case(client, stream=False)
    with pytest.raises(UpstreamError, match="broke off"):
        await case.answer(200, SSE, ONE)
    assert (case.record.usage, case.record.estimated) == (Usage(output=1), True)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":{"message":"out of memory"}}'])
async def test_a_success_that_holds_no_answer(client: str, stream: bool, body: bytes) -> None:
    with pytest.raises(UpstreamError):
        await Case(client, stream=stream).answer(200, JSON, body)


async def test_an_ollama_may_fail_under_the_status_of_a_success() -> None:
    case = Case("openai", stream=False)
    raw = json.dumps({"model": "m", "messages": HI, "stream": False}).encode()
    case.ask = SERVERS["ollama"].read_ask(raw, "/api/chat")
    case.made = plan(case.ask, Target("m", Profile("ollama", "Ollama", frozenset({"ollama"})), context=8192))
    assert case.made.kind == SPLICE
    with pytest.raises(UpstreamError, match="the engine failed: out of memory"):
        await case.answer(200, JSON, b'{"error":"out of memory"}')


# -- refusals


def fault(words: str) -> bytes:
    return json.dumps({"error": {"message": words, "type": "x", "code": None}}).encode()


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize(
    ("status", "words", "head", "error", "details"),
    [
        (401, "bad key", "", UpstreamError, {}),  # flock's own key for the engine, not the client's
        (403, "not yours", "", UpstreamError, {}),
        (429, "slow down", "Retry-After: 7\r\n", EngineBusy, {"retry_after": 7}),
        (429, "slow down", "", EngineBusy, {}),
        (503, "loading", "Retry-After: 3\r\n", EngineOverloaded, {"retry_after": 3}),
        (529, "overloaded", "", EngineOverloaded, {}),
        (500, "boom", "", UpstreamError, {}),
        (500, "image input is not supported", "", EngineRefused, {}),  # the engine's own way to say 400
        (400, "the prompt is too long: 9000 tokens > 8192 maximum", "", ContextTooLong, {}),
    ],
)
async def test_refusals(
    client: str, status: int, words: str, head: str, error: type[FlockError], details: dict[str, Any]
) -> None:
    with pytest.raises(error) as found:
        await Case(client, stream=True).answer(status, JSON, fault(words), head)
    assert found.type is error
    assert words in found.value.sentence
    assert details.items() <= found.value.details.items()


@pytest.mark.pitfall(72)
async def test_an_engines_own_400_is_relayed_in_its_dialect_alone() -> None:
    answer = await Case("openai", stream=True).answer(400, JSON, fault("bad temperature"))
    assert (answer.status, answer.body) == (400, fault("bad temperature"))
    for client, body in (("anthropic", fault("bad")), ("responses", fault("bad")), ("openai", b"bad")):
        with pytest.raises(EngineRefused, match="bad"):
            await Case(client, stream=True).answer(400, JSON, body)
