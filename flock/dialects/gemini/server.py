"""The Gemini dialect's server half: what clients send us, and how answers and faults are spelled to them.

Does no I/O. Owns the first look at a path and a body; the request is read by `asked.py`, an answer written by
`answer.py` and, in a stream, by `writer.py`. Clients that stream without `?alt=sse` are served by `array.py`.
Implements ServerHalf of `dialects/half.py`; called by the gateway, dialects/plan.py and dialects/translate.py.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.gemini.answer import write_reply
from flock.dialects.gemini.asked import read as read_request
from flock.dialects.gemini.faults import http_status, stream_fault, write_fault
from flock.dialects.gemini.spelling import camel
from flock.dialects.gemini.uses import features
from flock.dialects.gemini.words import DIALECT, GENERATE, SSE_QUERY, STREAM, split_path
from flock.dialects.gemini.writer import GeminiWriter
from flock.dialects.half import Addressing, Writer
from flock.dialects.history import parse
from flock.dialects.ir import Json, Request
from flock.dialects.openai.checks import at, wrong
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

STREAM_TYPE = "text/event-stream; charset=utf-8"
# Blank lines, which every parser passes over. A comment is fatal here: google-genai takes any line that does not begin
# with "data:" for the JSON of an error, and Gemini CLI's library waits for "data:" behind it for ever.
KEEPALIVE = b"\n\n"
# Top-level fields whose type is checked before anybody relies on them.
_FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "systemInstruction": ((str, dict, list), "a string, a content or an array of parts"),
    "tools": ((list, dict), "an array"),
    "toolConfig": ((dict,), "an object"),
    "generationConfig": ((dict,), "an object"),
    "safetySettings": ((list,), "an array"),
    "cachedContent": ((str,), "a string"),
}


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a body sent to `path`, the concrete one: "/v1beta/models/<model>:streamGenerateContent".

    The model may hold "/" and ":". Raises InvalidRequest naming what is wrong. Names of fields become camelCase in
    `body`; `raw` stays as received but for half characters, which no engine's parser takes.
    """
    collection, model, verb = split_path(path)
    if verb not in (GENERATE, STREAM):
        raise InvalidRequest(f"no such method: {verb}", hint=f"use {GENERATE} or {STREAM}")
    body, raw = parsed(raw)
    check(body)
    stream = verb == STREAM
    return Ask(
        dialect=DIALECT,
        endpoint="generate",
        path=f"/v1beta/{collection}/{{model}}:{verb}{SSE_QUERY if stream else ''}",
        raw=raw,
        body=body,
        model=model,
        stream=stream,
        wants_usage=True,
    )


def parsed(raw: bytes) -> tuple[Json, bytes]:
    """Return (fields in camelCase, body): the body as received, or written again where half characters were in it."""
    try:
        body: Any = orjson.loads(raw)
    except ValueError:
        try:
            body = parse(raw)
            raw = orjson.dumps(body)
        except (ValueError, TypeError) as error:
            raise InvalidRequest(f"the body is not JSON: {error}", hint="send a JSON object") from None
    if not is_object(body):
        raise wrong("the body", "an object", body)
    return camel(body, raw), raw


def check(body: Json) -> None:
    """Check what a relay relies on; `read_request` looks at every depth."""
    for name, (types, words) in _FIELDS.items():
        value = body.get(name)
        if value is not None and not isinstance(value, types):
            raise wrong(name, words, value)
    contents: Any = body.get("contents")
    if contents is None:
        raise InvalidRequest("'contents' is missing", hint="add contents: [{role, parts}]", details=at("contents"))
    if not isinstance(contents, str | dict | list):
        raise wrong("contents", "an array, a content or a string", contents)
    if not contents:
        raise InvalidRequest("contents is empty", hint="send at least one content", details=at("contents"))
    for i, content in enumerate(contents if is_array(contents) else ()):
        if not isinstance(content, str | dict):
            raise wrong(f"contents[{i}]", "an object", content)


def writer(request: Request, to: Addressing) -> Writer:
    """Return the writer of one streamed answer."""
    return GeminiWriter(request, to)


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
