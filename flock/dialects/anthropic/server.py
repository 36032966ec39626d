"""The Anthropic dialect's server half: what clients send us, and how answers and faults are spelled to them.

Does no I/O. Owns the first look at a body and the whole answer; the request is read by `asked.py`, a stream written by
`writer.py`. Implements ServerHalf of `dialects/half.py`; called by the gateway, dialects/plan.py and
dialects/translate.py.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.asked import read as read_request
from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.check import missing, refused, text_in, wrong
from flock.dialects.anthropic.faults import http_status, stream_fault, write_fault
from flock.dialects.anthropic.uses import features
from flock.dialects.anthropic.words import ENDPOINTS, FIELDS
from flock.dialects.anthropic.writer import MessagesWriter, call_block, envelope, stopped
from flock.dialects.anthropic.writing import Blocks
from flock.dialects.ask import Ask
from flock.dialects.half import Addressing, Writer
from flock.dialects.history import arguments, clean_json, parse
from flock.dialects.ir import Json, Part, Refusal, Reply, Request, Text, Thinking, ToolCall, Usage
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

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


def write_reply(reply: Reply, request: Request, to: Addressing) -> bytes:
    """Return the body of a whole answer: a `message` with its blocks, stop and usage."""
    custom = frozenset(tool.name for tool in request.tools if tool.kind == "custom")
    content: list[Json] = []
    details: Json | None = None
    for index, part in enumerate(reply.parts):
        if isinstance(part, Refusal) and "stop_details" in part.meta:
            details = part.meta["stop_details"]
        elif (block := _answered(part, index, custom)) is not None:
            content.append(block)
    tools = any(isinstance(part, ToolCall) for part in reply.parts)
    refused = any(isinstance(part, Refusal) for part in reply.parts)
    usage = reply.usage or Usage(input=to.input_estimate)
    message = envelope(to, content, usage)
    message.update(stopped(reply.stop, reply.sequence, tools=tools, refused=refused))
    if details is not None:
        message["stop_details"] = details
    try:
        return orjson.dumps(message)
    except TypeError:  # lone surrogates
        return orjson.dumps(clean_json(message))


def _answered(part: Part, index: int, custom: frozenset[str]) -> Json | None:
    """Return the block of a part of an answer, None where it says nothing."""
    match part:
        case ToolCall():
            return call_block(part, index, arguments(part, custom=part.name in custom)[0])
        case Text() | Refusal() if not part.text:
            return None
        case Text():
            cited = part.meta.get("citations")
            return {"type": "text", "text": part.text, **({"citations": cited} if cited else {})}
        case Thinking() if not part.redacted:
            signature = part.signature if part.origin == NAME else ""
            if not part.text and not signature:
                return None
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        case Thinking() if part.origin != NAME:
            return None
        case _:
            return Blocks(own=False).block(part)


def writer(request: Request, to: Addressing) -> Writer:
    """Return the writer of one streamed answer."""
    return MessagesWriter(request, to)


__all__ = [
    "KEEPALIVE",
    "features",
    "http_status",
    "read_ask",
    "read_request",
    "stream_fault",
    "write_fault",
    "write_reply",
    "writer",
]
