"""Faults as the dialect spells them: a body, or the last frame of a stream.

Does no I/O. Reached as `server.write_fault` and `server.stream_fault`; used by `stream.py`.
"""

from typing import Any

import orjson

from flock.dialects.openai.words import error_type
from flock.errors import FlockError


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error body: `{"error": {message, type, param, code, hint…}}`, UTF-8 JSON."""
    inner: dict[str, Any] = {
        "message": error.sentence,
        "type": error_type(error),
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
