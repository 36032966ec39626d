"""The Anthropic dialect's server half: what clients send us, and how answers and faults are spelled to them.

Does no I/O. Owns the first look at a body; the request is read by `asked.py`, an answer written by `answer.py` and, in
a stream, by `writer.py`. Implements ServerHalf of `dialects/half.py`; called by the gateway, dialects/plan.py and
dialects/translate.py.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.answer import write_reply
from flock.dialects.anthropic.asked import read as read_request
from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.check import missing, refused, text_in, wrong
from flock.dialects.anthropic.faults import http_status, stream_fault, write_fault
from flock.dialects.anthropic.uses import features
from flock.dialects.anthropic.words import ENDPOINTS, FIELDS
from flock.dialects.anthropic.writer import MessagesWriter
from flock.dialects.ask import Ask
from flock.dialects.half import Addressing, Writer
from flock.dialects.history import parse
from flock.dialects.ir import Request
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

STREAM_TYPE = "text/event-stream; charset=utf-8"
KEEPALIVE = b'event: ping\ndata: {"type": "ping"}\n\n'


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a body sent to `path` (MESSAGES or COUNT_TOKENS, a query behind it or not).

    Raises InvalidRequest naming what is wrong. Unknown fields are nobody's fault. Lone surrogates are replaced, in
    `raw` too: no engine's parser takes them.
    """
    body, raw = _parsed(raw)
    if not is_object(body):
        raise wrong("the body", "an object", body)
    for name, value in body.items():
        rule = FIELDS.get(name)
        if rule is not None and (not isinstance(value, rule[0]) or (value.__class__ is bool and bool not in rule[0])):
            raise wrong(name, rule[1], value)
    endpoint = ENDPOINTS[path.partition("?")[0]]
    counts = endpoint == "count_tokens"
    for name in ("model", "messages") if counts else ("model", "max_tokens", "messages"):
        if name not in body:
            raise missing(name)
    if not body["model"]:
        raise refused("model", "is empty")
    if not counts and body["max_tokens"] < 1:
        raise refused("max_tokens", "must be 1 or more")
    _check_messages(body["messages"])
    if body.get("thread") is not None:
        raise _threads()
    return Ask(
        dialect=NAME,
        endpoint=endpoint,
        path=path,
        raw=raw,
        body=body,
        model=body["model"],
        stream=body.get("stream") is True,
        wants_usage=True,
    )


def _check_messages(messages: list[Any]) -> None:
    """Check what a relay relies on; `read_request` looks at every depth."""
    if not messages:
        raise refused("messages", "send at least one message")
    for i, message in enumerate(messages):
        if not is_object(message):
            raise wrong(f"messages.{i}", "an object", message)
        role = text_in(message, "role", f"messages.{i}")
        content = message.get("content")
        if is_array(content):
            for j, block in enumerate(content):
                if not is_object(block):
                    raise wrong(f"messages.{i}.content.{j}", "an object", block)
                if not isinstance(block.get("type"), str):
                    text_in(block, "type", f"messages.{i}.content.{j}")
        elif not isinstance(content, str) and not (content is None and role == "system"):
            at = f"messages.{i}.content"
            raise wrong(at, "a string or an array", content) if "content" in message else missing(at)


def _threads() -> InvalidRequest:
    """Return the error at which the official SDK sends the whole history again, and goes on without threads."""
    return InvalidRequest(
        "thread: conversations are not kept here, send the whole history",
        details={"error_code": "thread_unsupported_request", "unsupported": ["thread"]},
    )


def _parsed(raw: bytes) -> tuple[Any, bytes]:
    """Return (value, body): the body as received, or written again where an engine's parser would refuse it."""
    try:
        return orjson.loads(raw), raw
    except ValueError:
        pass
    try:
        body = parse(raw)
        return body, orjson.dumps(body)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None


def writer(request: Request, to: Addressing) -> Writer:
    """Return the writer of one streamed answer."""
    return MessagesWriter(request, to)


__all__ = [
    "KEEPALIVE",
    "STREAM_TYPE",
    "features",
    "http_status",
    "read_ask",
    "read_request",
    "stream_fault",
    "write_fault",
    "write_reply",
    "writer",
]
