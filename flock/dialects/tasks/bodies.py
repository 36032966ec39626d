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

# Bytes at each end of an answer in which its counts are looked for: llama-server tells them first, OpenAI and vLLM
# last; with all details they are 300.
_USAGE_SPAN = 4096
_MOST_COUNTED = 2**53  # what JSON's numbers hold for certain


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
    found = told_or_none(body)
    if found is None:
        raise odd("no JSON object")
    return found


def told_or_none(body: bytes) -> dict[str, Any] | None:
    """Return an upstream's answer, None for one that is no JSON object."""
    try:
        found = parse_told(body)
    except ValueError:
        return None
    return found if is_object(found) else None


def odd(words: str) -> UpstreamError:
    """Return the error for an answer that is not what it should be."""
    return UpstreamError(f"the engine's answer is {words}", hint="send the request again")


def count_of(value: Any) -> int | None:
    """Return a count an upstream tells, None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_COUNTED:
        return None
    return int(value)


def prompt_usage(usage: Any) -> Usage | None:
    """Return the usage of an answer in OpenAI's words, or in those of its audio models; None for none."""
    if not is_object(usage):
        return None
    counted = count_of(usage.get("prompt_tokens", usage.get("input_tokens", usage.get("total_tokens"))))
    if counted is None:
        return None
    return Usage(input=counted, output=count_of(usage.get("completion_tokens", usage.get("output_tokens"))) or 0)


def usage_within(body: bytes) -> Usage | None:
    """Return the usage of an answer in OpenAI's words, read at its end or its beginning: between may be megabytes."""
    for part in (body[-_USAGE_SPAN:], body[:_USAGE_SPAN]):
        start = part.rfind(b'"usage"')
        opened = part.find(b"{", start, start + 32) if start >= 0 else -1
        closed = _end_of_object(part, opened) if opened >= 0 else -1
        if closed > 0:
            try:
                return prompt_usage(orjson.loads(part[opened:closed]))
            except ValueError:
                continue
    return None


def _end_of_object(text: bytes, opened: int) -> int:
    """Return where an object without strings that hold brackets ends, -1 where it does not."""
    depth = 0
    for place in range(opened, len(text)):
        if text[place] == 0x7B:
            depth += 1
        elif text[place] == 0x7D:
            depth -= 1
            if not depth:
                return place + 1
    return -1
