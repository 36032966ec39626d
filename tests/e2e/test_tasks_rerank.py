"""Rerank with Cohere's official SDK, both of its versions, against flock's own engines with a real rerank model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.parts import ask, environment, explained, usage
from tests.e2e.subjects import EMBEDDED, LLAMACPP
from tests.e2e.task_clients import cohere, cohere_v1, cohere_v2
from tests.running import LLAMA_PATH, Flock, running_flock

MODEL, CHAT_MODEL = "tiny-rerank", "tiny-script"
DOCUMENTS = ["a b", "hello world", "the"]


@pytest.fixture(scope="module", params=[EMBEDDED, LLAMACPP])
def flock(request: pytest.FixtureRequest, models: dict[str, Path]) -> Iterator[Flock]:
    """A flock whose own engine serves a rerank model, and one that chats."""
    chosen = {"FLOCK_ENGINE": "embedded"} if request.param == "embedded" else {"PATH": LLAMA_PATH}
    with running_flock(**{**environment(), **chosen}) as flock:
        for model in (MODEL, CHAT_MODEL):
            flock.ok("model", "add", f"file:{models[model]}")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def by_score(results: Any) -> bool:
    """Say whether results come best first, with scores that are floats."""
    scores = [one.relevance_score for one in results]
    return scores == sorted(scores, reverse=True) and all(isinstance(score, float) for score in scores)


def test_the_second_version(flock: Flock) -> None:
    with cohere_v2(flock) as client:
        _second(flock, client)


def _second(flock: Flock, client: cohere.ClientV2) -> None:
    raw = client.with_raw_response.rerank(model=MODEL, query="hello", documents=DOCUMENTS)
    answer = raw.data
    assert by_score(answer.results)
    assert sorted(one.index for one in answer.results) == [0, 1, 2]
    assert answer.id
    assert answer.meta is not None
    assert answer.meta.api_version is not None
    assert answer.meta.api_version.version == "2"
    headers = {name.lower(): value for name, value in raw.headers.items()}
    row = usage(flock)[headers["x-flock-request-id"]]
    assert row["input_tokens"] > 0
    assert explained(flock, headers["x-flock-request-id"])["outcome"] == "ok"
    best = client.rerank(model=MODEL, query="hello", documents=DOCUMENTS, top_n=1).results
    assert [(one.index, one.relevance_score) for one in best] == [
        (answer.results[0].index, pytest.approx(answer.results[0].relevance_score, abs=1e-4))
    ]


def test_the_first_version_shows_documents(flock: Flock) -> None:
    with cohere_v1(flock) as client:
        _first(client)


def _first(client: cohere.Client) -> None:
    documents: Any = [{"text": "a b", "id": "7"}, "hello world", {"text": "the"}]
    answer = client.rerank(model=MODEL, query="hello", documents=documents, return_documents=True, top_n=2)
    assert len(answer.results) == 2
    assert by_score(answer.results)
    for one in answer.results:
        assert one.document is not None
        assert one.document.text == DOCUMENTS[one.index]
    plain = client.rerank(model=MODEL, query="hello", documents=DOCUMENTS)
    assert [one.document for one in plain.results] == [None] * 3
    assert [one.index for one in plain.results][:2] == [one.index for one in answer.results]


def test_fields_of_documents_can_be_ranked(flock: Flock) -> None:
    documents: Any = [{"title": "a", "body": "b"}, {"title": "hello", "body": "world"}]
    with cohere_v1(flock) as client:
        answer = client.rerank(model=MODEL, query="hello", documents=documents, rank_fields=["title", "body"])
    assert len(answer.results) == 2


def test_the_shape_of_text_embeddings_inference(flock: Flock) -> None:
    body = {"model": MODEL, "query": "hello", "texts": DOCUMENTS, "return_text": True}
    told = ask(flock.port, flock.key, body, "/v1/rerank")
    assert told.status == 200, told.body
    assert [one["text"] for one in told.json] == [DOCUMENTS[one["index"]] for one in told.json]
    assert [one["score"] for one in told.json] == sorted((one["score"] for one in told.json), reverse=True)


def test_a_model_of_the_wrong_kind_is_refused_with_one_of_the_right(flock: Flock) -> None:
    for made in (cohere_v1, cohere_v2):
        with made(flock) as client, pytest.raises(cohere.BadRequestError) as caught:
            client.rerank(model=CHAT_MODEL, query="hello", documents=DOCUMENTS)
        assert caught.value.body["message"] == f"{CHAT_MODEL} is a chat model, and this needs a rerank model"
        assert caught.value.body["hint"] == f"use {MODEL}"


def test_bad_input_is_named(flock: Flock) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"documents": []}, "documents is empty"),
        ({"top_n": 0}, "top_n must be at least 1"),
        ({"query": ""}, "query is empty"),
    ]
    for fields, words in wrong:
        asked = {"model": MODEL, "query": "hello", "documents": DOCUMENTS, **fields}
        with cohere_v2(flock) as client, pytest.raises(cohere.BadRequestError) as caught:
            client.rerank(**asked)
        assert words in caught.value.body["message"]
    with cohere_v1(flock) as first, pytest.raises(cohere.BadRequestError, match=r"documents\[0\]\.text"):
        first.rerank(model=MODEL, query="hello", documents=[{"title": "a"}])


def test_no_such_model_and_no_such_key(flock: Flock) -> None:
    with cohere_v2(flock) as client, pytest.raises(cohere.NotFoundError, match="nope"):
        client.rerank(model="nope", query="hello", documents=DOCUMENTS)
    with cohere_v2(flock, "sk-flock-wrong") as client, pytest.raises(cohere.UnauthorizedError):
        client.rerank(model=MODEL, query="hello", documents=DOCUMENTS)
