"""The Gemini dialect for clients that stream without `?alt=sse`: the stream is one JSON array of the chunks.

The same half but for the frames. Owns the array: `[` before the first chunk, a comma between two, `]` behind the last.
An array that is closed is a whole answer to whoever parses it, so a stream that breaks is closed behind an element
`{"error": {...}}` and never behind a chunk. google-genai and Gemini CLI always ask for `alt=sse`; this form is what
curl, Google's REST examples and gRPC-transcoding clients (google-generativeai with transport="rest") read. Never
relayed: engines are asked for server-sent events. Implements ServerHalf of `dialects/half.py`; the door picks it.
"""

from dataclasses import replace

from flock.dialects.ask import Ask
from flock.dialects.gemini import faults
from flock.dialects.gemini import server as sse
from flock.dialects.gemini.answer import write_reply
from flock.dialects.gemini.asked import read as read_request
from flock.dialects.gemini.faults import http_status
from flock.dialects.gemini.uses import features
from flock.dialects.gemini.words import STREAM, split_path
from flock.dialects.gemini.writer import Framed, GeminiWriter
from flock.dialects.half import Addressing, Writer
from flock.dialects.ir import Request
from flock.errors import FlockError, InvalidRequest

NAME = "gemini-array"
STREAM_TYPE = "application/json; charset=utf-8"
KEEPALIVE = b"\n"  # white space is JSON before the array and between its elements
_FRAMES = Framed(lambda chunk: b"[" + chunk, lambda chunk: b",\n" + chunk, b"]\n")


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a body sent to `path`, as `server.read_ask` does. Raises InvalidRequest."""
    if split_path(path)[2] != STREAM:
        raise InvalidRequest(f"only {STREAM} answers with an array", hint=f"use {STREAM}")
    return replace(sse.read_ask(raw, path), dialect=NAME)


def write_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return the body of an error: an array of it, as Google's own answer to such a request is."""
    return b"[" + faults.write_fault(error, request_id) + b"]\n"


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return an error as the whole of a stream of which nothing but white space has been sent."""
    return write_fault(error, request_id)


def writer(request: Request, to: Addressing) -> Writer:
    """Return the writer of one streamed answer."""
    return GeminiWriter(request, to, _FRAMES)


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
