"""Counting prompts on real llama.cpp: what is counted is what the engine then reports as the prompt's tokens."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flock.clock import SystemClock
from flock.core.counting import Count, Counter
from flock.dialects import ir
from flock.dialects.ask import Ask
from flock.dialects.estimate import estimate
from flock.engines.engine import Engine
from flock.engines.supervisor import Supervised
from flock.upstream import Upstream

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


BODIES: dict[str, dict[str, Any]] = {
    "plain": {"messages": [user("Hello there, how are you?")]},
    "parts": {"messages": [user([{"type": "text", "text": "Hello"}, {"type": "text", "text": " there"}])]},
    "system": {"messages": [{"role": "system", "content": "Be brief. 你好"}, user("Hello")]},
    "tools": {"messages": [user("Hello")], "tools": [TOOL]},
    "must call": {"messages": [user("Hello")], "tools": [TOOL], "tool_choice": "required"},
    "tool loop": {
        "messages": [
            user("Hello"),
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        ],
        "tools": [TOOL],
    },
    "prefill": {"messages": [user("Hello"), {"role": "assistant", "content": "Well"}]},
    "marks in words": {"messages": [user("<|im_end|> and <|im_start|> are marks")]},
    "form": {"messages": [user("Hello")], "response_format": {"type": "json_object"}},
    "switch": {"messages": [user("Hello")], "chat_template_kwargs": {"enable_thinking": False}},
}


def asked(body: dict[str, Any]) -> tuple[Ask, ir.Request]:
    """Return the ask and the request of a body; the words do, since an engine is sent the body itself."""
    path = "/v1/chat/completions"
    ask = Ask("openai", "chat", path, b"", body, "tiny", stream=False, wants_usage=False)
    return ask, ir.Request(
        "openai", "tiny", [ir.Message("user", [ir.Text(str(m["content"]))]) for m in body["messages"]]
    )


def counts_of(upstream: Upstream, shape: str) -> Upstream:
    return dataclasses.replace(upstream, profile=dataclasses.replace(upstream.profile, counts=shape))


@pytest.fixture
async def upstream(supervise: Callable[..., Supervised], engine: Engine) -> Upstream:
    return counts_of(await supervise(engine).ensure(), "llamacpp")


@pytest.fixture
def counter(session: aiohttp.ClientSession) -> Counter:
    return Counter(session, SystemClock())


async def prompt_tokens(session: aiohttp.ClientSession, upstream: Upstream, body: dict[str, Any]) -> int:
    """Return what the engine reports as the prompt's tokens when it really generates."""
    headers = {"Authorization": f"Bearer {upstream.key}"}
    url = f"{upstream.url}/v1/chat/completions"
    async with session.post(url, json={**body, "model": "tiny", "max_tokens": 1}, headers=headers) as answer:
        found = await answer.json()
        assert answer.status == 200, found
        return found["usage"]["prompt_tokens"]


@pytest.mark.pitfall(68)
async def test_the_count_is_the_usage(session: aiohttp.ClientSession, counter: Counter, upstream: Upstream) -> None:
    counted: dict[str, Count] = {}
    used: dict[str, Count] = {}
    for name, body in BODIES.items():
        counted[name] = await counter.count(*asked(body), upstream, {**body, "model": "tiny", "max_tokens": 9})
        used[name] = Count(await prompt_tokens(session, upstream, body), "engine")
    assert counted == used


@pytest.mark.pitfall(68)
async def test_pictures_are_not_sent_and_count_by_estimate(counter: Counter, upstream: Upstream) -> None:
    # this model is blind: llama.cpp would refuse the picture, and fetch one that is named by URL
    words, picture = (
        {"type": "text", "text": "Hello"},
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/"}},
    )
    ask, request = asked({"messages": [user("Hello")]})
    blind = await counter.count(ask, request, upstream, {"model": "tiny", "messages": [user([words])]})
    request.messages[0].parts.append(ir.Image(url="http://127.0.0.1:9/"))
    seeing = await counter.count(ask, request, upstream, {"model": "tiny", "messages": [user([words, picture])]})
    alone = await counter.count(ask, request, upstream, {"model": "tiny", "messages": [user([picture])]})
    assert seeing == Count(blind.tokens + 1000, "engine")
    assert alone == Count(seeing.tokens - len("Hello"), "engine")


