"""Faults as Cohere's clients read them: `{"message": …}` under the HTTP status.

A FaultHalf (dialects/half.py) and no more: Cohere's chat is not spoken. Used by the door for /v1/rerank and /v2/rerank.
"""

from typing import Any

import orjson

from flock.errors import FlockError

# nothing of it streams
KEEPALIVE = b""
STREAM_TYPE = "application/json"


def http_status(error: FlockError) -> int:
    """Return the status of an error: flock's own. The SDK's classes go by it."""
    return error.status


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the body of an error: Cohere's `id` and `message`, and flock's code and hint beside them."""
    body: dict[str, Any] = {"message": error.sentence, "code": error.code}
    if request_id:
        body["id"] = request_id
    if error.hint:
        body["hint"] = error.hint
    if error.details:
        body["details"] = error.details
    return orjson.dumps(body, default=str)


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the body of an error: there is no stream it could end."""
    return write_fault(error, request_id)
