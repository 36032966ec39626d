"""Counting prompts on engines that have the path, have it not, refuse, hang or talk nonsense: servers of this test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from flock.core.counting import SILENCE_SECONDS, Count, Counter
from flock.dialects import ir
from flock.dialects.ask import Ask
from flock.dialects.estimate import estimate, prompt_of
from flock.profile import Profile
from flock.upstream import Upstream
from tests.engines.parts import HandClock

CHAT = {"model": "served", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9, "stream": True}
REQUEST = ir.Request("anthropic", "alias", [ir.Message("user", [ir.Text("Hello")])])
ESTIMATE = Count(estimate(REQUEST), "estimate")


def ask(dialect: str = "anthropic", **headers: str) -> Ask:
    body = {**CHAT, "model": "alias", "system": "Be brief."}
    return Ask(dialect, "messages", "/v1/messages/count_tokens", b"", body, "alias", False, False, headers)


class Odd:
    """An engine that answers every path as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, dict[str, str]]] = []
        self.answers: dict[str, Any] = {}
        self.status = 200
        self.hangs = False

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, await request.json(), dict(request.headers)))
        if self.hangs:
            await asyncio.Event().wait()
        found = self.answers.get(request.path)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="application/json")
        return web.json_response(found, status=self.status) if found is not None else web.Response(status=404)


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
async def port(odd: Odd) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_post("/{path:.*}", odd.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        assert server.port is not None
        yield server.port


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def counter(session: aiohttp.ClientSession, clock: HandClock) -> Counter:
    return Counter(session, clock)


def upstream(port: int, counts: str) -> Upstream:
    profile = Profile("x", "X", frozenset({"openai"}), counts=counts)
    return Upstream("x", "x", "127.0.0.1", port, profile, own=False, prefix="/llm", key="secret")


@pytest.mark.pitfall(68)
async def test_vllm_is_asked_for_the_count_of_messages_and_tools(counter: Counter, odd: Odd, port: int) -> None:
    odd.answers["/llm/tokenize"] = {"count": 21, "max_model_len": 4096, "tokens": [1]}
    picture = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/"}}
    content = [{"type": "text", "text": "Hello"}, picture]
    chat = {**CHAT, "messages": [{"role": "user", "content": content}], "tools": [{"type": "function"}]}
    assert await counter.count(ask(), REQUEST, upstream(port, "vllm"), chat) == Count(21, "engine")
    ((path, body, headers),) = odd.asked
    assert path == "/llm/tokenize"
    assert body == {
        "model": "served",
        "messages": [{"role": "user", "content": content[:1]}],
        "tools": [{"type": "function"}],
    }
    assert headers["Authorization"] == "Bearer secret"


@pytest.mark.pitfall(68)
async def test_a_native_path_gets_what_the_client_sent(counter: Counter, odd: Odd, port: int) -> None:
    odd.answers["/llm/v1/messages/count_tokens"] = {"input_tokens": 33}
    told = ask(**{"anthropic-version": "2026-10-21", "anthropic-beta": "a,b", "x-api-key": "the client's own"})
    assert await counter.count(told, REQUEST, upstream(port, "anthropic"), CHAT) == Count(33, "engine")
    ((_, body, headers),) = odd.asked
    assert body == {"model": "served", "messages": CHAT["messages"], "system": "Be brief."}
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "a,b")
    assert "x-api-key" not in headers


async def test_what_was_counted_once_is_not_asked_again(counter: Counter, odd: Odd, port: int) -> None:
    odd.answers["/llm/tokenize"] = {"count": 21}
    engine = upstream(port, "vllm")
    for _ in range(3):
        assert await counter.count(ask(), REQUEST, engine, CHAT) == Count(21, "engine")
    await counter.count(ask(), REQUEST, engine, {**CHAT, "tools": [{"type": "function"}]})
    assert len(odd.asked) == 2


@pytest.mark.pitfall(68)
@pytest.mark.parametrize("counts", ["llamacpp", "vllm", "anthropic"])
async def test_an_engine_without_the_path_is_left_alone_for_a_while(
    counter: Counter, odd: Odd, port: int, clock: HandClock, counts: str
) -> None:
    engine = upstream(port, counts)
    for _ in range(3):
        assert await counter.count(ask(), REQUEST, engine, CHAT) == ESTIMATE
    assert len(odd.asked) == 1
    clock.time += SILENCE_SECONDS + 1
    odd.answers |= {
        "/llm/tokenize": {"count": 5, "tokens": [1, 2, 3, 4, 5]},
        "/llm/apply-template": {"prompt": "Hello"},
        "/llm/v1/messages/count_tokens": {"input_tokens": 5},
    }
    assert await counter.count(ask(), REQUEST, engine, CHAT) == Count(5, "engine")


async def test_an_engine_that_hangs_costs_the_limit_once(
    session: aiohttp.ClientSession, odd: Odd, port: int, clock: HandClock
) -> None:
    counter = Counter(session, clock, seconds=0.05)
    odd.hangs = True
    for _ in range(3):
        assert await counter.count(ask(), REQUEST, upstream(port, "llamacpp"), CHAT) == ESTIMATE
    assert len(odd.asked) == 1


async def test_a_refused_prompt_says_nothing_about_the_next(counter: Counter, odd: Odd, port: int) -> None:
    odd.answers["/llm/apply-template"] = {"error": "Failed to parse messages"}
    for odd.status in (400, 500):
        assert await counter.count(ask(), REQUEST, upstream(port, "llamacpp"), CHAT) == ESTIMATE
    assert len(odd.asked) == 2


@pytest.mark.parametrize("nonsense", [b"", b"<html>", b"[]", b"{}", b'{"count": "many"}', b'{"count": -1}', b"\xff"])
async def test_nonsense_is_no_count(counter: Counter, odd: Odd, port: int, nonsense: bytes) -> None:
    odd.answers["/llm/tokenize"] = nonsense
    assert await counter.count(ask(), REQUEST, upstream(port, "vllm"), CHAT) == ESTIMATE


async def test_an_engine_that_is_gone_is_no_error(counter: Counter) -> None:
    assert await counter.count(ask(), REQUEST, upstream(9, "llamacpp"), CHAT) == ESTIMATE


async def test_an_unwritable_body_is_no_error(counter: Counter, port: int) -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"a": deep}
    assert await counter.count(ask(), REQUEST, upstream(port, "llamacpp"), {**CHAT, "tools": [deep]}) == ESTIMATE


class Known:
    """A tokenizer for the model "served": every letter is a token."""

    def __init__(self) -> None:
        self.asked = 0

    async def count(self, model: str, text: str) -> int | None:
        self.asked += 1
        return len(text) if model == "served" else None


async def test_a_tokenizer_is_asked_where_the_engine_has_no_way(session: aiohttp.ClientSession, port: int) -> None:
    known = Known()
    counter = Counter(session, HandClock(), known)
    prompt = prompt_of(REQUEST)
    for _ in range(2):
        found = await counter.count(ask(), REQUEST, upstream(port, ""), CHAT)
        assert found == Count(len("Hello") + prompt.marks, "tokenizer")
    assert known.asked == 1
    assert await counter.count(ask(), REQUEST, upstream(port, ""), {**CHAT, "model": "other"}) == ESTIMATE
