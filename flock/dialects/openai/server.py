"""The OpenAI dialect's server half: what clients send us and how faults are spelled to them.

Does no I/O. Checks only what flock itself relies on or what engines are known to answer badly; everything else is
relayed. Called by daemon/gateway.py.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.openai.words import CHAT, COMPLETIONS, FIELDS, error_type, kind_of
from flock.errors import FlockError, InvalidRequest
from flock.plain import is_array, is_object

DONE = b"data: [DONE]\n\n"


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a request body sent to `path` (CHAT or COMPLETIONS).

    Raises InvalidRequest naming the field that is wrong.
    """
    try:
        body: Any = orjson.loads(raw)
    except ValueError as error:
        raise InvalidRequest(f"the body is not JSON: {error}", hint="send a JSON object") from None
    if not is_object(body):
        raise _wrong("the body", "an object", body)
    fields = body
    for name, value in fields.items():
        rule = FIELDS.get(name)
        if rule is not None and (not isinstance(value, rule[0]) or (value.__class__ is bool and bool not in rule[0])):
            raise _wrong(name, rule[1], value)
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


def _check_messages(fields: dict[str, Any]) -> None:
    messages: Any = fields.get("messages")
    if not is_array(messages):
        if "messages" in fields:
            raise _wrong("messages", "an array", messages)
        raise InvalidRequest("'messages' is missing", hint="add messages: [{role, content}]", details=_at("messages"))
    if not messages:
        raise InvalidRequest("messages is empty", hint="send at least one message", details=_at("messages"))
    for i, message in enumerate(messages):
        if not is_object(message):
            raise _wrong(f"messages[{i}]", "an object", message)
        role = message.get("role")
        if not isinstance(role, str):
            raise _wrong(f"messages[{i}].role", "a string", role)
        content = message.get("content")
        if is_array(content):
            _check_parts(content, f"messages[{i}].content")
        elif content is not None and not isinstance(content, str):
            raise _wrong(f"messages[{i}].content", "a string, an array or null", content)
    for i, tool in enumerate(fields.get("tools") or ()):
        if not is_object(tool):
            raise _wrong(f"tools[{i}]", "an object", tool)


def _check_parts(parts: list[Any], where: str) -> None:
    for i, part in enumerate(parts):
        if not is_object(part):
            raise _wrong(f"{where}[{i}]", "an object", part)
        kind = part.get("type")
        if not isinstance(kind, str):
            raise _wrong(f"{where}[{i}].type", "a string", kind)
        if kind == "text" and not isinstance(part.get("text"), str):
            raise _wrong(f"{where}[{i}].text", "a string", part.get("text"))


def _check_prompt(fields: dict[str, Any]) -> None:
    prompt: Any = fields.get("prompt")
    if prompt is None:
        raise InvalidRequest("'prompt' is missing", hint="add a prompt", details=_at("prompt"))
    if not isinstance(prompt, str | list):
        raise _wrong("prompt", "a string or an array", prompt)


def _at(param: str) -> dict[str, Any]:
    return {"param": param}


def _wrong(param: str, wanted: str, got: Any) -> InvalidRequest:
    return InvalidRequest(
        f"{param} must be {wanted}, not {kind_of(got)}", hint=f"correct {param}", details={"param": param}
    )


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error body: `{"error": {message, type, param, code, hint…}}`, UTF-8 JSON."""
    inner: dict[str, Any] = {
        "message": error.sentence,
        "type": error_type(error.status),
        "param": error.details.get("param"),
        "code": error.code,
    }
    if error.hint:
        inner["hint"] = error.hint
    inner.update({k: v for k, v in error.details.items() if k != "param"})
    if request_id:
        inner["request_id"] = request_id
    return orjson.dumps({"error": inner}, default=str)


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error as the last frame of a stream; no `[DONE]` may follow, SDKs take that for success."""
    return b"data: " + write_fault(error, request_id) + b"\n\n"


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


__all__ = [
    "CHAT",
    "COMPLETIONS",
    "DONE",
    "read_ask",
    "stream_fault",
    "write_fault",
    "write_model",
    "write_models",
]
