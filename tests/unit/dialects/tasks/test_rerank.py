"""Rerank: Cohere's v1 and v2 and Jina's spelling in front of llama-server, vLLM and Cohere."""

from typing import Any

import orjson
import pytest
from cohere.types.rerank_response import RerankResponse
from cohere.v2.types.v2rerank_response import V2RerankResponse

from flock.dialects.ir import Usage
from flock.dialects.tasks.rerank import V1, V2, write
from flock.errors import InvalidRequest, Unsupported, UpstreamError
from tests.unit.dialects.tasks.recorded import ask, finished, read, recorded

DOCUMENTS = ["a b", "hello world", "the"]
ANSWERS = {
    "llamacpp": ("openai", recorded("rerank.llamacpp.json"), [1, 0, 2], Usage(input=36)),
    "vllm": ("openai", recorded("rerank.vllm.documented.json"), [1, 2, 0], Usage(input=36)),
    "cohere": ("cohere", recorded("rerank.cohere.documented.json"), [1, 2, 0], None),
}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "query": "hello", "documents": DOCUMENTS, **more}


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("engine", ANSWERS)
def test_each_version_on_each_engine(path: str, engine: str) -> None:
    shape, answer, order, usage = ANSWERS[engine]
    sent = write(ask("rerank", path, body()), "real", shape)
    assert sent.path == (V2 if shape == "cohere" else V1)
    assert orjson.loads(sent.body) == {"model": "real", "query": "hello", "documents": DOCUMENTS}
    if (path, shape) == (V2, "cohere"):
        assert sent.kind == "splice"
        assert sent.finish is None
        assert sent.usage_of(answer) is None
        return
    done = finished(sent, answer)
    assert done.usage == usage
    found = (V2RerankResponse if path == V2 else RerankResponse).model_validate_json(done.body)
    assert [one.index for one in found.results] == order
    scores = [one.relevance_score for one in found.results]
    assert scores == sorted(scores, reverse=True)
    assert b'"relevance_score":1,' not in done.body
    assert found.id
    assert found.meta is not None
    assert found.meta.api_version is not None
    assert found.meta.api_version.version == ("2" if path == V2 else "1")
    assert "document" not in read(done)["results"][0]


def test_what_passes_as_it_came() -> None:
    raw = orjson.dumps(body(max_tokens_per_doc=5))
    assert write(ask("rerank", V2, raw), "m", "cohere").body == raw
    assert write(ask("rerank", V2, raw), "m", "cohere").kind == "relay"


def test_the_best_come_first_and_no_more_than_asked_for() -> None:
    """llama-server heeds top_n, another engine may not: the answer is cut here too."""
    sent = write(ask("rerank", V2, body(top_n=2)), "real", "openai")
    assert orjson.loads(sent.body)["top_n"] == 2
    results = read(finished(sent, recorded("rerank.vllm.documented.json")))["results"]
    assert [one["index"] for one in results] == [1, 2]
    sent = write(ask("rerank", V1, body(top_n=50)), "real", "openai")
    assert orjson.loads(sent.body)["top_n"] == 3


def test_documents_come_back_when_asked_for_with_all_their_fields() -> None:
    documents = [{"text": "a b", "id": "7"}, "hello world", {"text": "the"}]
    sent = write(ask("rerank", V1, body(documents=documents, return_documents=True)), "real", "openai")
    assert orjson.loads(sent.body)["documents"] == DOCUMENTS
    done = finished(sent, recorded("rerank.llamacpp.json"))
    shown = [one["document"] for one in read(done)["results"]]
    assert shown == [{"text": "hello world"}, {"text": "a b", "id": "7"}, {"text": "the"}]
    first = RerankResponse.model_validate_json(done.body).results[0]
    assert first.document is not None
    assert first.document.text == "hello world"


def test_rank_fields_become_lines() -> None:
    documents = [{"title": "A", "n": 5}, {"title": "B", "tags": ["x"]}]
    asked = ask("rerank", V1, body(documents=documents, rank_fields=["title", "n", "tags"]))
    assert orjson.loads(write(asked, "m", "cohere").body)["documents"] == ["title: A\nn: 5", 'title: B\ntags: ["x"]']


def test_texts_are_answered_as_a_bare_array() -> None:
    asked = {"model": "m", "query": "hello", "texts": DOCUMENTS, "return_text": True}
    done = finished(write(ask("rerank", V1, asked), "real", "openai"), recorded("rerank.llamacpp.json"))
    assert read(done) == read_json(recorded("rerank.llamacpp.texts.json"))
    del asked["return_text"]
    done = finished(write(ask("rerank", V1, asked), "real", "openai"), recorded("rerank.llamacpp.json"))
    assert read(done)[0].keys() == {"index", "score"}


def read_json(raw: bytes) -> Any:
    return orjson.loads(raw)


def test_knobs_that_no_engine_has_are_named() -> None:
    knobs = {"max_chunks_per_doc": 5, "max_tokens_per_doc": 5, "priority": 1}
    assert write(ask("rerank", V1, body(**knobs)), "m", "openai").lost == tuple(knobs)
    sent = write(ask("rerank", V1, body(**knobs)), "m", "cohere")
    assert sent.lost == ("max_chunks_per_doc",)
    assert orjson.loads(sent.body)["max_tokens_per_doc"] == 5


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"documents": ["a"]}, "query"),
        ({"query": "", "documents": ["a"]}, "query"),
        ({"query": 5, "documents": ["a"]}, "query"),
        ({"query": "a"}, "documents"),
        ({"query": "a", "documents": []}, "documents"),
        ({"query": "a", "documents": "a"}, "documents"),
        ({"query": "a", "texts": []}, "texts"),
        ({"query": "a", "documents": ["a"] * 10001}, "documents"),
        ({"query": "a", "documents": [5]}, "documents[0]"),
        ({"query": "a", "documents": ["a", {"title": "b"}]}, "documents[1].text"),
        ({"query": "a", "documents": [{"text": 5}]}, "documents[0].text"),
        ({"query": "a", "documents": [{"text": "a"}], "rank_fields": ["b"]}, "documents[0]"),
        ({"query": "a", "documents": ["a"], "rank_fields": [5]}, "rank_fields[0]"),
        ({"query": "a", "documents": ["a"], "top_n": 0}, "top_n"),
        ({"query": "a", "documents": ["a"], "top_n": "5"}, "top_n"),
        ({"query": "a", "documents": ["a"], "return_documents": "yes"}, "return_documents"),
        ({"query": "a", "documents": ["a"], "model": 5}, "model"),
    ],
)
@pytest.mark.parametrize("path", [V1, V2])
def test_a_field_that_is_wrong_is_named(path: str, asked: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask("rerank", path, asked)
    assert caught.value.details["param"] == param


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"results": 5}',
        b'{"results": [5]}',
        b'{"results": [{"index": 3, "relevance_score": 1.0}]}',
        b'{"results": [{"index": -1, "relevance_score": 1.0}]}',
        b'{"results": [{"index": 0}]}',
        b'{"results": [{"index": 0, "relevance_score": null}]}',
        b'{"results": [{"index": 0, "relevance_score": true}]}',
    ],
)
def test_an_answer_that_is_none_is_the_engines_fault(answer: bytes) -> None:
    with pytest.raises(UpstreamError):
        finished(write(ask("rerank", V1, body()), "m", "openai"), answer)


def test_a_shape_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Unsupported):
        write(ask("rerank", V1, body()), "m", "huh")
