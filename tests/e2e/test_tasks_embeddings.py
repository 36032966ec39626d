"""Embeddings with the official SDKs against flock in front of its own engines, with a real embedding model."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.e2e.parts import ask, call, environment, explained, usage
from tests.e2e.subjects import EMBEDDED, LLAMACPP, done, opened
from tests.e2e.task_clients import gemini, gemini_client, genai, ollama, ollama_client, openai_client
from tests.running import LLAMA_PATH, Flock, running_flock

MODEL, CHAT_MODEL, WIDTH = "tiny-embed", "tiny-script", 64
Client = OpenAI | AsyncOpenAI


@pytest.fixture(scope="module", params=[EMBEDDED, LLAMACPP])
def flock(request: pytest.FixtureRequest, models: dict[str, Path]) -> Iterator[Flock]:
    """A flock whose own engine serves an embedding model, and one that chats."""
    chosen = {"FLOCK_ENGINE": "embedded"} if request.param == "embedded" else {"PATH": LLAMA_PATH}
    with running_flock(**{**environment(), **chosen}) as flock:
        for model in (MODEL, CHAT_MODEL):
            flock.ok("model", "add", f"file:{models[model]}")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, flock: Flock) -> AsyncIterator[Client]:
    async with opened(openai_client, flock, request.param) as client:
        yield client


def vector(flock: Flock, text: str) -> list[float]:
    """Return a text's vector as the engine writes it, in numbers."""
    told = ask(flock.port, flock.key, {"model": MODEL, "input": text}, "/v1/embeddings")
    assert told.status == 200, told.body
    return told.json["data"][0]["embedding"]


def alike(found: Any, wanted: list[float]) -> bool:
    """Say whether two vectors are one, but for what is lost where a double becomes a float."""
    return list(found) == pytest.approx(wanted, abs=1e-6)


# -- openai


async def test_texts_in_the_encoding_that_the_sdk_asks_for_by_itself(client: Client, flock: Flock) -> None:
    raw = await done(client.embeddings.with_raw_response.create(model=MODEL, input=["hello", "world"]))
    assert raw.headers["x-flock-path"] == "relay"
    answer = raw.parse()
    assert [one.index for one in answer.data] == [0, 1]
    for one, text in zip(answer.data, ("hello", "world"), strict=True):
        assert len(one.embedding) == WIDTH
        assert alike(one.embedding, vector(flock, text))
    assert answer.model == MODEL
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    row = usage(flock)[raw.headers["x-flock-request-id"]]
    assert (row["input_tokens"], row["output_tokens"]) == (answer.usage.prompt_tokens, 0)
    told = explained(flock, raw.headers["x-flock-request-id"])
    assert told["outcome"] == "ok"


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_the_encoding_that_is_asked_for(client: Client, flock: Flock, encoding: Any) -> None:
    answer = await done(client.embeddings.create(model=MODEL, input="hello", encoding_format=encoding))
    found: Any = answer.data[0].embedding
    assert isinstance(found, str) is (encoding == "base64")
    assert encoding == "base64" or alike(found, vector(flock, "hello"))


async def test_tokens(client: Client) -> None:
    one = await done(client.embeddings.create(model=MODEL, input=[5, 6, 7]))
    many = await done(client.embeddings.create(model=MODEL, input=[[5, 6, 7], [8]]))
    assert len(one.data) == 1
    assert len(many.data) == 2
    assert alike(many.data[0].embedding, one.data[0].embedding)
    assert many.usage.prompt_tokens == 4


async def test_dimensions_that_the_model_has_not_are_refused(client: Client) -> None:
    answer = await done(client.embeddings.create(model=MODEL, input="hello", dimensions=WIDTH))
    assert len(answer.data[0].embedding) == WIDTH
    with pytest.raises(openai.BadRequestError, match="64 dimensions and cannot be asked for 8") as caught:
        await done(client.embeddings.create(model=MODEL, input="hello", dimensions=8))
    assert caught.value.param == "dimensions"


