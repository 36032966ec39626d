"""A look at a relayed stream of this dialect: what it used, whether it ended, whether it failed. Never an edit.

Owns the finding of usage and end in bytes that pass; the frames are not cut, so that a relay costs what copying costs.
A chunk may hold a picture or a long signature, so the end is looked for as it passes, not in a tail of fixed length.
Has the manners of `MessagesTap` in dialects/anthropic/tap.py. Called by core/answer.py.
"""

import re
from typing import Any

import orjson

from flock.dialects.gemini.words import UNSPECIFIED, read_usage, text_of
from flock.dialects.ir import Json, Usage
from flock.plain import is_array, is_object
from flock.wire.sse import Frames, data_of, split

# with its quotes: inside a string of JSON they would have a backslash before them
_TELLING = re.compile(
    rb'"(?:finishReason|usageMetadata|blockReason)"\s*:'
    rb'|(?:^|\n)(?:data: ?)?\[?\s*\{\s*"error"'  # libraries also know it without "data:"
)
_BLANK_LINES = (b"\n\n", b"\r\n\r\n")


class GeminiTap:
    """Looks at one stream in passing: counts events, finds the usage and the end. `feed` returns what it was given."""

    __slots__ = ("_fault", "_finished", "_frames", "_last", "_usage", "events")

    def __init__(self) -> None:
        self._frames = Frames()
        self._last = b""
        self._usage: Usage | None = None
        self._finished = False
        self._fault: str | None = None
        self.events = 0

    def feed(self, data: bytes) -> bytes:
        """Look at the bytes of one read and return them."""
        if data:
            self._last = (self._last + data)[-4:]
        whole, _ = self._frames.feed(data)
        self._look(whole)
        return data

    def end(self) -> None:
        """Look at what never became a frame: the last blank line may be missing."""
        self._look(self._frames.close())

    def close(self) -> bytes:
        """Return bytes held back: none are."""
        return b""

    @property
    def between_frames(self) -> bool:
        """Whether what `feed` has returned so far ends with a whole frame: only there may another one be put in."""
        return not self._last or self._last.endswith(_BLANK_LINES)

    @property
    def finished(self) -> bool:
        """Whether the stream said that it is over: a clean EOF alone proves nothing."""
        return self._finished and self._fault is None

    @property
    def failure(self) -> str:
        """Nothing: what the upstream reports is passed on as it came."""
        return ""

    @property
    def fault(self) -> str | None:
        """The sentence of an error in the stream; None where there is none."""
        return self._fault

    def usage(self) -> Usage | None:
        """Return the usage the stream told: the last one."""
        return self._usage

    def counted(self) -> Usage:
        """Return what flock counted where the engine did not say: a token a piece."""
        return Usage(output=self.events)

    def _look(self, frames: bytes) -> None:
        if not frames:
            return
        self.events += frames.count(b'"candidates"')
        if _TELLING.search(frames) is None:
            return
        for frame in split(frames):
            try:
                chunk: Any = orjson.loads(data_of(frame) or frame.strip() or b"0")
            except ValueError:
                continue
            if is_array(chunk) and len(chunk) == 1:
                chunk = chunk[0]
            if is_object(chunk):
                self._take(chunk)

    def _take(self, chunk: Json) -> None:
        if (error := chunk.get("error")) is not None:
            words = text_of(error.get("message")) if is_object(error) else text_of(error)
            self._fault = words or "the engine reported an error"
            return
        self._usage = read_usage(chunk.get("usageMetadata")) or self._usage
        candidates, feedback = chunk.get("candidates"), chunk.get("promptFeedback")
        told = [one for one in candidates if is_object(one)] if is_array(candidates) else []
        reasons = [text_of(one.get("finishReason")) for one in told]
        if is_object(feedback):
            reasons.append(text_of(feedback.get("blockReason")))
        for reason in reasons:
            if reason and reason not in UNSPECIFIED:
                self._finished = True
