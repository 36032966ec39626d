"""A streamed answer for a client of this dialect: events in, frames out, in an order that cannot be wrong.

Owns the grammar: one message_start; blocks with dense indexes, each start, delta…, stop before the next begins; one
message_delta with the whole usage; message_stop. Parts of the middle may overlap, blocks may not, so the events of a
later part wait until the open one ends. A block starts with its first words: none is empty. Refuses to end an answer
whose upstream did not, and to say anything behind a fault. Called through `server.py`; the grammar is
tests/grammar/anthropic.py, the laws are in tests/unit/dialects/anthropic/test_writer.py.
"""

import orjson

from flock.dialects.anthropic.answer import call_block, envelope, stopped
from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.faults import stream_fault
from flock.dialects.anthropic.words import write_usage
from flock.dialects.custom_tools import is_custom
from flock.dialects.half import Addressing
from flock.dialects.history import arguments, clean, clean_json
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

_STOP_BLOCK = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
_STOP_MESSAGE = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class MessagesWriter:
    """Spells one answer."""

    __slots__ = (
        "_block",
        "_close_block",
        "_deltas",
        "_details",
        "_ended",
        "_held",
        "_mute",
        "_open",
        "_part",
        "_raw",
        "_refused",
        "_request",
        "_started",
        "_text_head",
        "_to",
        "_tools",
        "_usage",
        "_waiting",
    )

    def __init__(self, request: Request, to: Addressing) -> None:
        self._request, self._to = request, to
        self._started = self._tools = self._refused = False
        self._usage: Usage | None = None
        self._ended: Ended | None = None
        self._details: Json | None = None
        self._deltas = 0
        # the part whose block is open or to be opened, and what is held of it until it ends (a signature, raw input)
        self._open: int | None = None
        self._part: Part = Text("")
        self._held: list[str] = []
        self._raw = self._mute = False  # a custom call's input, which is told at once; a block that takes no text
        self._text_head = b""  # of a delta's frame, up to its text; b"" until the block has started
        self._block = 0  # the index of that block
        self._waiting: dict[int, list[Event]] = {}

    def write(self, event: Event) -> bytes:
        """Return the frames of one event, b"" where it needs none (yet)."""
        if isinstance(event, PartDelta):
            if event.index == self._open:
                return self._delta(event)
            self._wait(event.index, event)
            return b""
        if self._ended is not None and not isinstance(event, Used):
            return b""
        match event:
            case PartBegan():
                if self._open is None:
                    return self._start() + self._begin(event)
                self._waiting[event.index] = [event]
            case PartEnded():
                if event.index == self._open:
                    return self._end() + self._release()
                self._wait(event.index, event)
            case Used():
                self._usage = event.usage
            case Began():
                self._usage = event.usage or self._usage
                return self._start()
            case Ended():
                self._ended = event
                return self._start() + self._rest()
            case _:
                pass
        return b""

    def close(self) -> bytes:
        """Return message_delta and message_stop, b"" for an answer that never came to its end."""
        ended = self._ended
        if ended is None or not self._started:
            return b""
        self._started = False
        usage = self._usage or Usage(input=self._to.input_estimate, output=self._deltas)
        delta: Json = stopped(ended.stop, ended.sequence, tools=self._tools, refused=self._refused)
        if self._details is not None:
            delta["stop_details"] = self._details
        return frame("message_delta", {"delta": delta, "usage": write_usage(usage)}) + _STOP_MESSAGE

    def fault(self, error: FlockError) -> bytes:
        """Return the error event, the last thing the client hears; nothing when it has heard the end."""
        if self._ended is not None and not self._started:
            return b""
        self._ended, self._open, self._started = Ended("stop"), None, False
        self._waiting.clear()
        return stream_fault(error, self._to.id)

    # -- the message

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        usage = self._usage or Usage(input=self._to.input_estimate)
        return frame("message_start", {"message": envelope(self._to, [], usage)})

    def _rest(self) -> bytes:
        """End what is still open: an upstream that says that its answer is over has ended its parts."""
        found = b""
        while self._open is not None:
            found += self._end() + self._release()
        return found

    # -- parts

    def _wait(self, index: int, event: Event) -> None:
        waiting = self._waiting.get(index)
        if waiting is not None:
            waiting.append(event)

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
        part = event.part
        self._open, self._part, self._held, self._text_head = event.index, part, [], b""
        self._raw = self._mute = False
        match part:
            case ToolCall():
                self._tools, self._raw = True, is_custom(self._request, part)
                return self._open_block(call_block(part, event.index, {}), b"input_json_delta", b"partial_json")
            case Opaque() if part.dialect == NAME:
                return self._opaque(part)
            case Thinking() if part.redacted:
                if part.origin != NAME:
                    return b""
                return self._open_block({"type": "redacted_thinking", "data": part.redacted}, b"", b"")
            case Refusal():
                self._refused = True
                self._details = part.meta.get("stop_details")
            case _:
                pass
        return b""

    def _open_block(self, block: Json, kind: bytes, field: bytes) -> bytes:
        self._text_head, self._mute = _DELTA % (self._block, kind, field), not kind
        return frame("content_block_start", {"index": self._block, "content_block": clean_json(block)})

    def _delta(self, event: PartDelta) -> bytes:
        text = event.text
        if event.signature:
            self._held.append(event.signature)
        if not text or self._mute:
            return b""
        if self._raw:
            self._held.append(text)
            return b""
        found = b""
        if not self._text_head:
            found = self._lazy_block(self._part)
            if not found:
                return b""
        self._deltas += 1
        try:
            return found + self._text_head + orjson.dumps(text) + b"}}\n\n"
        except TypeError:
            return found + self._text_head + orjson.dumps(clean(text)) + b"}}\n\n"

    def _lazy_block(self, part: Part) -> bytes:
        """Start the block of a part that has something to say."""
        match part:
            case Thinking() if not part.redacted:
                block = {"type": "thinking", "thinking": "", "signature": ""}
                return self._open_block(block, b"thinking_delta", b"thinking")
            case Text():
                return self._open_block({"type": "text", "text": ""}, b"text_delta", b"text")
            case Refusal() if self._details is None:
                return self._open_block({"type": "text", "text": ""}, b"text_delta", b"text")
            case _:
                return b""

    def _end(self) -> bytes:
        part, found = self._part, b""
        self._open = None
        if isinstance(part, Thinking) and self._held and part.origin == NAME and not part.redacted:
            if not self._text_head:
                found = self._lazy_block(part)
            # once and whole: the SDK keeps the last one, it does not join them
            found += _delta_frame(self._block, "signature_delta", "signature", "".join(self._held))
        elif isinstance(part, ToolCall) and self._raw:
            given, _ = arguments(ToolCall("", part.name, "".join(self._held)), custom=True)
            found = _delta_frame(self._block, "input_json_delta", "partial_json", orjson.dumps(given).decode())
        if not self._text_head:
            return b""
        self._text_head = b""
        self._block += 1
        return found + _STOP_BLOCK % (self._block - 1)

    def _opaque(self, part: Opaque) -> bytes:
        """Start the block of the vendor's own kinds; the input of one comes as a delta, as the SDK takes it."""
        value = part.value
        given = value.get("input")
        if not given:
            return self._open_block(value, b"", b"")
        found = self._open_block({**value, "input": {}}, b"", b"")
        words = orjson.dumps(clean_json(given)).decode()
        return found + _delta_frame(self._block, "input_json_delta", "partial_json", words)


def frame(kind: str, fields: Json) -> bytes:
    """Return one event as a frame."""
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def _delta_frame(block: int, kind: str, field: str, text: str) -> bytes:
    return frame("content_block_delta", {"index": block, "delta": {"type": kind, field: clean(text)}})
