"""Rerank: a query and documents to the documents' relevance, best first.

Clients speak Cohere's v1 and v2, or Jina's and llama-server's spelling of the same on the v1 path; with `texts` for
`documents` they are answered as Text Embeddings Inference and llama-server answer that: a bare array. Upstreams have
Jina's shape ("openai": llama-server, vLLM and most others, which have it beside OpenAI's) or Cohere's v2 ("cohere").
Scores are passed on as the model gives them; Cohere's lie between 0 and 1, an engine's may be logits. Called by the
door and the plan (task.py says what a task has).
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.dialects.openai.checks import at, items_of, named, switch, whole, wrong
from flock.dialects.tasks.bodies import (
    dumped,
    empty,
    missing,
    model_of,
    no_such,
    odd,
    passed,
    prompt_usage,
    read_object,
    told,
    told_or_none,
    unknown,
)
from flock.dialects.tasks.embedding_upstreams import cohere_usage
from flock.dialects.tasks.task import Done, Finish, Sent
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

NAME = "rerank"
V1, V2 = "/v1/rerank", "/v2/rerank"
# Cohere's own bound on documents times chunks
MOST_DOCUMENTS = 10000
_KNOWN = ("model", "query", "documents", "texts", "top_n", "return_documents", "return_text", "rank_fields")
# what Cohere's v2 takes beside those
_COHERE_KNOBS = ("max_tokens_per_doc", "priority", "relevant_spans")


@dataclass(slots=True)
class Wanted:
    """What a client wants: `documents` are what is ranked, `sent_back` what a result shows of each.

    `model` is its name as the client knows it. `bare`: the answer is to be an array, with the field "score". `api` is
    Cohere's version, 1 or 2.
    """

    model: str
    query: str
    documents: list[str]
    sent_back: list[dict[str, Any]]
    top: int | None
    show: bool
    bare: bool
    api: int
    rest: list[str] = field(default_factory=list[str])


def read_ask(raw: bytes, path: str, _content_type: str) -> Ask:
    """Parse and check a body sent to V1 or V2. Raises InvalidRequest naming the field that is wrong."""
    body = read_object(raw)
    wanted = _wanted(body, path)
    return Ask("cohere", NAME, path, raw, body, wanted.model, stream=False, wants_usage=False)


def _wanted(body: dict[str, Any], path: str) -> Wanted:
    query = body.get("query")
    if query is None:
        raise missing("query", "add query: what the documents are compared with")
    bare = body.get("documents") is None and body.get("texts") is not None
    param = "texts" if bare else "documents"
    given = body.get(param)
    if given is None:
        raise missing("documents", "add documents: an array of texts")
    documents = items_of(given, param)
    if not documents:
        raise empty(param)
    if len(documents) > MOST_DOCUMENTS:
        raise InvalidRequest(
            f"{param} has {len(documents)} entries, more than {MOST_DOCUMENTS}",
            hint="send them in parts",
            details=at(param),
        )
    fields = [
        named(name, f"rank_fields[{i}]") for i, name in enumerate(items_of(body.get("rank_fields"), "rank_fields"))
    ]
    texts = [_text(document, fields, f"{param}[{i}]") for i, document in enumerate(documents)]
    top = whole(body.get("top_n"), "top_n")
    if top is not None and top < 1:
        raise InvalidRequest(f"top_n must be at least 1, not {top}", hint="correct top_n", details=at("top_n"))
    show = switch(body.get("return_documents"), "return_documents") or switch(body.get("return_text"), "return_text")
    shown = [dict(one) if is_object(one) else {} for one in documents]
    for one, text in zip(shown, texts, strict=True):
        one.setdefault("text", text)
    api = 2 if path == V2 else 1
    return Wanted(
        model_of(body), named(query, "query"), texts, shown, top, bool(show), bare, api, unknown(body, *_KNOWN)
    )


def _text(document: Any, fields: list[str], where: str) -> str:
    """Return what is ranked of a document: its text, or its `rank_fields` as lines of YAML, as Cohere advises."""
    if isinstance(document, str):
        return document
    if not is_object(document):
        raise wrong(where, "a string or an object", document)
    if fields:
        lines = [f"{name}: {_yaml(document[name])}" for name in fields if document.get(name) is not None]
        if not lines:
            raise InvalidRequest(
                f"{where} has none of rank_fields ({', '.join(fields)})", hint="name a field it has", details=at(where)
            )
        return "\n".join(lines)
    if document.get("text") is None:
        raise missing(f"{where}.text", "add text, or name the fields to rank in rank_fields")
    text = document["text"]
    if not isinstance(text, str):
        raise wrong(f"{where}.text", "a string", text)
    return text


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else dumped(value).decode("utf-8")


def write(ask: Ask, model: str, shape: str) -> Sent:
    """Spell the task for a model of an upstream. Raises Unsupported for a shape that is not known."""
    wanted = _wanted(ask.body, ask.path)
    if shape == "cohere":
        strings = all(isinstance(document, str) for document in ask.body.get("documents") or (None,))
        if ask.path == V2 and strings and not wanted.show:
            made = passed(ask, model, V2)
            made.usage_of = lambda body: cohere_usage(told_or_none(body) or {})
            return made
        kept = {name: ask.body[name] for name in _COHERE_KNOBS if ask.body.get(name) is not None}
        return _translated(wanted, V2, model, kept)
    if shape == "openai":
        return _translated(wanted, V1, model, {})
    raise no_such(shape, NAME)


def _translated(wanted: Wanted, path: str, model: str, kept: dict[str, Any]) -> Sent:
    body: dict[str, Any] = {"model": model, "query": wanted.query, "documents": wanted.documents, **kept}
    if wanted.top is not None:
        body["top_n"] = min(wanted.top, len(wanted.documents))
    lost = [name for name in wanted.rest if name not in kept]
    words = f"cohere v{wanted.api} → {'cohere v2' if path == V2 else 'jina'}"
    return Sent("translate", path, dumped(body), edits=(words,), lost=tuple(lost), finish=_finish(wanted))


def _finish(wanted: Wanted) -> Finish:
    def finish(body: bytes, _content_type: str) -> Done:
        answer = told(body)
        usage = prompt_usage(answer.get("usage")) or cohere_usage(answer)
        results = _results(answer, wanted)
        return Done(orjson.dumps(_bare(results) if wanted.bare else _body(answer, results, wanted, usage)), usage=usage)

    return finish


def _results(answer: dict[str, Any], wanted: Wanted) -> list[dict[str, Any]]:
    """Return the results, best first, no more than wanted. Raises UpstreamError for what are none."""
    found = answer.get("results")
    if not is_array(found):
        raise odd("without 'results'")
    results = [_result(one, wanted) for one in found]
    results.sort(key=lambda one: one["relevance_score"], reverse=True)
    return results[: wanted.top]


def _result(one: Any, wanted: Wanted) -> dict[str, Any]:
    index, score = (one.get("index"), one.get("relevance_score", one.get("score"))) if is_object(one) else (None, None)
    if not isinstance(index, int) or not 0 <= index < len(wanted.documents):
        raise odd("a result for a document that was not sent")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise odd("a result without relevance_score")
    made: dict[str, Any] = {"index": index, "relevance_score": float(score)}
    if is_object(one) and is_array(one.get("relevant_spans")):
        made["relevant_spans"] = one["relevant_spans"]
    if wanted.show:
        made["document"] = wanted.sent_back[index]
    return made


def _bare(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "index": one["index"],
            "score": one["relevance_score"],
            **({"text": one["document"]["text"]} if "document" in one else {}),
        }
        for one in results
    ]


def _body(answer: dict[str, Any], results: list[dict[str, Any]], wanted: Wanted, usage: Usage | None) -> dict[str, Any]:
    """Return Cohere's answer, and beside it what clients of Jina's read: the model and the usage."""
    meta: Any = answer.get("meta")
    if not is_object(meta):
        meta = {}
        if usage is not None:
            meta["tokens"] = {"input_tokens": usage.input}
    known = answer.get("id")
    body: dict[str, Any] = {
        "id": known if isinstance(known, str) and known else str(uuid.uuid4()),
        "results": results,
        "meta": {**meta, "api_version": {"version": str(wanted.api)}},
    }
    if wanted.model:
        body["model"] = wanted.model
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage.input, "total_tokens": usage.input}
    return body
