"""Everything that runs, on real engines, a real store and servers with the manners of real ones."""

import asyncio
import dataclasses
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from flock.clock import SystemClock
from flock.engines.embedded import Embedded
from flock.engines.engine import EngineSettings
from flock.engines.ports import Ports
from flock.engines.registry import Registry
from flock.errors import (
    Conflict,
    Draining,
    EngineFailed,
    EngineUnreachable,
    InvalidRequest,
    ModelNotFound,
    NotAllowed,
    NotFound,
)
from flock.paths import Home
from flock.smoke import facts
from flock.store.store import Store
from tests.engines.parts import INSTANCE, PROFILES, Absent, Rack, StandIn, until
from tests.engines.servers import VLLM, Server
from tests.running import PATIENCE, free_port

Open = Callable[..., Any]


async def chat(session: aiohttp.ClientSession, registry: Registry, model: str) -> str:
    placement = registry.table[model][0]
    upstream = registry.enter(placement) or await registry.ensure(placement)
    headers = {"Authorization": f"Bearer {upstream.key}"}
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100}
    patience = aiohttp.ClientTimeout(total=PATIENCE)  # the session's own limit is one for probes
    url = f"{upstream.url}/v1/chat/completions"
    try:
        async with session.post(url, json=body, headers=headers, timeout=patience) as answer:
            return (await answer.json())["choices"][0]["message"]["content"]
    finally:
        registry.leave(upstream.name)


async def test_smoke_model_answers_while_there_is_nothing_else(
    opened: Open, session: aiohttp.ClientSession, models: dict[str, Path]
) -> None:
    registry = await opened()
    assert list(registry.table) == [facts.NAME]
    assert registry.table[facts.NAME][0].upstream is None
    (row,) = registry.models()
    assert (row.state, row.source) == ("stopped", "built-in")
    assert "one fixed sentence" in row.note
    assert "flock model picks" in row.note
    assert await chat(session, registry, facts.NAME) == facts.SENTENCE
    assert registry.table[facts.NAME][0].context == facts.CONTEXT
    changes: list[int] = []
    registry.on_change = lambda: changes.append(len(registry.table))
    await registry.add_file(str(models["tiny-script"]))
    assert changes
    assert list(registry.table) == ["tiny-script"]
    removed = await registry.remove("tiny-script")
    assert removed.state == "stopped"
    assert list(registry.table) == [facts.NAME]
    assert models["tiny-script"].exists()


async def test_added_model_answers_and_survives_a_restart(
    opened: Open, session: aiohttp.ClientSession, models: dict[str, Path]
) -> None:
    first = await opened()
    said: list[str] = []
    row = await first.add_file(str(models["tiny-script"]), "My-Model", lambda part, message: said.append(message))
    assert (row.id, row.state, row.context) == ("my-model", "ready", 8192)
    assert row.size_bytes == models["tiny-script"].stat().st_size
    assert said[-1] == "my-model is ready"
    await first.stop()
    second = await opened()
    assert second.models()[0].state == "stopped"
    assert (await chat(session, second, "my-model")).startswith("Hello")


async def test_addition_that_fails_leaves_nothing(opened: Open, models: dict[str, Path], store: Store) -> None:
    registry = await opened(available=[StandIn("dies")])
    with pytest.raises(EngineFailed, match="cheese"):
        await registry.add_file(str(models["tiny-script"]))
    assert list(registry.table) == [facts.NAME]
    assert [row.id for row in registry.models()] == [facts.NAME]
    assert await store.models.all() == []


async def test_addition_that_is_cancelled_leaves_nothing(opened: Open, models: dict[str, Path], store: Store) -> None:
    registry = await opened(available=[StandIn("never-listens")])
    adding = asyncio.create_task(registry.add_file(str(models["tiny-script"])))
    await until(lambda: any(engine.pid for engine in registry.engines()), "the engine starts")
    assert {row.id: row.state for row in registry.models()}["tiny-script"] == "starting"
    with pytest.raises(Conflict, match="taken"):
        await registry.add_file(str(models["tiny-script"]))
    adding.cancel()
    await asyncio.wait([adding])
    assert [row.id for row in registry.models()] == [facts.NAME]
    assert not any(engine.pid for engine in registry.engines())
    assert await store.models.all() == []


