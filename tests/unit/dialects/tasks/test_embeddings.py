"""Embeddings: every client's shape in front of every upstream's, base64 both ways, dimensions never cut in silence."""

import base64
import struct
from typing import Any

import orjson
import pytest
from google.genai.types import EmbedContentResponse
from hypothesis import given
from hypothesis import strategies as st
from ollama import EmbeddingsResponse, EmbedResponse
from openai.types import CreateEmbeddingResponse

from flock.dialects.ir import Usage
from flock.dialects.tasks.embeddings import write
from flock.dialects.tasks.vectors import as_base64, as_floats, length
from flock.errors import InvalidRequest, Unsupported, UpstreamError
from tests.unit.dialects.tasks.recorded import ask, finished, read, recorded

OPENAI, BATCH, SINGLE = "/v1/embeddings", "/v1beta/models/m:batchEmbedContents", "/v1/models/m:embedContent"
EMBED, EMBEDDINGS = "/api/embed", "/api/embeddings"
TEXTS = ["hello", "world"]
VECTORS = [[0.25, -0.5, 1.0], [0.125, 0.0, -1.0]]
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def gemini(*texts: str, **settings: Any) -> dict[str, Any]:
    return {"requests": [{"model": "models/m", "content": {"parts": [{"text": t}]}, **settings} for t in texts]}


CLIENTS: dict[str, tuple[str, Any]] = {
    "openai": (OPENAI, {"model": "m", "input": TEXTS}),
    "gemini": (BATCH, gemini(*TEXTS)),
    "ollama": (EMBED, {"model": "m", "input": TEXTS}),
}
UPSTREAMS: dict[str, tuple[str, bytes]] = {
    "openai": (
        OPENAI,
        orjson.dumps(
            {
                # out of order: the index counts
                "data": [{"index": i, "embedding": VECTORS[i]} for i in (1, 0)],
                "usage": {"prompt_tokens": 8, "total_tokens": 8},
            }
        ),
    ),
    "ollama": (EMBED, recorded("embeddings.ollama.documented.json")),
    "gemini": ("/v1beta/models/real:batchEmbedContents", recorded("embeddings.gemini.documented.json")),
    "cohere": ("/v2/embed", recorded("embeddings.cohere.documented.json")),
}
PAIRS = [(client, upstream) for client in CLIENTS for upstream in UPSTREAMS]


def vectors_in(answer: Any) -> list[list[float]]:
    if "data" in answer:
        return [one["embedding"] for one in answer["data"]]
    return [one["values"] if isinstance(one, dict) else one for one in answer["embeddings"]]


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_every_client_on_every_upstream(client: str, upstream: str) -> None:
    path, body = CLIENTS[client]
    sent = write(ask("embeddings", path, body), "real", upstream)
    to, answer = UPSTREAMS[upstream]
    assert sent.path == (to if client != upstream else sent.path)
    assert b"hello" in sent.body
    assert b'"m"' not in sent.body
    if client == upstream:
        assert sent.kind == "splice"
        assert sent.finish is None
        assert sent.usage_of(answer) == Usage(input=8)
        return
    assert sent.kind == "translate"
    assert sent.edits[0] == f"{client} → {upstream}"
    assert not sent.lost
    done = finished(sent, answer)
    assert done.usage == Usage(input=8)
    assert vectors_in(read(done)) == VECTORS


@pytest.mark.parametrize("client", CLIENTS)
def test_answers_read_as_the_sdks_read_them(client: str) -> None:
    path, body = CLIENTS[client]
    done = finished(write(ask("embeddings", path, body), "real", "cohere"), UPSTREAMS["cohere"][1])
    if client == "openai":
        answer = CreateEmbeddingResponse.model_validate_json(done.body, strict=True)
        assert [one.embedding for one in answer.data] == VECTORS
        assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == ("m", 8, 8)
    elif client == "ollama":
        embedded = EmbedResponse.model_validate_json(done.body)
        assert (embedded.embeddings, embedded.prompt_eval_count, embedded.model) == (VECTORS, 8, "m")
    else:
        content = EmbedContentResponse.model_validate_json(done.body)
        assert content.embeddings is not None
        assert [one.values for one in content.embeddings] == VECTORS
        assert content.usage_metadata is not None
        assert content.usage_metadata.prompt_token_count == 8


