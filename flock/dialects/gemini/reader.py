"""The answers of an engine that speaks this dialect: chunks of a stream as events, and a whole one as a reply.

Owns the state of one answer: which part is open, what was used, whether the end has come. Pieces of words that follow
each other are one part; a signature that comes with words or a call stays with them (`signatures.py`). Refuses to raise
in a stream: what cannot be understood, and what the engine itself calls an error, is a Broke. Called by `upstream.py`.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from flock.dialects.gemini.signatures import SIGNATURE, pack
from flock.dialects.gemini.words import BROKEN, DIALECT, STOPS, UNKNOWN_STOP, UNSPECIFIED, read_usage, text_of
from flock.dialects.history import parse_told
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Idle,
    Json,
    Opaque,
    Part,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from flock.plain import is_array, is_object
from flock.wire.sse import data_of


class GeminiReader:
    """Reads the chunks of one answer. `names` maps tool names on the wire to those of the request."""

    __slots__ = ("_began", "_calls", "_ended", "_id", "_names", "_next", "_open")

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._began = self._ended = False
        self._id = ""
        self._next = self._calls = 0
        self._open: Part | None = None  # the part `_next - 1`: words or a thought that may go on

    def read(self, frame: bytes) -> list[Event]:
        """Return the events of one whole frame."""
        data = data_of(frame)
        if not data:
            # an error may come as bare lines of JSON
            data = frame.strip() if frame.lstrip().startswith((b"{", b"[")) else b""
        if not data:
            return [Idle()]
        try:
            chunk: Any = parse_told(data)
        except ValueError:
            return [Broke("the engine sent a chunk that is no JSON")]
        if is_array(chunk) and len(chunk) == 1:
            chunk = chunk[0]
        return self.chunk(chunk) if is_object(chunk) else []

    def chunk(self, chunk: Json) -> list[Event]:
        """Return the events of one response, or chunk of one."""
        if (error := chunk.get("error")) is not None:
            return [_fault(error)]
        found: list[Event] = []
        usage = read_usage(chunk.get("usageMetadata"))
        if not self._began:
            self._began = True
            self._id = text_of(chunk.get("responseId"))
            found.append(Began(self._id, text_of(chunk.get("modelVersion"))))
        candidate = _candidate(chunk)
        if not self._ended:
            found += self._content(candidate)
        if usage is not None:
            found.append(Used(usage))
        return found if self._ended else [*found, *self._end(chunk, candidate)]

    def close(self) -> list[Event]:
        """Return nothing: an answer whose finishReason never came has not ended."""
        return []

    # -- parts

    def _content(self, candidate: Json) -> list[Event]:
        content = candidate.get("content")
        parts: Any = content.get("parts") if is_object(content) else None
        found: list[Event] = []
        for part in parts if is_array(parts) else ():
            if is_object(part):
                found += self._part(part)
        return found

    def _part(self, value: Json) -> list[Event]:
        signature = text_of(value.get(SIGNATURE))
        if is_object(call := value.get("functionCall")):
            return [*self._close(), *self._call(call, signature)]
        if isinstance(text := value.get("text"), str):
            if value.get("thought") is True:
                return self._thought(text, signature)
            return self._text(text, signature)
        if not value or set(value) <= {SIGNATURE, "thought"}:
            return self._text("", signature) if signature else []
        return [*self._close(), *self._whole(Opaque(DIALECT, next(iter(value)), value, whole=True))]

    def _text(self, text: str, signature: str) -> list[Event]:
        if not signature:
            return self._more(Text, Text(""), text) if text else []
        # a signature belongs to the piece that it came with
        signed = Text("", {SIGNATURE: signature})
        return [*self._close(), *self._whole(signed, text)]

    def _thought(self, text: str, signature: str) -> list[Event]:
        if not text and not signature:
            return []
        found = self._more(Thinking, Thinking(origin=DIALECT), text)
        return [*found, PartDelta(self._next - 1, signature=signature), *self._close()] if signature else found

    def _more(self, kind: type[Part], empty: Part, text: str) -> list[Event]:
        """Go on with the open part of a kind, or begin one."""
        found: list[Event] = []
        if not isinstance(self._open, kind):
            found = [*self._close(), PartBegan(self._next, empty)]
            self._open, self._next = empty, self._next + 1
        return [*found, PartDelta(self._next - 1, text)] if text else found

    def _whole(self, part: Part, text: str = "") -> list[Event]:
        at, self._next = self._next, self._next + 1
        return [PartBegan(at, part), *([PartDelta(at, text)] if text else []), PartEnded(at)]

    def _close(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [PartEnded(self._next - 1)]

    def _call(self, call: Json, signature: str) -> list[Event]:
        name, given = text_of(call.get("name")), call.get("args")
        arguments = orjson.dumps(given).decode() if is_object(given) else "{}"
        id = text_of(call.get("id")) or self._made_id(name, arguments)
        self._calls += 1
        return self._whole(ToolCall(pack(id, signature), self._names.get(name, name)), arguments)

    def _made_id(self, name: str, arguments: str) -> str:
        """Return an id for a call that came without one: the same whenever the same answer is read (pitfall 5)."""
        seen = f"{self._id}/{self._calls}/{name}/{arguments}"
        return f"call_{sha256(seen.encode('utf-8', 'replace')).hexdigest()[:16]}"

    # -- the end

    def _end(self, chunk: Json, candidate: Json) -> list[Event]:
        reason = text_of(candidate.get("finishReason"))
        feedback = chunk.get("promptFeedback")
        blocked = text_of(feedback.get("blockReason")) if is_object(feedback) else ""
        if blocked and blocked not in UNSPECIFIED:
            self._ended = True
            words = text_of(feedback.get("blockReasonMessage")) if is_object(feedback) else ""
            if not words:
                return [*self._close(), Ended("content_filter")]
            return [*self._close(), *self._whole(Refusal(""), words), Ended("refusal")]
        if not reason or reason in UNSPECIFIED:
            return []
        words = text_of(candidate.get("finishMessage"))
        if reason in BROKEN:
            return [Broke(f"{BROKEN[reason]} ({reason}){': ' if words else ''}{words}", reason)]
        self._ended = True
        stop = STOPS.get(reason, UNKNOWN_STOP)
        return [*self._close(), Ended("tool_calls" if stop == "stop" and self._calls else stop)]


def _candidate(chunk: Json) -> Json:
    """Return the first candidate: the middle has one answer."""
    candidates = chunk.get("candidates")
    for one in candidates if is_array(candidates) else ():
        if is_object(one) and not one.get("index"):
            return one
    return {}


def _fault(error: Any) -> Broke:
    if not is_object(error):
        return Broke(text_of(error) or "the engine reported an error")
    return Broke(text_of(error.get("message")) or "the engine reported an error", text_of(error.get("status")))