async def test_a_model_of_the_wrong_kind_is_refused_with_one_of_the_right(client: Client) -> None:
    with pytest.raises(openai.BadRequestError, match="is a chat model") as caught:
        await done(client.embeddings.create(model=CHAT_MODEL, input="hello"))
    assert caught.value.code == "wrong_model_kind"
    body: Any = caught.value.body
    assert body["models"] == [MODEL]
    with pytest.raises(openai.BadRequestError, match="is an embedding model") as caught:
        await done(client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}]))
    body = caught.value.body
    assert CHAT_MODEL in body["models"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"input": []}, "input"), ({"input": ["a", 5]}, "input[1]"), ({"input": "a", "dimensions": -1}, "dimensions")],
)
async def test_bad_input_is_named(client: Client, fields: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await done(client.embeddings.create(model=MODEL, **fields))
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")


async def test_a_text_longer_than_the_window_is_refused(client: Client) -> None:
    with pytest.raises(openai.BadRequestError):
        await done(client.embeddings.create(model=MODEL, input="hello " * 600))
    answer = await done(client.embeddings.create(model=MODEL, input="hello"))
    assert len(answer.data) == 1


async def test_no_such_model_and_no_such_key(client: Client, flock: Flock) -> None:
    with pytest.raises(openai.NotFoundError):
        await done(client.embeddings.create(model="nope", input="hello"))
    async with opened(openai_client, flock, "sync", api_key="sk-flock-wrong") as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.embeddings.create(model=MODEL, input="hello")


# -- ollama


def test_ollamas_sdk(flock: Flock) -> None:
    with ollama_client(flock) as client:
        _ollama(flock, client)


def _ollama(flock: Flock, client: ollama.Client) -> None:
    answer = client.embed(MODEL, ["hello", "world"])
    assert answer.model == MODEL
    assert [alike(one, vector(flock, text)) for one, text in zip(answer.embeddings, ("hello", "world"), strict=True)]
    assert answer.prompt_eval_count
    assert alike(client.embed(MODEL, "hello").embeddings[0], vector(flock, "hello"))
    assert alike(client.embeddings(MODEL, "hello").embedding, vector(flock, "hello"))
    with pytest.raises(ollama.ResponseError, match="is a chat model") as caught:
        client.embed(CHAT_MODEL, "hello")
    assert caught.value.status_code == 400
    with pytest.raises(ollama.ResponseError) as caught:
        client.embed("nope", "hello")
    assert caught.value.status_code == 404


# -- google-genai


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_geminis_sdk(flock: Flock, version: str) -> None:
    with gemini_client(flock, version) as client:
        _gemini(flock, client)


def _gemini(flock: Flock, client: genai.Client) -> None:
    answer = client.models.embed_content(model=MODEL, contents=["hello", "world"])
    assert answer.embeddings is not None
    for one, text in zip(answer.embeddings, ("hello", "world"), strict=True):
        assert alike(one.values, vector(flock, text))
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.prompt_token_count
    config = gemini.EmbedContentConfig(output_dimensionality=WIDTH, task_type="RETRIEVAL_QUERY")
    answer = client.models.embed_content(model=MODEL, contents="hello", config=config)
    assert answer.embeddings is not None
    assert len(answer.embeddings) == 1
    config = gemini.EmbedContentConfig(output_dimensionality=8)
    with pytest.raises(genai.errors.ClientError, match="64 dimensions") as caught:
        client.models.embed_content(model=MODEL, contents="hello", config=config)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    with pytest.raises(genai.errors.ClientError, match="is a chat model") as caught:
        client.models.embed_content(model=CHAT_MODEL, contents="hello")
    assert caught.value.code == 400


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_one_content_of_gemini_in_snake_case(flock: Flock, version: str) -> None:
    body = {"content": {"parts": [{"text": "hello"}]}, "task_type": "CLUSTERING", "output_dimensionality": WIDTH}
    told = call(flock.port, "POST", f"/{version}/models/{MODEL}:embedContent?key={flock.key}", value=body)
    assert told.status == 200, told.body
    assert alike(told.json["embedding"]["values"], vector(flock, "hello"))
    assert told.headers["x-flock-lost"] == "taskType"
