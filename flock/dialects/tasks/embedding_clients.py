"""How clients ask for embeddings, and how they are answered: OpenAI, Gemini and Ollama.

Each dialect has a reader of its body, which checks all it reads, and a writer of its answer. Gemini's fields may be in
camel or snake case at every depth. Called by embeddings.py.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.ir import NO_USAGE
from flock.dialects.openai.checks import at, fields_of, items_of, switch, whole, words, wrong
from flock.dialects.tasks.bodies import empty, missing, unknown
from flock.dialects.tasks.vectors import Given, Wanted, as_base64, as_floats
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

# More texts than any vendor takes at once (OpenAI 2048, Gemini 100, Cohere 96): a bound, not a promise.
MOST_INPUTS = 16384
_HUMP = re.compile(r"_([a-z])")

OLLAMA_EMBED = "/api/embed"
OLLAMA_EMBEDDINGS = "/api/embeddings"


def read_openai(body: dict[str, Any], _path: str) -> Wanted:
    """Return what a body of /v1/embeddings wants. Raises InvalidRequest."""
    inputs, tokens = _inputs(body.get("input"))
    encoding = body.get("encoding_format")
    if encoding not in (None, "float", "base64"):
        raise InvalidRequest(
            f"encoding_format must be float or base64, not {encoding!r}"[:200],
            hint="correct encoding_format",
            details=at("encoding_format"),
        )
    return Wanted(
        inputs,
        tokens,
        _dimensions(body.get("dimensions"), "dimensions"),
        encoding == "base64",
        rest=unknown(body, "model", "input", "encoding_format", "dimensions"),
    )


def _inputs(value: Any) -> tuple[list[str] | list[list[int]], bool]:
    if value is None:
        raise missing("input", "add input: a text, or an array of texts")
    if isinstance(value, str):
        return [value], False
    if not is_array(value):
        raise wrong("input", "a string or an array", value)
    if not value:
        raise empty("input")
    first = value[0]
    if _is_token(first):
        return [_tokens(value, "input")], True
    _bounded(len(value), "input")
    if is_array(first):
        return [_tokens(item, f"input[{i}]") for i, item in enumerate(value)], True
    for i, item in enumerate(value):
        if not isinstance(item, str):
            raise wrong(f"input[{i}]", "a string" if i else "a string, a token or an array of tokens", item)
    return value, False


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _tokens(value: Any, param: str) -> list[int]:
    if not is_array(value):
        raise wrong(param, "an array of tokens", value)
    if not value:
        raise empty(param)
    for i, item in enumerate(value):
        if not _is_token(item):
            raise wrong(f"{param}[{i}]", "a token's number", item)
    return value


def _bounded(count: int, param: str) -> None:
    if count > MOST_INPUTS:
        raise InvalidRequest(
            f"{param} has {count} entries, more than {MOST_INPUTS}", hint="send them in parts", details=at(param)
        )


def _dimensions(value: Any, param: str) -> int | None:
    found = whole(value, param)
    if found is not None and found < 1:
        raise InvalidRequest(f"{param} must be at least 1, not {found}", hint=f"correct {param}", details=at(param))
    return found


# -- Gemini


def read_gemini(body: dict[str, Any], path: str) -> Wanted:
    """Return what a body of embedContent or batchEmbedContents wants. Raises InvalidRequest."""
    if path.endswith(":embedContent"):
        return _gemini_one(_camel(body), "")
    requests = items_of(body.get("requests"), "requests")
    if not requests:
        raise missing("requests", "add requests: [{content: {parts: [{text}]}}]")
    _bounded(len(requests), "requests")
    found = [_gemini_one(_camel(fields_of(one, f"requests[{i}]")), f"requests[{i}].") for i, one in enumerate(requests)]
    first = found[0]
    for i, one in enumerate(found):
        if (one.dimensions, one.purpose, one.title) != (first.dimensions, first.purpose, first.title):
            one.only_there = (
                f"requests[{i}] differs from requests[0] in more than its content, which cannot be asked for"
            )
    return Wanted(
        [str(text) for one in found for text in one.inputs],
        dimensions=first.dimensions,
        purpose=first.purpose,
        title=first.title,
        truncate=first.truncate,
        rest=list(dict.fromkeys(name for one in found for name in one.rest)),
        only_there=next((one.only_there for one in found if one.only_there), ""),
    )


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    return {_HUMP.sub(lambda found: found[1].upper(), name): value for name, value in fields.items()}


def _gemini_one(fields: dict[str, Any], where: str) -> Wanted:
    settings = {**fields, **_camel(fields_of(fields.get("embedContentConfig"), f"{where}embedContentConfig"))}
    content = settings.get("content")
    if content is None:
        raise missing(f"{where}content", "add content: {parts: [{text}]}")
    text, only_there = _gemini_text(content, f"{where}content")
    return Wanted(
        [text],
        dimensions=_dimensions(settings.get("outputDimensionality"), f"{where}outputDimensionality"),
        purpose=words(settings.get("taskType"), f"{where}taskType"),
        title=words(settings.get("title"), f"{where}title"),
        truncate=switch(settings.get("autoTruncate"), f"{where}autoTruncate"),
        rest=unknown(
            settings,
            *("model", "content", "embedContentConfig", "outputDimensionality", "taskType", "title", "autoTruncate"),
        ),
        only_there=only_there,
    )


def _gemini_text(content: Any, where: str) -> tuple[str, str]:
    """Return the text of a content, its parts on lines of their own; and a sentence on what in it is no text."""
    if isinstance(content, str):
        return content, ""
    if not is_object(content):
        raise wrong(where, "an object", content)
    parts = items_of(content.get("parts"), f"{where}.parts")
    if not parts:
        raise missing(f"{where}.parts", "add parts: [{text}]")
    texts: list[str] = []
    only_there = ""
    for i, part in enumerate(parts):
        if not is_object(part):
            raise wrong(f"{where}.parts[{i}]", "an object", part)
        if part.get("text") is None:
            kind = next((name for name in part if part[name] is not None), "nothing")
            only_there = f"{where}.parts[{i}] is {kind}, and only texts can be embedded"
        texts.append(words(part.get("text"), f"{where}.parts[{i}].text"))
    return "\n".join(texts), only_there


# -- Ollama


def read_ollama(body: dict[str, Any], path: str) -> Wanted:
    """Return what a body of /api/embed or /api/embeddings wants. Raises InvalidRequest."""
    param = "prompt" if path == OLLAMA_EMBEDDINGS else "input"
    value = body.get(param)
    only_there = ""
    if value is None or value in ("", []):  # an Ollama loads the model and gives no vectors
        inputs, tokens, only_there = list[str](), False, f"{param} is empty, and only texts can be embedded"
    else:
        inputs, tokens = _inputs(value) if param == "input" else ([words(value, param)], False)
    if tokens:
        raise wrong("input[0]", "a string", 0)
    return Wanted(
        inputs,
        dimensions=_dimensions(body.get("dimensions"), "dimensions"),
        truncate=switch(body.get("truncate"), "truncate"),
        rest=unknown(body, "model", param, "dimensions", "truncate"),
        only_there=only_there,
    )


# -- answers


def write_openai(given: Given, ask: Ask, wanted: Wanted) -> bytes:
    """Return the body of an answer of /v1/embeddings."""
    spelled = as_base64 if wanted.base64 else as_floats
    count = (given.usage or NO_USAGE).input
    return orjson.dumps(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": i, "embedding": spelled(vector)}
                for i, vector in enumerate(given.vectors)
            ],
            "model": ask.model,
            "usage": {"prompt_tokens": count, "total_tokens": count},
        }
    )


def write_gemini(given: Given, ask: Ask, _wanted: Wanted) -> bytes:
    """Return the body of an answer of embedContent or batchEmbedContents."""
    values = [{"values": as_floats(vector)} for vector in given.vectors]
    body: dict[str, Any] = {"embedding": values[0]} if ask.path.endswith(":embedContent") else {"embeddings": values}
    if given.usage is not None:
        count = given.usage.input
        body["usageMetadata"] = {"promptTokenCount": count, "totalTokenCount": count}
    return orjson.dumps(body)


def write_ollama(given: Given, ask: Ask, _wanted: Wanted) -> bytes:
    """Return the body of an answer of /api/embed or /api/embeddings."""
    vectors = [as_floats(vector) for vector in given.vectors]
    if ask.path == OLLAMA_EMBEDDINGS:
        return orjson.dumps({"embedding": vectors[0]})
    body: dict[str, Any] = {"model": ask.model, "embeddings": vectors}
    if given.usage is not None:
        body["prompt_eval_count"] = given.usage.input
    return orjson.dumps(body)


READERS: Mapping[str, Callable[[dict[str, Any], str], Wanted]] = {
    "openai": read_openai,
    "gemini": read_gemini,
    "ollama": read_ollama,
}
WRITERS: Mapping[str, Callable[[Given, Ask, Wanted], bytes]] = {
    "openai": write_openai,
    "gemini": write_gemini,
    "ollama": write_ollama,
}
