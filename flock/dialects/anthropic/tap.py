"""A look at a relayed stream of this dialect: what it used, whether it ended, whether it failed. Never an edit.

Owns the finding of usage and end in bytes that pass; the frames are not cut, so that a relay costs what copying costs.
Has the manners of `StreamTap` in dialects/openai/upstream.py. Called by core/inference.py.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.words import read_usage
from flock.dialects.ir import Json, Usage
from flock.plain import is_object
from flock.wire.sse import data_of, split

# message_start is the first event and holds no content, message_delta and message_stop are the last: all are far
# smaller in every engine seen.
HEAD_BYTES = TAIL_BYTES = 8192
# with its quotes: inside a string of JSON they would have a backslash before them
_PIECE = b'"content_block_delta"'
_BLANK_LINES = (b"\n\n", b"\r\n\r\n")


class MessagesTap:
    """Looks at one stream in passing: counts events, finds the usage and the end. `feed` returns what it was given."""

    __slots__ = ("_carry", "_head", "_tail", "events")

    def __init__(self) -> None:
        self._head = self._tail = self._carry = b""
        self.events = 0

    def feed(self, data: bytes) -> bytes:
        """Look at the bytes of one read and return them."""
        seen = self._carry + data
        self.events += seen.count(_PIECE)
        self._carry = seen[1 - len(_PIECE) :]
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._tail = data if len(data) >= TAIL_BYTES else (self._tail + data)[-TAIL_BYTES:]
        return data

    def end(self) -> None:
        """Nothing: what a relay has to say it has said."""

    def close(self) -> bytes:
        """Return bytes held back: none are."""
        return b""

    @property
    def between_frames(self) -> bool:
        """Whether what `feed` has returned so far ends with a whole frame: only there may another one be put in."""
        return not self._tail or self._tail.endswith(_BLANK_LINES)

    @property
    def finished(self) -> bool:
        """Whether the stream said that it is over: a clean EOF alone proves nothing."""
        return any(_is_end(event) for event in _events(self._tail))

    @property
    def failure(self) -> str:
        """Nothing: what the upstream reports is passed on as it came."""
        return ""

    @property
    def fault(self) -> str | None:
        """The sentence of an error event at the stream's end, None where there is none."""
        for event in reversed(_events(self._tail)):
            error = event.get("error")
            if error and event.get("type") in ("error", None):
                words = error.get("message") if is_object(error) else error
                return words if isinstance(words, str) and words else "the engine reported an error"
        return None

    def usage(self) -> Usage | None:
        """Return the usage the stream told: what message_start said, overwritten by what message_delta said later."""
        counts: Json = {}
        for event in [*_events(self._head), *_events(self._tail)]:
            message = event.get("message") if event.get("type") == "message_start" else event
            told = message.get("usage") if is_object(message) else None
            if is_object(told) and event.get("type") in ("message_start", "message_delta"):
                counts.update({name: value for name, value in told.items() if value is not None})
        return read_usage(counts) if counts else None

    def counted(self) -> Usage:
        """Return what flock counted where the engine did not say: a token a piece."""
        return Usage(output=self.events)


def _is_end(event: Json) -> bool:
    delta = event.get("delta")
    told = event.get("type") == "message_delta" and is_object(delta) and delta.get("stop_reason")
    return event.get("type") == "message_stop" or bool(told)


def _events(frames: bytes) -> list[Json]:
    """Return the events of the frames that are whole, or cut only behind their JSON."""
    found: list[Json] = []
    for frame in split(frames):
        data = data_of(frame)
        # most frames are pieces of the answer
        if not data or _PIECE in data:
            continue
        try:
            event: Any = orjson.loads(data)
        except ValueError:
            continue
        if is_object(event):
            found.append(event)
    return found