def test_one_content_of_gemini_and_one_prompt_of_ollama() -> None:
    one = orjson.dumps({"data": [{"index": 0, "embedding": VECTORS[0]}]})
    body = {"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "task_type": "CLUSTERING", "output_dimensionality": 3}
    sent = write(ask("embeddings", "/v1beta/models/org/m:8b:embedContent", body), "real", "openai")
    assert orjson.loads(sent.body) == {
        "model": "real",
        "input": ["a\nb"],
        "encoding_format": "float",
        "dimensions": 3,
    }
    assert sent.lost == ("taskType",)
    assert read(finished(sent, one)) == {"embedding": {"values": VECTORS[0]}}
    body = {"model": "m", "prompt": "a", "options": {"num_ctx": 8}, "keep_alive": "5m"}
    sent = write(ask("embeddings", EMBEDDINGS, body), "real", "openai")
    assert sent.lost == ("options", "keep_alive")
    answer = EmbeddingsResponse.model_validate_json(finished(sent, one).body)
    assert answer.embedding == VECTORS[0]


@pytest.mark.parametrize("verb", ["embedContent", "batchEmbedContents"])
@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize("model", ["m", "org/m:8b", "models/m"])
def test_the_model_in_a_path_of_gemini(verb: str, version: str, model: str) -> None:
    body = {"content": {"parts": [{"text": "a"}]}} if verb == "embedContent" else gemini("a")
    asked = ask("embeddings", f"/{version}/models/{model}:{verb}", body)
    assert (asked.model, asked.path) == (model, f"/{version}/models/{{model}}:{verb}")
    sent = write(asked, "real:8b", "gemini")
    assert sent.path == f"/{version}/models/real%3A8b:{verb}"
    assert verb == "embedContent" or orjson.loads(sent.body)["requests"][0]["model"] == "models/real:8b"


def test_what_passes_as_it_came() -> None:
    raw = b'{"model": "m",  "input": "hello"}'
    sent = write(ask("embeddings", OPENAI, raw), "m", "openai")
    assert (sent.kind, sent.path, sent.body, sent.finish) == ("relay", OPENAI, raw, None)
    sent = write(ask("embeddings", "/v1beta/models/m:batchEmbedContents", orjson.dumps(gemini("a"))), "m", "gemini")
    assert sent.kind == "relay"
    answer = recorded("embeddings.llamacpp.float.json")
    assert write(ask("embeddings", OPENAI, raw), "m", "openai").usage_of(answer) == Usage(input=14)


# -- base64 and tokens


@given(st.lists(FLOATS, min_size=1, max_size=40))
def test_base64_is_little_endian_floats_and_back(values: list[float]) -> None:
    text = as_base64(list(values))
    assert base64.b64decode(text) == struct.pack(f"<{len(values)}f", *values)
    assert as_floats(text) == values
    assert length(text) == len(values)


@pytest.mark.parametrize("encoding", ["float", "base64", None])
@pytest.mark.parametrize("given_as", ["float", "base64"])
def test_the_client_gets_the_encoding_it_asked_for(encoding: str | None, given_as: str) -> None:
    """llama-server gives what it is asked for; others ignore the field and give numbers (OpenAI's SDK cannot tell)."""
    body = {"model": "m", "input": TEXTS, "dimensions": 64, **({"encoding_format": encoding} if encoding else {})}
    sent = write(ask("embeddings", OPENAI, body), "m", "openai")
    raw = recorded(f"embeddings.llamacpp.{given_as}.json")
    done = finished(sent, raw)
    wanted = orjson.loads(recorded("embeddings.llamacpp.float.json"))["data"]
    found = read(done)["data"]
    assert done.usage == Usage(input=14)
    for one, other in zip(found, wanted, strict=True):
        assert isinstance(one["embedding"], str) is (encoding == "base64")
        assert as_floats(one["embedding"]) == pytest.approx(other["embedding"], rel=1e-6)
    if (encoding or "float") == given_as:
        assert done.body == raw


def test_tokens_go_where_they_are_understood() -> None:
    tokens = ask("embeddings", OPENAI, {"model": "m", "input": [[5, 6, 7], [8]]})
    assert orjson.loads(write(tokens, "real", "openai").body)["input"] == [[5, 6, 7], [8]]
    for shape in ("ollama", "gemini", "cohere"):
        with pytest.raises(Unsupported, match="no tokens"):
            write(tokens, "real", shape)
    assert write(ask("embeddings", OPENAI, {"model": "m", "input": [5, 6]}), "m", "openai").kind == "relay"


# -- dimensions


def test_dimensions_are_passed_on_and_the_answer_is_checked() -> None:
    asked = ask("embeddings", OPENAI, {"model": "m", "input": "hello", "dimensions": 8})
    fields = {"openai": "dimensions", "ollama": "dimensions", "cohere": "output_dimension"}
    for shape, name in fields.items():
        assert orjson.loads(write(asked, "m", shape).body)[name] == 8
    body = orjson.loads(write(asked, "m", "gemini").body)
    assert body["requests"][0]["outputDimensionality"] == 8
    with pytest.raises(Unsupported, match="64 dimensions and cannot be asked for 8") as caught:
        finished(write(asked, "m", "openai"), recorded("embeddings.llamacpp.dimensions.json"))
    assert caught.value.details["param"] == "dimensions"


# -- what an upstream is told, and what is lost


def test_a_text_that_is_too_long_is_never_cut_unless_the_client_says_so() -> None:
    plain = ask("embeddings", OPENAI, {"model": "m", "input": "a"})
    assert orjson.loads(write(plain, "m", "ollama").body)["truncate"] is False
    assert orjson.loads(write(plain, "m", "cohere").body)["truncate"] == "NONE"
    cut = ask("embeddings", EMBED, {"model": "m", "input": "a", "truncate": True})
    assert orjson.loads(write(cut, "m", "cohere").body)["truncate"] == "END"
    assert write(cut, "m", "openai").lost == ("truncate",)


def test_purposes_in_the_words_of_cohere() -> None:
    asked = ask("embeddings", BATCH, gemini("a", taskType="RETRIEVAL_QUERY"))
    sent = write(asked, "m", "cohere")
    assert orjson.loads(sent.body)["input_type"] == "search_query"
    assert sent.edits == ("gemini → cohere",)
    plain = write(ask("embeddings", OPENAI, {"model": "m", "input": "a", "user": "u"}), "m", "cohere")
    assert plain.edits == ("openai → cohere", "input_type: search_document")
    assert plain.lost == ("user",)
    other = write(ask("embeddings", BATCH, gemini("a", taskType="SEMANTIC_SIMILARITY")), "m", "cohere")
    assert other.lost == ("taskType",)


def test_what_only_gemini_can_say_is_refused_elsewhere() -> None:
    picture = {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}}
    asked = ask("embeddings", SINGLE, picture)
    assert write(asked, "m", "gemini").kind == "relay"
    with pytest.raises(Unsupported, match=r"content\.parts\[0\] is inlineData"):
        write(asked, "m", "openai")
    uneven = gemini("a", "b")
    uneven["requests"][1]["embed_content_config"] = {"output_dimensionality": 8}
    asked = ask("embeddings", BATCH, uneven)
    with pytest.raises(Unsupported, match=r"requests\[1\] differs"):
        write(asked, "m", "openai")