@pytest.mark.pitfall(68)
async def test_the_engines_own_messages_path_counts_the_same(counter: Counter, upstream: Upstream) -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "x"}
    body = {"model": "claude-x", "max_tokens": 10, "stream": True, "messages": [user("Hello there, how are you?")]}
    ask = Ask("anthropic", "messages", "/v1/messages", b"", body, "claude-x", True, False, headers)
    native = counts_of(upstream, "anthropic")
    request = ir.Request("anthropic", "claude-x", [ir.Message("user", [ir.Text("Hello there, how are you?")])])
    chat = {**BODIES["plain"], "model": "tiny"}
    assert await counter.count(ask, request, native, chat) == await counter.count(ask, request, upstream, chat)
    # a question of another dialect cannot be put to that path
    assert (await counter.count(*asked(BODIES["plain"]), native, chat)).how == "estimate"


@pytest.fixture
async def busy(
    supervise: Callable[..., Supervised], engine: Engine, models: dict[str, Path], session: aiohttp.ClientSession
) -> AsyncIterator[tuple[Upstream, list[asyncio.Task[None]]]]:
    """Yield an engine whose slots all generate, with more requests waiting for one."""
    upstream = counts_of(await supervise(engine, models["tiny-chat"]).ensure(), "llamacpp")
    begun = asyncio.Event()

    async def generate() -> None:
        headers = {"Authorization": f"Bearer {upstream.key}"}
        body = {"model": "tiny", "stream": True, "messages": [user("Hello")], "max_tokens": 8000}
        limit = aiohttp.ClientTimeout(total=None)
        url = f"{upstream.url}/v1/chat/completions"
        async with session.post(url, json=body, headers=headers, timeout=limit) as answer:
            async for _ in answer.content:
                begun.set()

    tasks = [asyncio.create_task(generate()) for _ in range(8)]
    await begun.wait()
    yield upstream, tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_does_not_wait_for_generation(
    busy: tuple[Upstream, list[asyncio.Task[None]]], session: aiohttp.ClientSession
) -> None:
    upstream, tasks = busy
    # a machine that runs other tests too may take longer than a user is let wait; what matters is who ends first
    counter = Counter(session, SystemClock(), seconds=120)
    bodies = [{"model": "tiny", "messages": [user(f"foo {i}")], "tools": [TOOL]} for i in range(40)]
    found = await asyncio.gather(*(counter.count(*asked(body), upstream, body) for body in bodies))
    assert {count.how for count in found} == {"engine"}
    assert not all(task.done() for task in tasks), "the engine was not busy any more"


@pytest.mark.pitfall(68)
async def test_what_the_engine_refuses_is_estimated_and_it_is_asked_again(counter: Counter, upstream: Upstream) -> None:
    ask, request = asked(BODIES["plain"])
    refused = await counter.count(ask, request, upstream, {"model": "tiny", "messages": [{"role": 3}]})
    assert refused == Count(estimate(request), "estimate")
    assert (await counter.count(ask, request, upstream, {**BODIES["plain"], "model": "tiny"})).how == "engine"


async def test_a_vocabulary_with_a_first_mark_counts_it(
    session: aiohttp.ClientSession,
    counter: Counter,
    supervise: Callable[..., Supervised],
    engine: Engine,
    models: dict[str, Path],
    tmp_path: Path,
) -> None:
    setting = b"tokenizer.ggml.add_bos_token\x07\0\0\0"
    plain = models["tiny-script"].read_bytes()
    assert plain.count(setting + b"\0") == 1
    path = tmp_path / "with-bos.gguf"
    path.write_bytes(plain.replace(setting + b"\0", setting + b"\1"))
    upstream = counts_of(await supervise(engine, path).ensure(), "llamacpp")
    body = BODIES["plain"]
    found = await counter.count(*asked(body), upstream, {**body, "model": "tiny"})
    assert found == Count(await prompt_tokens(session, upstream, body), "engine")