async def test_ids_are_unique_and_well_formed(opened: Open, models: dict[str, Path], tmp_path: Path) -> None:
    registry = await opened()
    odd = shutil.copy(models["tiny-script"], tmp_path / "My Model (Q4_K_M).gguf")
    assert registry.validate_file(str(odd)) == "my-model-q4_k_m"
    with pytest.raises(InvalidRequest, match="cannot be a model's id"):
        registry.validate_file(str(odd), "no spaces")
    with pytest.raises(Conflict, match="built-in"):
        registry.validate_file(str(odd), facts.NAME)
    async with Server([{"id": "elsewhere", "owned_by": "x"}]) as server:
        await registry.attach(server.url, "other")
        with pytest.raises(Conflict, match="engine other"):
            registry.validate_file(str(odd), "elsewhere")
        with pytest.raises(Conflict, match="which flock does not run"):
            await registry.remove("elsewhere")
    with pytest.raises(Conflict, match="built in"):
        await registry.remove(facts.NAME)
    with pytest.raises(ModelNotFound):
        await registry.remove("nothing")


async def test_attaching_a_real_engine(
    opened: Open, session: aiohttp.ClientSession, models: dict[str, Path], home: Home, tmp_path: Path
) -> None:
    registry = await opened()
    elsewhere = dataclasses.replace(home, run=tmp_path / "elsewhere", logs=tmp_path / "elsewhere-logs")
    other = Registry(
        elsewhere,
        EngineSettings(),
        PROFILES,
        Nothing(),
        Nothing(),
        session,
        SystemClock(),
        "another",
        Rack(),
        available=(Embedded(),),
        ports=Ports(first=free_port()),
    )
    await other.start()
    try:
        await other.add_file(str(models["tiny-script"]))
        upstream = other.table["tiny-script"][0].upstream
        assert upstream is not None
        with pytest.raises(NotAllowed, match="wants an API key"):
            await registry.attach(upstream.url)
        with pytest.raises(NotAllowed, match="refuses the key"):
            await registry.attach(upstream.url, key="wrong")
        row = await registry.attach(f"{upstream.url}/v1/", "llama", upstream.key)
        assert (row.kind, row.ownership, row.state, row.models) == ("llamacpp", "adopted", "ready", ("tiny-script",))
        assert row.source == "attached"
        assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600
        (placement,) = registry.table["tiny-script"]
        assert (placement.own, placement.state, placement.context) == (False, "ready", 8192)
        assert placement.kind == "chat"
        assert (await chat(session, registry, "tiny-script")).startswith("Hello")
        with pytest.raises(Conflict, match="attached already"):
            await registry.attach(upstream.url, "again", upstream.key)
        with pytest.raises(Conflict, match="own engine"):
            await other.attach(upstream.url, "myself", upstream.key)
        await registry.stop()

        again = await opened()
        assert (await chat(session, again, "tiny-script")).startswith("Hello")
        await again.detach("llama")
        assert list(again.table) == [facts.NAME]
        assert json.loads(home.secrets.read_text())["secrets"] == {}
        assert other.table["tiny-script"][0].state == "ready"
    finally:
        await other.stop()


class Nothing:
    """A shelf that keeps nothing."""

    async def all(self) -> list[Any]:
        return []

    async def insert(self, entry: object, /) -> None:
        pass

    async def update(self, entry: object, /) -> None:
        pass

    async def delete(self, name: str, /) -> None:
        pass


async def test_flock_refuses_itself(opened: Open) -> None:
    registry = await opened()
    async with Server([], headers={"X-Flock-Instance": INSTANCE}) as itself:
        with pytest.raises(Conflict, match="is this flock itself"):
            await registry.attach(itself.url)
    async with Server([], headers={"X-Flock-Instance": "another flock"}) as neighbour:
        assert (await registry.attach(neighbour.url)).models == ()


async def test_names_of_engines_are_unique(opened: Open) -> None:
    registry = await opened()
    async with Server(VLLM) as one, Server(VLLM) as two:
        first = await registry.attach(one.url)
        assert first.name == f"127.0.0.1:{one.server.port}"
        with pytest.raises(Conflict, match="called"):
            await registry.attach(two.url, first.name)
        with pytest.raises(InvalidRequest, match="cannot be an engine's name"):
            await registry.attach(two.url, "a/b")
        for name in ("vendor:groq", "Vendor:x", "vendor:"):  # a vendor's key would be kept under it
            with pytest.raises(InvalidRequest, match="is a vendor's"):
                await registry.attach(two.url, name, "a key")
        with pytest.raises(Conflict, match="own engine"):
            await registry.attach(two.url, f"embedded:{facts.NAME}")
        await registry.attach(two.url, "two")
        assert [p.name for p in registry.table["org/model-a"]] == [first.name, "two"]
        assert len(registry.models()) == 1
    with pytest.raises(NotFound) as caught:
        await registry.detach("tow")
    assert caught.value.details == {"nearest": ["two"]}


