"""Errors as clients of this dialect know them: statuses, types, bodies, and the last event of a broken stream.

Owns the mapping; the sentences are those of the errors. Called through `server.py`.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.words import OVERLOADED_STATUS, error_type
from flock.dialects.history import clean
from flock.errors import ContextTooLong, FlockError


def http_status(error: FlockError) -> int:
    """Return the HTTP status: the error's own, 529 for an overload as this dialect's clients know it."""
    return OVERLOADED_STATUS if error.status == 503 else error.status


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error body: `{"type":"error","error":{type, message, details?},"request_id"}`, UTF-8 JSON."""
    inner: dict[str, Any] = {"type": error_type(error.status), "message": clean(_message(error))}
    if error.details:
        # the dialect has no place for a code of one's own; the SDKs pass on what they do not know
        inner["details"] = {"code": error.code, **error.details}
    return orjson.dumps({"type": "error", "error": inner, "request_id": request_id or None}, default=str)


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error as the last frame of a stream; no message_stop may follow, SDKs take that for success."""
    return b"event: error\ndata: " + write_fault(error, request_id) + b"\n\n"


def _message(error: FlockError) -> str:
    if isinstance(error, ContextTooLong):
        # Claude Code compacts by these very words
        tokens, limit = error.details.get("tokens"), error.details.get("limit")
        known = isinstance(tokens, int) and isinstance(limit, int)
        return f"prompt is too long: {tokens} tokens > {limit} maximum" if known else _too_long(error.sentence)
    return f"{error.sentence} (hint: {error.hint})" if error.hint else error.sentence


def _too_long(sentence: str) -> str:
    return sentence if sentence.startswith("prompt is too long") else f"prompt is too long: {sentence}"