@pytest.mark.parametrize(
    ("path", "body"), [(EMBED, {"model": "m"}), (EMBED, {"model": "m", "input": []}), (EMBEDDINGS, {"model": "m"})]
)
def test_an_empty_input_loads_a_model_of_ollamas_and_is_refused_elsewhere(path: str, body: dict[str, Any]) -> None:
    asked = ask("embeddings", path, body)
    assert write(asked, "m", "ollama").kind == "relay"
    with pytest.raises(Unsupported, match="is empty, and only texts can be embedded"):
        write(asked, "m", "openai")


def test_an_answer_that_is_looked_into_names_the_model_as_the_client_does() -> None:
    for encoding in ("float", "base64"):
        body = {"model": "alias", "input": TEXTS, "encoding_format": encoding, "dimensions": 64}
        sent = write(ask("embeddings", OPENAI, body), "tiny-embed", "openai")
        for given_as in ("float", "base64"):
            assert read(finished(sent, recorded(f"embeddings.llamacpp.{given_as}.json")))["model"] == "alias"


# -- bad requests and bad answers


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (OPENAI, {"model": "m"}, "input"),
    (OPENAI, {"model": 5, "input": "a"}, "model"),
    (OPENAI, {"input": []}, "input"),
    (OPENAI, {"input": 5}, "input"),
    (OPENAI, {"input": ["a", 5]}, "input[1]"),
    (OPENAI, {"input": [5, "a"]}, "input[1]"),
    (OPENAI, {"input": [[5], "a"]}, "input[1]"),
    (OPENAI, {"input": [[]]}, "input[0]"),
    (OPENAI, {"input": [None]}, "input[0]"),
    (OPENAI, {"input": [True]}, "input[0]"),
    (OPENAI, {"input": ["a"] * 16385}, "input"),
    (OPENAI, {"input": "a", "encoding_format": "bytes"}, "encoding_format"),
    (OPENAI, {"input": "a", "dimensions": 0}, "dimensions"),
    (OPENAI, {"input": "a", "dimensions": 1.5}, "dimensions"),
    (BATCH, {}, "requests"),
    (BATCH, {"requests": 5}, "requests"),
    (BATCH, {"requests": ["a"]}, "requests[0]"),
    (BATCH, {"requests": [{}]}, "requests[0].content"),
    (BATCH, {"requests": [{"content": 5}]}, "requests[0].content"),
    (BATCH, {"requests": [{"content": {"parts": []}}]}, "requests[0].content.parts"),
    (BATCH, {"requests": [{"content": {"parts": [5]}}]}, "requests[0].content.parts[0]"),
    (BATCH, {"requests": [{"content": {"parts": [{"text": 5}]}}]}, "requests[0].content.parts[0].text"),
    (BATCH, gemini("a", outputDimensionality="8"), "requests[0].outputDimensionality"),
    (SINGLE, {"content": {"parts": [{"text": "a"}]}, "task_type": 5}, "taskType"),
    (EMBED, {"model": "m", "input": [5]}, "input[0]"),
    (EMBEDDINGS, {"model": "m", "prompt": 5}, "prompt"),
]


