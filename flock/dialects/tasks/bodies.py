"""Bodies of tasks that are JSON: a client's read and spliced, an upstream's read.

Owns nothing. Used by the files of the tasks beside it.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.history import parse, parse_told
from flock.dialects.ir import Usage
from flock.dialects.openai.checks import at, wrong
from flock.dialects.tasks.task import Sent
from flock.errors import InvalidRequest, Unsupported, UpstreamError
from flock.plain import is_object

# Bytes from the word "usage" on in which an answer's counts are looked for; OpenAI's, with all details, are 300.
_USAGE_SPAN = 4096


def read_object(raw: bytes) -> dict[str, Any]:
    """Return a client's body. Raises InvalidRequest for one that is no JSON object."""
    try:
        body = parse(raw)
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}", hint="send a JSON object") from None
    if not is_object(body):
        raise wrong("the body", "an object", body)
    return body


def model_of(body: dict[str, Any]) -> str:
    """Return the model a body names, "" for none. Raises InvalidRequest for what is no name."""
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise wrong("model", "a string", model)
    return model or ""


def missing(param: str, hint: str) -> InvalidRequest:
    """Return the error for a field that must be there."""
    return InvalidRequest(f"'{param}' is missing", hint=hint, details=at(param))


def empty(param: str) -> InvalidRequest:
    """Return the error for a field that must hold something."""
    return InvalidRequest(f"{param} is empty", hint=f"put something into {param}", details=at(param))


def no_such(shape: str, task: str) -> Unsupported:
    """Return the error for a shape in which a task cannot be spelled."""
    return Unsupported(f"{task} cannot be asked for in the shape {shape!r}", hint="flock model ls")


def dumped(body: Any) -> bytes:
    """Return a body as JSON. Raises InvalidRequest for one that is nested too deeply, or holds half a character."""
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise InvalidRequest(f"the body cannot be written again: {error}", hint="nest it less deeply") from None


def passed(ask: Ask, model: str, path: str) -> Sent:
    """Return a JSON body for an upstream of the client's own shape: as it came, or with another model's name."""
    if ask.model == model:
        return Sent("relay", path, ask.raw)
    return Sent("splice", path, dumped({**ask.body, "model": model}))


def unknown(body: dict[str, Any], *known: str) -> list[str]:
    """Return the names of the fields beside those known that say anything."""
    return [name for name, value in body.items() if name not in known and value is not None]


def told(body: bytes) -> dict[str, Any]:
    """Return an upstream's answer. Raises UpstreamError for one that is no JSON object."""
    try:
        found = parse_told(body)
    except ValueError:
        found = None
    if not is_object(found):
        raise odd("no JSON object")
    return found


def odd(words: str) -> UpstreamError:
    """Return the error for an answer that is not what it should be."""
    return UpstreamError(f"the engine's answer is {words}", hint="send the request again")


def prompt_usage(usage: Any) -> Usage | None:
    """Return the usage of an answer in OpenAI's words, or in those of its audio models; None for none."""
    if not is_object(usage):
        return None
    counted = usage.get("prompt_tokens", usage.get("input_tokens", usage.get("total_tokens")))
    if isinstance(counted, bool) or not isinstance(counted, int | float):
        return None
    made = usage.get("completion_tokens", usage.get("output_tokens"))
    output = int(made) if isinstance(made, int | float) and not isinstance(made, bool) else 0
    return Usage(input=int(counted), output=output)


def usage_within(body: bytes) -> Usage | None:
    """Return the usage of an answer in OpenAI's words without reading the rest of it, which may be megabytes."""
    for start in dict.fromkeys((body.rfind(b'"usage"'), body.find(b'"usage"'))):
        opened = body.find(b"{", start, start + 32) if start >= 0 else -1
        closed = _end_of_object(body, opened) if opened >= 0 else -1
        if closed > 0:
            try:
                return prompt_usage(orjson.loads(body[opened:closed]))
            except ValueError:
                continue
    return None


def _end_of_object(body: bytes, opened: int) -> int:
    """Return where an object without strings that hold brackets ends, -1 where that is too far."""
    depth = 0
    for at_byte in range(opened, min(len(body), opened + _USAGE_SPAN)):
        if body[at_byte] == 0x7B:
            depth += 1
        elif body[at_byte] == 0x7D:
            depth -= 1
            if not depth:
                return at_byte + 1
    return -1
