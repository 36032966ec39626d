"""The tap of a relayed Responses stream: looks at bytes in passing, never edits them.

Owns what accounting needs of a stream that flock does not translate: how many pieces came, the usage, whether the
answer ended, and how, and what a fault must carry so that clients take it for the same answer. Does no I/O and parses
nothing until it is asked. Called by core/commit.py for engines that speak the dialect natively.
"""

import re
from typing import Any

import orjson

from flock.dialects.ir import Usage
from flock.dialects.responses.reader import read_usage
from flock.dialects.responses.words import failure_code, failure_message
from flock.errors import FlockError
from flock.plain import is_object

# The last event carries the whole answer and every tool, so it may be long; the usage stands in its last part with
# every server seen (OpenAI, vLLM, llama.cpp, flock), the error of a failed one within this of its beginning.
TAIL_BYTES = 16384
_HEAD_BYTES = 2048
# With the quotes: inside a string they would have a backslash before them. Servers that dump fields in the order of
# their names or of their classes write the type last.
_END = re.compile(rb'"type":\s*"response\.(completed|incomplete|failed|cancelled)"')
_EVENT = re.compile(rb"(?:^|\n)event: ?(?:response\.(completed|incomplete|failed|cancelled)|(error))\r?\n")
_FAULT = re.compile(rb'(?:^|\n)data: ?\{(?:"type":\s*"error"|\s*"error":\s*[{"]|[^\n]{0,200}?"type":\s*"error"[,}])')
_USAGE = re.compile(rb'"usage":\s*\{')
_TIMINGS = re.compile(rb'"timings":\s*\{')
_ERROR = re.compile(rb'"error":\s*[{"]')
_MESSAGE = re.compile(rb'"message":\s*("(?:[^"\\]|\\.)*")')
_ID = re.compile(rb'"response":\s*\{[^{}\[\]]*?"id":\s*"([^"\\]{1,200})"')
_NUMBER = re.compile(rb'"sequence_number":\s*(\d{1,9})')
_BLANK_LINES = (b"\n\n", b"\r\n\r\n")
# What a cut between two reads can split: the words looked for with what follows them, and what may stand before them.
_SEAM, _OVERLAP = 32, 240


class ResponsesTap:
    """Looks at one stream. `feed` returns what goes to the client: what came in."""

    __slots__ = ("_ending", "_fault", "_head", "_kept", "_tail", "events")

    def __init__(self) -> None:
        self.events = 0
        self._tail = b""
        self._head = b""
        self._ending = ""  # how the answer ended: completed, incomplete, failed …
        self._fault = False
        self._kept = b""  # what came from the failure on

    def feed(self, data: bytes) -> bytes:
        """Look at the bytes of one read and return them."""
        # every delta's type ends so, and with the quote only once a frame: the event line has none
        self.events += data.count(b'.delta"')
        before = self._tail
        self._tail = data if len(data) >= TAIL_BYTES else (before + data)[-TAIL_BYTES:]
        if len(self._head) < _HEAD_BYTES:
            self._head += data[:_HEAD_BYTES]
        if self._fault:
            self._kept += data[: TAIL_BYTES - len(self._kept)]
        elif _worth_a_look(data):
            self._look(before[-_OVERLAP:] + data)
        elif before and not before.endswith(b"\n") and _worth_a_look(before[-_SEAM:] + data[:_SEAM]):
            self._look(before[-_OVERLAP:] + data[:_OVERLAP])
        return data

    def _look(self, seen: bytes) -> None:
        for found in (*_EVENT.finditer(seen), *_END.finditer(seen)):
            ending = found.group(1)
            self._ending = ending.decode() if ending else self._ending
            if self._ending in ("failed", "cancelled") or not ending:
                self._fault, self._kept = True, seen[found.start() :][:TAIL_BYTES]
                return
        if found := _FAULT.search(seen):
            self._fault, self._kept = True, seen[found.start() :][:TAIL_BYTES]

    def end(self) -> None:
        """Nothing: what a relay has to say it has said."""

    def close(self) -> bytes:
        """Return nothing: no bytes are held back."""
        return b""

    @property
    def between_frames(self) -> bool:
        """Whether what `feed` has returned so far ends with a whole frame: only there may another one be put in."""
        return not self._tail or self._tail.endswith(_BLANK_LINES)

    @property
    def finished(self) -> bool:
        """Whether the stream said that its answer is over, whole or cut short: a clean EOF alone proves nothing."""
        return self._ending in ("completed", "incomplete")

    @property
    def failure(self) -> str:
        """Nothing: what the upstream reports is passed on as it came."""
        return ""

    @property
    def fault(self) -> str | None:
        """The sentence of the failure the stream reported, None where it reported none."""
        if not self._fault:
            return None
        for seen in (self._kept, self._tail):  # before everything the answer echoes, or behind it
            if (found := _ERROR.search(seen)) and (words := _MESSAGE.search(seen, found.start())):
                return _text(words.group(1))
        words = _MESSAGE.search(self._kept)
        return _text(words.group(1)) if words else "the engine reported an error"

    def usage(self) -> Usage | None:
        """Return the usage the stream carried, None where it carried none."""
        position = -1
        for found in _USAGE.finditer(self._tail):
            position = found.end() - 1
        if position < 0:
            return None
        counts, timings = _object_at(self._tail, position), None
        if counts is None:
            return None
        if found := _TIMINGS.search(self._tail, position):
            timings = _object_at(self._tail, found.end() - 1)
        return read_usage({"usage": counts}, timings)

    def counted(self) -> Usage:
        """Return what flock counted where the engine did not say: a token a delta."""
        return Usage(output=self.events)

    def write_fault(self, error: FlockError) -> bytes:
        """Return `response.failed` for the answer that was begun here: same id, next number.

        The vendor's library refuses an event about another response (openai 3.52, "Lifecycle response identity
        changed").
        """
        id, numbers = _ID.search(self._head), _NUMBER.findall(self._tail)
        response: dict[str, Any] = {
            "id": id.group(1).decode("utf-8", "replace") if id else "resp_0",
            "object": "response",
            "status": "failed",
            "error": {"code": failure_code(error), "message": failure_message(error)},
            "output": [],
        }
        number = int(numbers[-1]) + 1 if numbers else 0
        data = orjson.dumps({"type": "response.failed", "sequence_number": number, "response": response})
        return b"event: response.failed\ndata: " + data + b"\n\n"


def _worth_a_look(data: bytes) -> bool:
    """Return whether bytes may hold a terminal event or an error: words are found in next to no time, patterns not."""
    return b"response.c" in data or b"response.i" in data or b"response.f" in data or b"error" in data


def _text(quoted: bytes) -> str:
    try:
        return str(orjson.loads(quoted))
    except ValueError:
        return quoted[1:-1].decode("utf-8", "replace")


def _object_at(data: bytes, start: int) -> dict[str, Any] | None:
    """Return the JSON object that begins at a position: counts and details of counts, without strings in them."""
    depth = 0
    for found in re.finditer(rb"[{}]", data[start:]):
        depth += 1 if found.group() == b"{" else -1
        if depth == 0:
            try:
                value: Any = orjson.loads(data[start : start + found.end()])
            except ValueError:
                return None
            return value if is_object(value) else None
    return None


def event_fault(data: bytes) -> str | None:
    """Return the sentence when the data of one event is a failure, else None."""
    tap = ResponsesTap()
    tap.feed(b"data: " + data + b"\n\n")
    return tap.fault
