"""Errors as clients of this dialect know them: Google's `{"error": {code, message, status, details}}`.

Owns the mapping; the sentences are those of the errors. `error` stands first in the object: google-genai knows an error
in a stream by the text `{"error":`. Called through `server.py` and `array.py`.
"""

from typing import Any

import orjson

from flock.dialects.gemini.words import status_of
from flock.dialects.history import clean
from flock.errors import ContextTooLong, FlockError

_TYPE = "type.googleapis.com/google.rpc."


def http_status(error: FlockError) -> int:
    """Return the HTTP status: the error's own."""
    return error.status


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error body, UTF-8 JSON; `details` hold when to try again, flock's code and the request's id."""
    inner: dict[str, Any] = {
        "code": http_status(error),
        "message": clean(_message(error)),
        "status": status_of(error.status),
        "details": _details(error, request_id),
    }
    return orjson.dumps({"error": inner}, default=str)


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error as the last frame of a stream; no finishReason may have come before it.

    google-genai raises it, @ai-sdk/google reports it, and Gemini CLI, whose library passes it over, asks again since
    the answer has no finishReason.
    """
    return b"data: " + write_fault(error, request_id) + b"\n\n"


def _message(error: FlockError) -> str:
    if isinstance(error, ContextTooLong):
        tokens, limit = error.details.get("tokens"), error.details.get("limit")
        if isinstance(tokens, int) and isinstance(limit, int):
            # Google's own words, by which clients know it
            return f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."
    return f"{error.sentence} (hint: {error.hint})" if error.hint else error.sentence


def _details(error: FlockError, request_id: str) -> list[dict[str, Any]]:
    metadata = {name: value if isinstance(value, str) else _plain(value) for name, value in error.details.items()}
    found: list[dict[str, Any]] = [
        {"@type": _TYPE + "ErrorInfo", "reason": error.code.upper(), "domain": "flock", "metadata": metadata}
    ]
    after = error.details.get("retry_after")
    if isinstance(after, int | float) and not isinstance(after, bool):
        found.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{after:g}s"})
    if request_id:
        found.append({"@type": _TYPE + "RequestInfo", "requestId": request_id})
    return found


def _plain(value: Any) -> str:
    """Return a value as the string that ErrorInfo's metadata wants."""
    return orjson.dumps(value, default=str).decode()
