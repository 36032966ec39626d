"""How upstreams are asked for embeddings, and what they answer: OpenAI, Ollama, Gemini and Cohere.

Each shape has a writer of its body and a reader of its answer. A text that is too long is refused by every one of
them, also by those that cut it unless told not to. Called by embeddings.py.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from flock.dialects.ir import Usage
from flock.dialects.openai.checks import at
from flock.dialects.tasks.bodies import count_of, dumped, odd, prompt_usage, told
from flock.dialects.tasks.task import Sent
from flock.dialects.tasks.vectors import Given, Vector, Wanted, vector_of
from flock.errors import Unsupported
from flock.plain import is_array, is_object

# Gemini's purposes in Cohere's words; its others have no counterpart there
_COHERE_PURPOSES = {
    "RETRIEVAL_QUERY": "search_query",
    "QUESTION_ANSWERING": "search_query",
    "FACT_VERIFICATION": "search_query",
    "CODE_RETRIEVAL_QUERY": "search_query",
    "RETRIEVAL_DOCUMENT": "search_document",
    "CLASSIFICATION": "classification",
    "CLUSTERING": "clustering",
}


def write_openai(wanted: Wanted, model: str) -> Sent:
    """Spell the task for POST /v1/embeddings."""
    body: dict[str, Any] = {"model": model, "input": wanted.inputs, "encoding_format": "float"}
    if wanted.dimensions is not None:
        body["dimensions"] = wanted.dimensions
    return _sent("/v1/embeddings", body, _lost(wanted, "taskType", "title", "truncate"))


def read_openai(body: bytes) -> Given:
    """Return the vectors of an answer, in the order of the inputs. Raises UpstreamError."""
    return openai_vectors(told(body))


def openai_vectors(answer: dict[str, Any]) -> Given:
    """Return the vectors of an answer that has been parsed. Raises UpstreamError."""
    data = answer.get("data")
    if not is_array(data) or not all(is_object(one) for one in data):
        raise odd("without 'data'")
    if all(isinstance(one.get("index"), int) for one in data):
        data = sorted(data, key=lambda one: one["index"])
    return Given([vector_of(one.get("embedding")) for one in data], prompt_usage(answer.get("usage")))


def write_ollama(wanted: Wanted, model: str) -> Sent:
    """Spell the task for POST /api/embed. Raises Unsupported for tokens."""
    body: dict[str, Any] = {"model": model, "input": _texts(wanted, "Ollama"), "truncate": wanted.truncate is True}
    if wanted.dimensions is not None:
        body["dimensions"] = wanted.dimensions
    return _sent("/api/embed", body, _lost(wanted, "taskType", "title"))


def read_ollama(body: bytes) -> Given:
    """Return the vectors of an answer. Raises UpstreamError."""
    answer = told(body)
    return Given(_vectors(answer.get("embeddings")), ollama_usage(answer))


def ollama_usage(answer: dict[str, Any]) -> Usage | None:
    """Return the tokens that an answer of Ollama's tells."""
    return _counted(answer.get("prompt_eval_count"))


def write_gemini(wanted: Wanted, model: str) -> Sent:
    """Spell the task for POST /v1beta/models/{model}:batchEmbedContents. Raises Unsupported for tokens."""
    said = {"taskType": wanted.purpose, "title": wanted.title, "outputDimensionality": wanted.dimensions}
    settings = {"model": f"models/{model}", **{name: value for name, value in said.items() if value}}
    texts = _texts(wanted, "Gemini")
    requests = [{**settings, "content": {"role": "user", "parts": [{"text": text}]}} for text in texts]
    return _sent(f"/v1beta/models/{quote(model)}:batchEmbedContents", {"requests": requests}, _lost(wanted, "truncate"))


def read_gemini(body: bytes) -> Given:
    """Return the vectors of an answer. Raises UpstreamError."""
    answer = told(body)
    embeddings = answer.get("embeddings")
    if not is_array(embeddings) or not all(is_object(one) for one in embeddings):
        raise odd("without 'embeddings'")
    return Given([vector_of(one.get("values")) for one in embeddings], gemini_usage(answer))


def gemini_usage(answer: dict[str, Any]) -> Usage | None:
    """Return the tokens that an answer of Gemini's tells: its newer embedding models do."""
    usage = answer.get("usageMetadata")
    return _counted(usage.get("promptTokenCount", usage.get("totalTokenCount"))) if is_object(usage) else None


def write_cohere(wanted: Wanted, model: str) -> Sent:
    """Spell the task for POST /v2/embed, which demands to know what the vectors are for. Raises Unsupported."""
    purpose = _COHERE_PURPOSES.get(wanted.purpose, "")
    body: dict[str, Any] = {
        "model": model,
        "texts": _texts(wanted, "Cohere"),
        "input_type": purpose or "search_document",
        "embedding_types": ["float"],
        "truncate": "END" if wanted.truncate else "NONE",
    }
    if wanted.dimensions is not None:
        body["output_dimension"] = wanted.dimensions
    made = _sent("/v2/embed", body, _lost(wanted, "title", *(() if purpose else ("taskType",))))
    if not purpose:
        made.edits = ("input_type: search_document",)
    return made


def read_cohere(body: bytes) -> Given:
    """Return the vectors of an answer. Raises UpstreamError."""
    answer = told(body)
    embeddings = answer.get("embeddings")
    return Given(_vectors(embeddings.get("float") if is_object(embeddings) else embeddings), cohere_usage(answer))


def cohere_usage(answer: dict[str, Any]) -> Usage | None:
    """Return the tokens that an answer of Cohere's tells: those that are billed, else those that were read."""
    meta = answer.get("meta")
    for name in ("billed_units", "tokens"):
        units = meta.get(name) if is_object(meta) else None
        found = _counted(units.get("input_tokens")) if is_object(units) else None
        if found is not None:
            return found
    return None


def _counted(value: Any) -> Usage | None:
    count = count_of(value)
    return None if count is None else Usage(input=count)


def _vectors(value: Any) -> list[Vector]:
    if not is_array(value):
        raise odd("without vectors")
    return [vector_of(one) for one in value]


def _texts(wanted: Wanted, title: str) -> list[str]:
    if wanted.tokens:
        raise Unsupported(f"{title} embeds no tokens, only texts", hint="send input as text", details=at("input"))
    return [str(text) for text in wanted.inputs]


def _lost(wanted: Wanted, *names: str) -> list[str]:
    said = {"taskType": wanted.purpose, "title": wanted.title, "truncate": wanted.truncate}
    return [*wanted.rest, *(name for name in names if said[name])]


def _sent(path: str, body: dict[str, Any], lost: list[str]) -> Sent:
    return Sent("translate", path, dumped(body), lost=tuple(lost))


WRITERS: Mapping[str, Callable[[Wanted, str], Sent]] = {
    "openai": write_openai,
    "ollama": write_ollama,
    "gemini": write_gemini,
    "cohere": write_cohere,
}
READERS: Mapping[str, Callable[[bytes], Given]] = {
    "openai": read_openai,
    "ollama": read_ollama,
    "gemini": read_gemini,
    "cohere": read_cohere,
}