@pytest.mark.parametrize(("path", "body", "param"), WRONG)
def test_a_field_that_is_wrong_is_named(path: str, body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask("embeddings", path, body)
    assert caught.value.details["param"] == param
    assert caught.value.hint


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"input": NaN}'])
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        ask("embeddings", OPENAI, raw)


@pytest.mark.parametrize("path", ["/v1/models/m:generateContent", "/v1/models/:embedContent", "/v1/embed"])
def test_other_paths_ask_for_no_embeddings(path: str) -> None:
    with pytest.raises(InvalidRequest, match="asks for no embeddings"):
        ask("embeddings", path, gemini("a"))


def test_a_shape_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Unsupported, match="'huh'"):
        write(ask("embeddings", OPENAI, {"model": "m", "input": "a"}), "m", "huh")


BAD = [
    b"",
    b"<html>",
    b"[]",
    b"{}",
    b'{"data": 5, "embeddings": 5}',
    b'{"data": [5], "embeddings": [5]}',
    b'{"data": [], "embeddings": []}',
    b'{"data": [{"embedding": []}], "embeddings": [[]]}',
    b'{"data": [{"embedding": [[1.0]]}], "embeddings": [[[1.0]]]}',
    b'{"data": [{"embedding": null}, {"embedding": [1.0]}], "embeddings": {"float": null}}',
    b'{"data": [{"embedding": "!!!"}], "embeddings": ["!!!"]}',
    b'{"data": [{"embedding": "AAA="}], "embeddings": ["AAA="]}',
    b'{"data": [{"embedding": ["a"]}], "embeddings": [["a"]]}',
]


@pytest.mark.parametrize("shape", UPSTREAMS)
@pytest.mark.parametrize("answer", BAD)
def test_an_answer_that_is_none_is_the_engines_fault(shape: str, answer: bytes) -> None:
    asked = ask("embeddings", OPENAI, {"model": "m", "input": "a", "encoding_format": "base64", "dimensions": 1})
    if shape == "gemini":
        answer = answer.replace(b'"embedding":', b'"values":').replace(b'"data"', b'"x"')
    with pytest.raises(UpstreamError):
        finished(write(asked, "m", shape), answer)


def test_too_few_vectors_are_the_engines_fault() -> None:
    sent = write(ask("embeddings", EMBED, {"model": "m", "input": ["a", "b", "c"]}), "m", "openai")
    with pytest.raises(UpstreamError, match="2 vectors for 3 inputs"):
        finished(sent, UPSTREAMS["openai"][1])
