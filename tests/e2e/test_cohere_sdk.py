"""The official `cohere` SDK, both of its versions, sync and async, and the other SDKs' embeddings, on tiny models.

flock's own engine serves one model that reranks and one that embeds, and the smoke model that chats.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import cohere
import httpx
import ollama
import pytest
from cohere.core.api_error import ApiError
from google import genai
from google.genai import errors, types

from tests.e2e.parts import environment, explained
from tests.e2e.subjects import done
from tests.models import bert
from tests.running import Flock, running_flock

QUERY = "what is that"
DOCUMENTS = ["a cat", "what is that", "nothing at all"]
VERSIONS: dict[str, type[Any]] = {
    "v1": cohere.Client,
    "v1-async": cohere.AsyncClient,
    "v2": cohere.ClientV2,
    "v2-async": cohere.AsyncClientV2,
}


@pytest.fixture(scope="module")
def flock(models: dict[str, Path]) -> Iterator[Flock]:
    with running_flock(**{**environment(), "FLOCK_ENGINE": "embedded"}) as flock:
        for name in ("tiny-rerank", "tiny-embed"):
            flock.ok("model", "add", f"file:{models[name]}", "--name", name)
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@contextlib.asynccontextmanager
async def opened(flock: Flock, version: str, key: str = "") -> AsyncIterator[Any]:
    """Yield a client of flock that never goes through a proxy and never tries twice; its connections close after it."""
    options: dict[str, Any] = {"api_key": key or flock.key, "base_url": flock.url, "max_retries": 0}
    if version.endswith("async"):
        async with httpx.AsyncClient(trust_env=False) as http:
            yield VERSIONS[version](httpx_client=http, **options)
    else:
        with httpx.Client(trust_env=False) as http:
            yield VERSIONS[version](httpx_client=http, **options)


@pytest.fixture(params=VERSIONS)
async def client(request: pytest.FixtureRequest, flock: Flock) -> AsyncIterator[Any]:
    async with opened(flock, request.param) as client:
        yield client


async def test_rerank(client: Any, flock: Flock) -> None:
    answer = await done(client.rerank(model="tiny-rerank", query=QUERY, documents=DOCUMENTS))
    assert answer.id
    assert sorted(result.index for result in answer.results) == [0, 1, 2]
    scores = [result.relevance_score for result in answer.results]
    assert all(isinstance(score, float) for score in scores)
    assert scores == sorted(scores, reverse=True)
    row = flock.json("request", "ls")[0]
    assert explained(flock, row["id"])["outcome"] == "ok"
    best = await done(client.rerank(model="tiny-rerank", query=QUERY, documents=DOCUMENTS, top_n=1))
    assert [(result.index, result.relevance_score) for result in best.results] == [
        (answer.results[0].index, pytest.approx(scores[0], rel=1e-3))
    ]


async def test_documents_come_back_where_the_version_knows_that(flock: Flock) -> None:
    asked: dict[str, Any] = {"model": "tiny-rerank", "query": QUERY, "return_documents": True}
    async with opened(flock, "v1") as client:
        for documents in (DOCUMENTS, [{"text": text} for text in DOCUMENTS]):
            answer = client.rerank(documents=documents, **asked)
            assert [result.document.text for result in answer.results] == [DOCUMENTS[r.index] for r in answer.results]


async def test_what_is_wrong_has_the_sdks_own_errors(client: Any, flock: Flock) -> None:
    with pytest.raises(cohere.NotFoundError) as missing:
        await done(client.rerank(model="nobody", query=QUERY, documents=DOCUMENTS))
    assert "nobody" in str(missing.value.body)
    with pytest.raises(cohere.BadRequestError) as wrong:
        await done(client.rerank(model="flock-smoke", query=QUERY, documents=DOCUMENTS))
    assert "tiny-rerank" in str(wrong.value.body), "it names a model of the right kind"
    with pytest.raises(ApiError) as empty:
        await done(client.rerank(model="tiny-rerank", query=QUERY, documents=[]))
    assert empty.value.status_code in (400, 422)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_key_is_refused(flock: Flock, version: str) -> None:
    async with opened(flock, version, "sk-orc-wrong") as client:
        with pytest.raises(cohere.UnauthorizedError):
            await done(client.rerank(model="tiny-rerank", query=QUERY, documents=DOCUMENTS))


def test_google_genai_embeds(flock: Flock) -> None:
    with httpx.Client(trust_env=False) as http:
        options = types.HttpOptions(base_url=flock.url, httpx_client=http, timeout=60_000)
        client: Any = genai.Client(api_key=flock.key, http_options=options)
        one = client.models.embed_content(model="tiny-embed", contents="hello")
        many = client.models.embed_content(model="tiny-embed", contents=["hello", "world"])
        assert [len(found.values) for found in (*one.embeddings, *many.embeddings)] == [bert.WIDTH] * 3
        assert one.embeddings[0].values == pytest.approx(many.embeddings[0].values, rel=1e-3, abs=1e-4)
        with pytest.raises(errors.ClientError, match="tiny-embed") as wrong:
            client.models.embed_content(model="flock-smoke", contents="hello")
        assert wrong.value.code == 400


def test_ollama_embeds(flock: Flock) -> None:
    with ollama.Client(flock.url, headers={"Authorization": f"Bearer {flock.key}"}, trust_env=False) as client:
        many = client.embed("tiny-embed", ["hello", "world"])
        assert [len(found) for found in many.embeddings] == [bert.WIDTH] * 2
        one = client.embed("tiny-embed", "hello")
        assert (one.model, one.embeddings[0]) == ("tiny-embed", pytest.approx(many.embeddings[0], rel=1e-3, abs=1e-4))
        old = client.embeddings("tiny-embed", "hello")
        assert len(old.embedding) == bert.WIDTH
        with pytest.raises(ollama.ResponseError, match="tiny-embed") as wrong:
            client.embed("flock-smoke", "hello")
        assert wrong.value.status_code == 400
