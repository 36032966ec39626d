"""What is known of an Ollama's models: kinds, the windows they have and could have, sizes.

On the fake that answers as the real one does, and on a server of old, changing and failing answers.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from flock.engines.adopted import Probe, Served, parse_url
from flock.engines.engine import EngineSettings
from flock.engines.probe import probe
from flock.engines.registry import Registry
from tests.engines.parts import until
from tests.engines.servers import Ollama, Server
from tests.fakes.ollama_process import fake_ollama

Open = Callable[..., Awaitable[Registry]]


def facts(architecture: str, window: int, *able: str, **more: Any) -> dict[str, Any]:
    header = {"general.architecture": architecture, f"{architecture}.context_length": window, **more}
    return {"capabilities": list(able), "model_info": header} if able else {"model_info": header}


SHOWN = {
    "gemma4:latest": facts("gemma4", 131072, "completion", "tools", "vision"),
    "nomic-embed-text:latest": facts("nomic-bert", 2048, "embedding"),
    "old:1b": facts("llama", 8192),
    "old-embed:latest": facts("bert", 512, **{"bert.pooling_type": 1}),
}


async def test_kinds_windows_and_sizes(session: aiohttp.ClientSession) -> None:
    async with Ollama(SHOWN, {name: 100 * place for place, name in enumerate(SHOWN, 1)}) as server:
        server.loaded["gemma4:latest"] = 4096
        seen = await probe(session, parse_url(server.url))
    assert seen == Probe(
        (
            Served("gemma4:latest", 4096, "chat", 131072, 100, frozenset({"tools", "vision"})),
            Served("nomic-embed-text:latest", None, "embedding", 2048, 200, frozenset()),
            Served("old:1b", None, "chat", 8192, 300),
            Served("old-embed:latest", None, "embedding", 512, 400),
        ),
        "ollama",
        "0.32.0",
        held_bytes=1,
    )


async def test_a_model_is_asked_about_once_and_again_when_it_is_another(session: aiohttp.ClientSession) -> None:
    async with Ollama(dict(SHOWN)) as server:
        address = parse_url(server.url)
        first = await probe(session, address)
        server.loaded["gemma4:latest"] = 8192
        second = await probe(session, address, known=first)
        assert [m.context for m in second.models] == [8192, None, None, None]
        assert {name: server.asked[name] for name in SHOWN} == dict.fromkeys(SHOWN, 1)
        server.sizes["old:1b"] = 2000
        server.shown["old:1b"] = facts("llama", 32768, "completion")
        server.shown["new:latest"], server.sizes["new:latest"] = facts("qwen3", 40960, "completion"), 7
        third = await probe(session, address, known=second)
        assert {m.model: m.largest for m in third.models} == {
            "gemma4:latest": 131072,
            "nomic-embed-text:latest": 2048,
            "old:1b": 32768,
            "old-embed:latest": 512,
            "new:latest": 40960,
        }
        assert server.asked["old:1b"] == 2
        assert server.asked["gemma4:latest"] == server.asked["new:latest"] == 1


async def test_what_it_does_not_tell_stays_unknown_and_is_asked_again(session: aiohttp.ClientSession) -> None:
    async with Ollama(dict(SHOWN)) as server:
        server.mute = True
        first = await probe(session, parse_url(server.url))
        assert {(m.kind, m.largest) for m in first.models} == {("", None)}
        assert not first.whole
        server.mute = False
        second = await probe(session, parse_url(server.url), known=first)
        assert second.whole
        assert second.models[0].kind == "chat"


async def test_without_models(session: aiohttp.ClientSession) -> None:
    async with Ollama({}) as server:
        seen = await probe(session, parse_url(server.url), expected="ollama")
        assert (seen.kind, seen.models) == ("ollama", ())


async def test_table_follows_what_it_loads(opened: Open, session: aiohttp.ClientSession) -> None:
    with fake_ollama("--version", "0.12.3") as port:
        registry = await opened(EngineSettings(endpoints={"ollama": f"http://127.0.0.1:{port}"}))
        (row,) = [row for row in registry.engines() if row.name == "ollama"]
        assert (row.kind, row.state, row.version) == ("ollama", "ready", "0.12.3")
        (placement,) = registry.table["tiny:1b"]
        assert (placement.kind, placement.context, placement.largest) == ("chat", None, 8192)
        assert registry.table["embedder:latest"][0].kind == "embedding"
        hello = {"model": "tiny:1b", "messages": [{"role": "user", "content": "Hello"}], "options": {"num_ctx": 6000}}
        async with session.post(f"http://127.0.0.1:{port}/api/chat", json=hello) as answer:
            await answer.read()
        await until(lambda: registry.table["tiny:1b"][0].context == 6000, "the window it was loaded with")
        (model,) = [model for model in registry.models() if model.id == "tiny:1b"]
        assert (model.context, model.largest_context, model.size_bytes) == (6000, 8192, 800_000_000)


@pytest.mark.parametrize(
    ("task", "kind"),
    [("automatic-speech-recognition", "transcription"), ("text-to-speech", "speech"), ("juggling", ""), (None, "")],
)
async def test_a_list_may_say_what_a_model_does(session: aiohttp.ClientSession, task: str | None, kind: str) -> None:
    async with Server([{"id": "a", "owned_by": "x"} | ({"task": task} if task else {})]) as server:
        seen = await probe(session, parse_url(server.url))
        assert (seen.kind, seen.models) == ("openai", (Served("a", kind=kind),))
        named = await probe(session, parse_url(server.url), expected="piper")
        assert (named.kind, named.models[0].kind) == ("openai", kind or "speech")
