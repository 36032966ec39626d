"""Streamed answers as clients of the dialect expect them: a JSON object a line, the last one with `done: true`.

Does no I/O. What is the same in every line is spelled once, since a writer runs once per token. Calls come whole, in
one line of their own before the last one, and only when the answer is over: half a call would be run by clients that
take every line as it comes. Reached as `server.writer`.

Invariants (tests/grammar/ollama.py): every line is one object with `model`, `created_at` and `done`; one `done: true`,
which is last and never follows or precedes an error; arguments are objects.
"""

from flock.dialects.half import Addressing, Writer
from flock.dialects.ir import (
    Began,
    Ended,
    Event,
    PartBegan,
    PartDelta,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.dialects.ollama.answer import ending, head, write_calls
from flock.dialects.ollama.faults import stream_fault
from flock.dialects.ollama.words import GENERATED, dumped, of_reply
from flock.errors import FlockError


def writer(request: Request, to: Addressing) -> Writer:
    """Return the writer of one streamed answer."""
    return LineWriter(request, to)


class LineWriter:
    """Spells events as lines."""

    __slots__ = ("_calls", "_ended", "_generated", "_head", "_parts", "_request", "_text", "_thought", "_to", "_usage")

    def __init__(self, request: Request, to: Addressing) -> None:
        self._request, self._to = request, to
        self._generated = request.dialect == GENERATED
        self._head = dumped(head(to))[:-1] + b","
        opening, closing = (
            (b'"response":', b"") if self._generated else (b'"message":{"role":"assistant","content":', b"}")
        )
        tail = closing + b',"done":false}\n'
        self._text = (self._head + opening, tail)
        self._thought = (self._head + opening + b'"","thinking":', tail)
        # by part: what stands before and after a piece of it
        self._parts: dict[int, tuple[bytes, bytes]] = {}
        # by part: a call and its arguments so far
        self._calls: dict[int, tuple[ToolCall, list[str]]] = {}
        self._ended: Ended | None = None
        self._usage: Usage | None = None

    def write(self, event: Event) -> bytes:
        """Return the lines of one event, b"" where it needs none (yet)."""
        match event:
            case PartDelta():
                if not event.text:
                    return b""
                if (around := self._parts.get(event.index)) is not None:
                    return around[0] + dumped(event.text) + around[1]
                if (call := self._calls.get(event.index)) is not None:
                    call[1].append(event.text)
            case PartBegan():
                return self._begin(event)
            case Began():
                self._usage = event.usage or self._usage
            case Used():
                self._usage = event.usage
            case Ended():
                self._ended = event
            case _:
                pass
        return b""

    def close(self) -> bytes:
        """Return the terminal lines, after `Ended` only: the calls, and the object with `done: true`."""
        if self._ended is None:
            return b""
        called = b""
        if self._calls:
            whole = [ToolCall(one.id, one.name, "".join(said), one.meta) for one, said in self._calls.values()]
            message = of_reply(self._generated, tool_calls=write_calls(whole, self._request))
            called = self._line({**message, "done": False})
        return called + self._line({**of_reply(self._generated), **ending(self._ended.stop, self._usage)})

    def fault(self, error: FlockError) -> bytes:
        """Return the in-stream error, the last thing a client hears."""
        return stream_fault(error, self._to.id)

    def _line(self, fields: dict[str, object]) -> bytes:
        return self._head + dumped(fields)[1:] + b"\n"

    def _begin(self, event: PartBegan) -> bytes:
        match event.part:
            case Text(text=text) | Refusal(text=text):
                around = self._text
            case Thinking(text=text):
                around = self._thought
            case ToolCall() as call:
                self._calls[event.index] = (call, [call.arguments] if call.arguments else [])
                return b""
            case _:
                return b""
        self._parts[event.index] = around
        return around[0] + dumped(text) + around[1] if text else b""
