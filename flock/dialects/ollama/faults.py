"""Errors as the dialect's clients know them: `{"error": "sentence"}`, in a stream the same as its last line.

Owns the spelling; the sentences are those of the errors. Called through `server.py` and by `writer.py`.
"""

from flock.dialects.ollama.words import dumped
from flock.errors import FlockError


def http_status(error: FlockError) -> int:
    """Return the status of an error: flock's own."""
    return error.status


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the body of an error. The dialect has one string for it, so the hint stands in it; no place for an id."""
    words = f"{error.sentence} (hint: {error.hint})" if error.hint else error.sentence
    return dumped({"error": words})


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the error as the last line of a stream; no `done: true` may follow."""
    return write_fault(error, request_id) + b"\n"
