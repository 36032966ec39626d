"""The OpenAI dialect's server half: what clients send us and how faults are spelled to them.

Does no I/O. `read_ask` checks only what flock itself relies on or what engines are known to answer badly, since most
is relayed; `read_request` understands the rest where it must be translated. The modules beside this file do the work,
their names are reached here. Called by the door and the plan.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.history import parse
from flock.dialects.openai.checks import at, wrong
from flock.dialects.openai.faults import stream_fault, write_fault
from flock.dialects.openai.features import features
from flock.dialects.openai.replies import write_reply
from flock.dialects.openai.requests import read_request
from flock.dialects.openai.stream import DONE, writer
from flock.dialects.openai.words import CHAT, COMPLETIONS, FIELDS
from flock.errors import FlockError, InvalidRequest
from flock.plain import is_array, is_object
from flock.wire.sse import KEEPALIVE

STREAM_TYPE = "text/event-stream; charset=utf-8"


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a request body sent to `path` (CHAT or COMPLETIONS).

    Raises InvalidRequest naming the field that is wrong.
    """
    raw, body = _parsed(raw)
    if not is_object(body):
        raise wrong("the body", "an object", body)
    fields = body
    for name, value in fields.items():
        rule = FIELDS.get(name)
        if rule is not None and (not isinstance(value, rule[0]) or (value.__class__ is bool and bool not in rule[0])):
            raise wrong(name, rule[1], value)
    if path == CHAT:
        _check_messages(fields)
    else:
        _check_prompt(fields)
    options: dict[str, Any] = fields.get("stream_options") or {}
    return Ask(
        dialect="openai",
        endpoint="chat" if path == CHAT else "completions",
        path=path,
        raw=raw,
        body=fields,
        model=fields.get("model") or "",
        stream=fields.get("stream") is True,
        wants_usage=options.get("include_usage") is True,
    )


def _parsed(raw: bytes) -> tuple[bytes, Any]:
    """Return a body and its bytes, written anew where half characters in it had to be replaced."""
    try:
        return raw, orjson.loads(raw)
    except ValueError as error:
        try:
            body = parse(raw)
            return orjson.dumps(body), body
        except (ValueError, TypeError):
            raise InvalidRequest(f"the body is not JSON: {error}", hint="send a JSON object") from None


def _check_messages(fields: dict[str, Any]) -> None:
    messages: Any = fields.get("messages")
    if not is_array(messages):
        if "messages" in fields:
            raise wrong("messages", "an array", messages)
        raise InvalidRequest("'messages' is missing", hint="add messages: [{role, content}]", details=at("messages"))
    if not messages:
        raise InvalidRequest("messages is empty", hint="send at least one message", details=at("messages"))
    for i, message in enumerate(messages):
        if not is_object(message):
            raise wrong(f"messages[{i}]", "an object", message)
        role = message.get("role")
        if not isinstance(role, str):
            raise wrong(f"messages[{i}].role", "a string", role)
        content = message.get("content")
        if is_array(content):
            _check_parts(content, f"messages[{i}].content")
        elif content is not None and not isinstance(content, str):
            raise wrong(f"messages[{i}].content", "a string, an array or null", content)
    for i, tool in enumerate(fields.get("tools") or ()):
        if not is_object(tool):
            raise wrong(f"tools[{i}]", "an object", tool)


def _check_parts(parts: list[Any], where: str) -> None:
    for i, part in enumerate(parts):
        if not is_object(part):
            raise wrong(f"{where}[{i}]", "an object", part)
        kind = part.get("type")
        if not isinstance(kind, str):
            raise wrong(f"{where}[{i}].type", "a string", kind)
        if kind == "text" and not isinstance(part.get("text"), str):
            raise wrong(f"{where}[{i}].text", "a string", part.get("text"))


def _check_prompt(fields: dict[str, Any]) -> None:
    prompt: Any = fields.get("prompt")
    if prompt is None:
        raise InvalidRequest("'prompt' is missing", hint="add a prompt", details=at("prompt"))
    if not isinstance(prompt, str | list):
        raise wrong("prompt", "a string or an array", prompt)


def write_models(rows: list[tuple[str, int, int | None]]) -> bytes:
    """Return the body of `GET /v1/models` for (id, created epoch seconds, context) rows."""
    return orjson.dumps({"object": "list", "data": [_model(*row) for row in rows]})


def write_model(row: tuple[str, int, int | None]) -> bytes:
    """Return the body of `GET /v1/models/{id}`."""
    return orjson.dumps(_model(*row))


def _model(model_id: str, created: int, context: int | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": model_id, "object": "model", "created": created, "owned_by": "flock"}
    if context:
        shown["context_length"] = context
    return shown


def http_status(error: FlockError) -> int:
    """Return the status of an error: flock's own."""
    return error.status


__all__ = [
    "CHAT",
    "COMPLETIONS",
    "DONE",
    "KEEPALIVE",
    "STREAM_TYPE",
    "features",
    "http_status",
    "read_ask",
    "read_request",
    "stream_fault",
    "write_fault",
    "write_model",
    "write_models",
    "write_reply",
    "writer",
]
