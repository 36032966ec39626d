"""The Ollama dialect's server half: what its clients send us, and how answers and faults are spelled to them.

Does no I/O. Owns the first look at a body; the request is read by `asked.py`, an answer written by `answer.py` and, in
a stream, by `writer.py`. Implements ServerHalf of `dialects/half.py`; called by the door, dialects/plan.py and
dialects/translate.py.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.history import parse
from flock.dialects.ollama.answer import write_reply
from flock.dialects.ollama.asked import check_elsewhere, read_request
from flock.dialects.ollama.faults import http_status, stream_fault, write_fault
from flock.dialects.ollama.loading import is_load, is_unload, write_loaded
from flock.dialects.ollama.uses import features
from flock.dialects.ollama.words import CHAT, ENDPOINTS, FIELDS, GENERATE, NAME
from flock.dialects.ollama.writer import writer
from flock.dialects.openai.checks import fields_of, wrong
from flock.errors import InvalidRequest
from flock.plain import is_object

STREAM_TYPE = "application/x-ndjson"
# White space in front of the next line's object, which JSON allows. A line of its own would break clients:
# ollama-python parses every line, an empty one too, and ollama-js warns about it.
KEEPALIVE = b" "


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a body sent to `path` (CHAT or GENERATE). A stream is wanted unless `stream` is false.

    Raises InvalidRequest naming the field that is wrong. Without messages, or a prompt, it is a load: see `is_load`.
    """
    raw, body = _parsed(raw)
    if not is_object(body):
        raise wrong("the body", "an object", body)
    for name, value in body.items():
        rule = FIELDS.get(name)
        if rule is not None and (not isinstance(value, rule[0]) or (value.__class__ is bool and bool not in rule[0])):
            raise wrong(name, rule[1], value)
    for i, message in enumerate(body.get("messages") or ()):
        if not is_object(message):
            raise wrong(f"messages[{i}]", "an object", message)
        if not isinstance(message.get("role"), str):
            raise wrong(f"messages[{i}].role", "a string", message.get("role"))
    return Ask(
        dialect=NAME,
        endpoint=ENDPOINTS[path],
        path=path,
        raw=raw,
        body=body,
        model=body.get("model") or "",
        stream=body.get("stream") is not False,
        wants_usage=True,
    )


def num_ctx(ask: Ask) -> int | None:
    """Return the window the client itself asks for (`options.num_ctx`), None where it does not."""
    found: Any = fields_of(ask.body.get("options"), "options").get("num_ctx")
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


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


__all__ = [
    "CHAT",
    "GENERATE",
    "KEEPALIVE",
    "STREAM_TYPE",
    "check_elsewhere",
    "features",
    "http_status",
    "is_load",
    "is_unload",
    "num_ctx",
    "read_ask",
    "read_request",
    "stream_fault",
    "write_fault",
    "write_loaded",
    "write_reply",
    "writer",
]
