"""A streamed answer for a client of this dialect: events in, chunks out, each a GenerateContentResponse of its own.

Owns the order: words and thoughts go out as they come, a call when it is complete, since its arguments are an object
and not text; the finishReason and the usage come once, in the last chunk. Parts of the middle may overlap, so the
events of a later part wait until the open one ends. How chunks are framed is told by `Framed`: `SSE_FRAMES` here, one
JSON array in `array.py`. Refuses to end an answer whose upstream did not, and to say anything behind a fault. Called
through `server.py`; the grammar is tests/grammar/gemini.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from flock.dialects.gemini.answer import call_part, dumped, response, shows_thoughts, text_part, thought_part
from flock.dialects.gemini.faults import write_fault
from flock.dialects.gemini.words import DIALECT
from flock.dialects.half import Addressing
from flock.dialects.ir import (
    Began,
    Ended,
    Event,
    Json,
    Opaque,
    Part,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.errors import FlockError


@dataclass(frozen=True, slots=True)
class Framed:
    """How chunks follow each other: what makes a frame of the first and of a later one, and what stands at the end."""

    first: Callable[[bytes], bytes]
    later: Callable[[bytes], bytes]
    end: bytes = b""


def _sse(chunk: bytes) -> bytes:
    return b"data: " + chunk + b"\n\n"


SSE_FRAMES = Framed(_sse, _sse)


class GeminiWriter:
    """Spells one answer."""

    __slots__ = (
        "_begun",
        "_calls",
        "_deltas",
        "_ended",
        "_framed",
        "_open",
        "_over",
        "_part",
        "_pieces",
        "_request",
        "_shown",
        "_to",
        "_usage",
        "_waiting",
    )

    def __init__(self, request: Request, to: Addressing, framed: Framed = SSE_FRAMES) -> None:
        self._request = request
        self._to = to
        self._framed = framed
        self._shown = shows_thoughts(request)
        self._begun = self._over = False
        self._usage: Usage | None = None
        self._ended: Ended | None = None
        self._deltas = self._calls = 0
        self._open: int | None = None
        self._part: Part = Text("")
        self._pieces: list[str] = []  # of a call's arguments, or of a thought's signature
        self._waiting: dict[int, list[Event]] = {}

    def write(self, event: Event) -> bytes:
        """Return the frames of one event, b"" where it needs none (yet)."""
        if self._over or (self._ended is not None and not isinstance(event, Used)):
            return b""
        match event:
            case PartDelta():
                return self._delta(event) if event.index == self._open else self._wait(event.index, event)
            case PartBegan():
                if self._open is None:
                    return self._begin(event)
                self._waiting[event.index] = [event]
            case PartEnded():
                if event.index == self._open:
                    return self._end() + self._release()
                return self._wait(event.index, event)
            case Used():
                self._usage = event.usage
            case Began():
                self._usage = event.usage or self._usage
            case Ended():
                found = b""
                while self._open is not None:  # an upstream that says that its answer is over has ended its parts
                    found += self._end() + self._release()
                self._ended = event
                return found
            case _:
                pass
        return b""

    def close(self) -> bytes:
        """Return the last chunk, with why the answer ended and what it used; b"" for one that never ended."""
        if self._ended is None or self._over:
            return b""
        usage = self._usage or Usage(input=self._to.input_estimate, output=self._deltas)
        # google-genai takes a turn with a chunk without parts for an invalid one, and forgets it
        last = self._chunk(response(self._to, [{"text": ""}], self._ended.stop, usage))
        self._over = True
        return last + self._framed.end

    def fault(self, error: FlockError) -> bytes:
        """Return the error, the last thing the client hears; nothing when it has heard the end."""
        if self._over:
            return b""
        frame = self._frame(write_fault(error, self._to.id))
        self._over = True
        self._waiting.clear()
        return frame + self._framed.end

    # -- chunks

    def _parts(self, *parts: Json) -> bytes:
        self._deltas += 1
        return self._chunk(response(self._to, [*parts]))

    def _chunk(self, chunk: Json) -> bytes:
        return self._frame(dumped(chunk))

    def _frame(self, chunk: bytes) -> bytes:
        make = self._framed.later if self._begun else self._framed.first
        self._begun = True
        return make(chunk)

    # -- parts

    def _wait(self, index: int, event: Event) -> bytes:
        waiting = self._waiting.get(index)
        if waiting is not None:
            waiting.append(event)
        return b""

    def _release(self) -> bytes:
        """Write what has waited, up to the first part that has not ended."""
        found: list[bytes] = []
        while self._waiting and self._open is None:
            began, *events = self._waiting.pop(next(iter(self._waiting)))
            if isinstance(began, PartBegan):
                found.append(self._begin(began))
            found += [self._delta(event) if isinstance(event, PartDelta) else self._end() for event in events]
        return b"".join(found)

    def _begin(self, event: PartBegan) -> bytes:
        self._open, self._part, self._pieces = event.index, event.part, []
        part = event.part
        return self._parts(part.value) if isinstance(part, Opaque) and part.dialect == DIALECT else b""

    def _delta(self, event: PartDelta) -> bytes:
        part = self._part
        match part:
            case Thinking():
                if event.signature and part.origin == DIALECT:
                    self._pieces.append(event.signature)
                return self._parts(thought_part(event.text, "")) if event.text and self._shown else b""
            case ToolCall():
                self._pieces.append(event.text)
            case Text() | Refusal() if event.text:
                return self._parts(text_part(event.text, {}))
            case _:
                pass
        return b""

    def _end(self) -> bytes:
        part, self._open = self._part, None
        match part:
            case ToolCall():
                self._calls += 1
                call = replace(part, arguments=part.arguments + "".join(self._pieces))
                return self._parts(call_part(call, self._request, self._calls - 1))
            case Thinking() if self._pieces and self._shown:
                return self._parts(thought_part("", "".join(self._pieces)))
            case Text() if signed := text_part("", part.meta):
                return self._parts(signed) if len(signed) > 1 else b""
            case _:
                return b""
