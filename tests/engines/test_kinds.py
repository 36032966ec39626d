"""Which kind each model is, as real engines tell it, through the registry: ours and adopted ones."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flock.engines.adopted import Probe, Served, parse_url
from flock.engines.engine import Engine
from flock.engines.probe import probe
from flock.engines.registry import Registry
from flock.errors import InvalidRequest
from flock.upstream import Upstream
from tests.engines import real
from tests.engines.servers import VLLM, Routed
from tests.models import bert
from tests.running import PATIENCE

Open = Callable[..., Awaitable[Registry]]


async def answer(session: aiohttp.ClientSession, upstream: Upstream, path: str, body: dict[str, Any]) -> Any:
    """Return the answer of an upstream, which must be 200."""
    headers = {"Authorization": f"Bearer {upstream.key}"} if upstream.key else {}
    patience = aiohttp.ClientTimeout(total=PATIENCE)
    async with session.post(upstream.url + path, json=body, headers=headers, timeout=patience) as found:
        assert found.status == 200, await found.text()
        return await found.json()


async def test_own_embedding_model_takes_a_text_as_long_as_its_window(
    engine: Engine, opened: Open, session: aiohttp.ClientSession, models: dict[str, Path]
) -> None:
    registry = await opened(available=[engine])
    row = await registry.add_file(str(models["tiny-embed"]))
    assert (row.kind, row.context) == ("embedding", bert.CONTEXT)
    (placement,) = registry.table["tiny-embed"]
    assert (placement.kind, placement.state) == ("embedding", "ready")
    assert placement.upstream is not None
    long = "a" * (bert.CONTEXT - 2)  # one letter is one token, and two mark the ends
    body = {"model": "tiny-embed", "input": ["hello", "hello", long]}
    found = await answer(session, placement.upstream, "/v1/embeddings", body)
    first, second, third = (row["embedding"] for row in found["data"])
    assert len(first) == bert.WIDTH
    assert first == pytest.approx(second)
    assert first != pytest.approx(third)


async def test_own_rerank_model_scores_documents(
    engine: Engine, opened: Open, session: aiohttp.ClientSession, models: dict[str, Path]
) -> None:
    registry = await opened(available=[engine])
    await registry.add_file(str(models["tiny-rerank"]))
    (placement,) = registry.table["tiny-rerank"]
    assert placement.kind == "rerank"
    assert placement.upstream is not None
    body = {"model": "tiny-rerank", "query": "what", "documents": ["a", "what is that"]}
    found = await answer(session, placement.upstream, "/v1/rerank", body)
    assert {row["index"] for row in found["results"]} == {0, 1}


async def test_kinds_are_known_before_an_engine_is_started(opened: Open, models: dict[str, Path]) -> None:
    first = await opened()
    await first.add_file(str(models["tiny-embed"]))
    await first.add_file(str(models["tiny-script"]))
    await first.stop()
    second = await opened()
    assert {row.id: (row.state, row.kind) for row in second.models()} == {
        "tiny-embed": ("stopped", "embedding"),
        "tiny-script": ("stopped", "chat"),
    }
    # the one that chats comes first: it is the default
    assert [places[0].kind for places in second.table.values()] == ["chat", "embedding"]


LLAMA = pytest.mark.engine("llama-server")


@pytest.mark.parametrize(
    ("kind", "does", "context"),
    [
        pytest.param("llamacpp", "chat", real.CONTEXT, marks=LLAMA),
        pytest.param("embed", "embedding", bert.CONTEXT, marks=LLAMA),
        pytest.param("rerank", "rerank", bert.CONTEXT, marks=LLAMA),
        pytest.param("mlx", "chat", None, marks=pytest.mark.engine("mlx-lm")),
        pytest.param("vllm", "chat", real.CONTEXT, marks=[pytest.mark.engine("vllm"), real.SLOW_START]),
    ],
)
async def test_real_servers_tell_what_they_do(
    kind: str,
    does: str,
    context: int | None,
    session: aiohttp.ClientSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with real.running(kind, real.room(tmp_path_factory)) as engine:
        address = parse_url(engine.url)
        seen = await probe(session, address)
        (served,) = seen.models
        assert (served.model, served.kind, served.context) == (engine.model, does, context)
        assert seen.whole
        # what is known is not asked again while the list stays the same
        known = Probe((Served(engine.model, kind="known before"),), seen.kind, "known before")
        assert await probe(session, address, known=known) == known
        assert await probe(session, address, known=Probe((), seen.kind, "")) == seen


LLAMACPP = [{"id": "a", "owned_by": "llamacpp"}]
VLLM_ROUTES = ("/v1/chat/completions", "/v1/embeddings", "/v1/rerank", "/v1/audio/transcriptions")


@pytest.mark.parametrize(
    ("replies", "kind", "whole"),
    [
        ({}, "chat", True),  # from before it had props, embeddings and rerank
        ({"GET /props": (200, {"role": "router"}), "POST /v1/embeddings": (400, {})}, "", True),
        ({"POST /v1/rerank": (501, {}), "POST /v1/embeddings": (501, {})}, "chat", True),
        ({"POST /v1/rerank": (501, {}), "POST /v1/embeddings": (400, {})}, "embedding", True),
        ({"POST /v1/rerank": (400, {}), "POST /v1/embeddings": (400, {})}, "rerank", True),
        ({"GET /props": (200, [1]), "POST /v1/rerank": (400, {})}, "rerank", True),
    ],
)
async def test_answers_of_llama_cpp(
    session: aiohttp.ClientSession, replies: dict[str, tuple[int, Any]], kind: str, whole: bool
) -> None:
    async with Routed(LLAMACPP, replies) as server:
        seen = await probe(session, parse_url(server.url))
        assert (seen.kind, seen.models, seen.whole) == ("llamacpp", (Served("a", kind=kind),), whole)


@pytest.mark.parametrize(
    ("routes", "kind"),
    [
        (VLLM_ROUTES[:1], "chat"),
        (VLLM_ROUTES[1:3], "embedding"),  # what embeds can also be used to score
        (VLLM_ROUTES[2:3], "rerank"),
        (VLLM_ROUTES[3:], "transcription"),
        ((VLLM_ROUTES[0], VLLM_ROUTES[3]), "chat"),
        (VLLM_ROUTES, ""),  # an old one has them all
        ((), ""),
    ],
)
async def test_routes_of_vllm(session: aiohttp.ClientSession, routes: tuple[str, ...], kind: str) -> None:
    async with Routed(VLLM, {f"POST {route}": (400, {}) for route in routes}) as server:
        seen = await probe(session, parse_url(server.url))
        assert (seen.kind, seen.version, seen.models) == ("vllm", "0.32.0", (Served("org/model-a", 2048, kind),))


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({}, "gave HTTP 404"),
        ({"GET /voices": (200, {"a": 1})}, "gave HTTP 404"),
        ({"GET /voices": (200, {"a": {"audio": {}}})}, "gave HTTP 404"),
        ({"GET /v1/models": (200, {"models": []})}, "and no list of models"),
    ],
)
async def test_what_is_nothing_that_flock_knows(
    session: aiohttp.ClientSession, replies: dict[str, tuple[int, Any]], words: str
) -> None:
    async with Routed([], replies, lists=False) as server:
        with pytest.raises(InvalidRequest, match=words):
            await probe(session, parse_url(server.url))