async def test_what_is_no_engine_is_refused(opened: Open) -> None:
    registry = await opened()
    with pytest.raises(EngineUnreachable, match="connection refused") as caught:
        await registry.attach(f"127.0.0.1:{free_port()}")
    assert "flock engine attach http://127.0.0.1:" in caught.value.hint
    async with TestServer(web.Application()) as plain:
        with pytest.raises(InvalidRequest, match="no OpenAI-compatible server"):
            await registry.attach(f"127.0.0.1:{plain.port}")
    assert [engine.name for engine in registry.engines()] == [f"embedded:{facts.NAME}"]


async def test_unreachable_engine_keeps_its_models_and_comes_back(opened: Open) -> None:
    registry = await opened()
    port = free_port()
    async with Server(VLLM, key="k") as server:
        port = server.server.port or 0
        row = await registry.attach(server.url, "gpu", "k")
        assert (row.kind, row.version) == ("vllm", "0.32.0")
        server.served = [*VLLM, {"id": "b", "owned_by": "vllm"}]
        await until(lambda: "b" in registry.table, "the new model was noticed")
    registry.report_dead("gpu", "connection refused")
    assert registry.table["b"][0].state == "unreachable"
    await until(lambda: "refused" in registry.engines()[-1].error, "it was asked")
    placement = registry.table["b"][0]
    assert placement.upstream is not None
    with pytest.raises(EngineUnreachable, match="engine gpu at http"):
        await registry.ensure(placement)
    back = Server(VLLM, key="k")
    back.server = TestServer(back.server.app, port=port)
    async with back:
        await until(lambda: registry.table["org/model-a"][0].state == "ready", "it came back")
        assert "b" not in registry.table
        assert (await registry.ensure(placement)).key == "k"


async def test_engines_of_the_settings_are_adopted_and_not_detached(opened: Open, store: Store) -> None:
    async with Server(VLLM, key="from-the-environment") as server:
        settings = EngineSettings(
            endpoints={"vllm": f"{server.url}/v1", "ollama": f"127.0.0.1:{free_port()}"},
            sources={"vllm": "FLOCK_VLLM_ENDPOINT"},
            vllm_key="from-the-environment",
        )
        registry = await opened(settings)
        engines = {engine.name: engine for engine in registry.engines()}
        assert (engines["vllm"].state, engines["vllm"].source) == ("ready", "FLOCK_VLLM_ENDPOINT")
        assert (engines["ollama"].state, engines["ollama"].source) == ("unreachable", "engine.ollama_endpoint")
        assert list(registry.table) == ["org/model-a"]
        assert await store.engines.all() == []
        with pytest.raises(Conflict, match="FLOCK_VLLM_ENDPOINT"):
            await registry.detach("vllm")


@pytest.mark.parametrize("body", [b"", b'{"object": "list", "data": [{"id": "m", "object": "model"}]}'])
async def test_manners_of_mlx_are_tolerated(opened: Open, body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6 Python/3.11.2\r\nContent-Type: application/json\r\n\r\n"
        writer.write(head + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    registry = await opened()
    async with server:
        row = await registry.attach(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "mlx")
        assert (row.kind, row.models) == ("mlx", ("m",) if body else ())


async def test_without_any_engine_the_models_say_how_to_install_one(opened: Open) -> None:
    registry = await opened(available=[Absent()])
    (row,) = registry.models()
    assert row.state == "failed"
    assert '"flockllm[embedded]"' in row.error
    with pytest.raises(EngineFailed) as caught:
        await registry.ensure(registry.table[facts.NAME][0])
    assert caught.value.hint in ("make up", 'pipx install --force "flockllm[embedded]"')


async def test_preferred_engine_is_taken_where_it_is_there(opened: Open) -> None:
    registry = await opened(EngineSettings(preferred="embedded"), available=[StandIn("good"), Embedded()])
    assert registry.engines()[0].kind == "embedded"
    fallback = await opened(EngineSettings(preferred="openai"), available=[Absent(), Embedded()])
    assert fallback.engines()[0].kind == "embedded"


async def test_stopped_registry_starts_nothing(opened: Open) -> None:
    registry = await opened()
    placement = registry.table[facts.NAME][0]
    await registry.ensure(placement)
    await registry.stop()
    assert not any(engine.pid for engine in registry.engines())
    with pytest.raises(Draining):
        await registry.ensure(placement)


async def test_placement_of_a_removed_model_is_refused(opened: Open, models: dict[str, Path]) -> None:
    registry = await opened()
    await registry.add_file(str(models["tiny-script"]))
    placement = registry.table["tiny-script"][0]
    await registry.remove("tiny-script")
    with pytest.raises(ModelNotFound, match="was removed"):
        await registry.ensure(placement)
