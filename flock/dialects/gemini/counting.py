"""countTokens: what is asked and how it is answered.

Owns both shapes a body may have: `contents` alone, or a whole `generateContentRequest`. Refuses to count
(core/counting.py). Called by the door.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.gemini.server import check, parsed
from flock.dialects.gemini.words import COUNT, DIALECT, split_path
from flock.dialects.openai.checks import wrong
from flock.errors import InvalidRequest
from flock.plain import is_object


def read_count(raw: bytes, path: str) -> Ask:
    """Parse and check a body sent to "/v1beta/models/<model>:countTokens". Raises InvalidRequest.

    `body` is the request whose tokens are to be counted, `raw` what came: `server.read_request` reads the former.
    """
    collection, model, verb = split_path(path)
    if verb != COUNT:
        raise InvalidRequest(f"no such method: {verb}", hint=f"use {COUNT}")
    body, raw = parsed(raw)
    inner: Any = body.get("generateContentRequest", body)
    if not is_object(inner):
        raise wrong("generateContentRequest", "an object", inner)
    check(inner)
    return Ask(
        dialect=DIALECT,
        endpoint="count_tokens",
        path=f"/v1beta/{collection}/{{model}}:{verb}",
        raw=raw,
        body=inner,
        model=model,
        stream=False,
        wants_usage=True,
    )


def write_count(tokens: int) -> bytes:
    """Return the body of an answer."""
    return orjson.dumps({"totalTokens": tokens})
