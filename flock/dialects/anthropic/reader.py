"""The stream of an engine that speaks this dialect, as events.

Owns the state of one answer: which block is which part, what usage has been told so far, whether the end has come.
Refuses to raise: what cannot be understood, and what the engine itself calls an error, is a Broke. Called by
`upstream.py`.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.check import rest_of
from flock.dialects.anthropic.words import STOPS, read_usage
from flock.dialects.history import parse, parse_told
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
from flock.plain import is_object
from flock.wire.sse import data_of


class MessagesReader:
    """Reads the frames of one answer. `names` maps tool names on the wire to those of the request."""

    __slots__ = ("_began", "_block", "_counts", "_ended", "_input", "_names", "_next", "_pieces", "_stop", "_tools")

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._began = self._ended = self._tools = False
        self._next = 0
        self._counts: Json = {}
        self._stop: Json | None = None
        # of the open blocks, by their index on the wire: the part's index and the part, the input its start held, and
        # whether (or, of an opaque one, which) pieces of input have come
        self._block: dict[int, tuple[int, Part]] = {}
        self._input: dict[int, Any] = {}
        self._pieces: dict[int, list[str]] = {}

    def read(self, frame: bytes) -> list[Event]:
        """Return the events of one whole frame."""
        data = data_of(frame)
        if not data:
            return [Idle()]
        try:
            event: Any = parse_told(data)
        except ValueError:
            return [Broke("the engine sent an event that is no JSON")]
        if not is_object(event) or self._ended:
            return []
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event)
            case "content_block_start":
                return self._start(event)
            case "content_block_stop":
                return self._end(_index(event))
            case "message_start":
                return self._begin(event.get("message"))
            case "message_delta":
                return self._message_delta(event)
            case "message_stop":
                return self._finish()
            case "ping":
                return [Idle()]
            case "error":
                return [_fault(event.get("error"))]
            case _:
                return [] if event.get("error") is None else [_fault(event["error"])]

    def close(self) -> list[Event]:
        """Return the end of a stream that told why it stopped and then went without `message_stop`, else nothing."""
        return self._finish() if self._stop is not None and not self._ended and not self._block else []

    def _begin(self, message: Any) -> list[Event]:
        if self._began or not is_object(message):
            return []
        self._began = True
        usage = message.get("usage")
        self._counts = dict(usage) if is_object(usage) else {}
        return [Began(_text(message.get("id")), _text(message.get("model")), read_usage(usage))]

    def _start(self, event: Json) -> list[Event]:
        index, block = _index(event), event.get("content_block")
        if not is_object(block):
            return []
        before = self._end(index) if index in self._block else []
        match block.get("type"):
            case "text":
                return [*before, *self._open(index, Text(""), _text(block.get("text")))]
            case "thinking":
                signature = _text(block.get("signature"))
                opened = self._open(index, Thinking(origin=NAME), _text(block.get("thinking")))
                return [*before, *opened, *([PartDelta(self._next - 1, signature=signature)] if signature else [])]
            case "redacted_thinking":
                return [*before, *self._open(index, Thinking(redacted=_text(block.get("data")), origin=NAME))]
            case "tool_use":
                self._tools = True
                self._input[index] = block.get("input")
                self._pieces[index] = []
                name = _text(block.get("name"))
                hints = rest_of(block, "type", "id", "name", "input")
                call = ToolCall(_text(block.get("id")), self._names.get(name, name), meta=hints)
                return [*before, *self._open(index, call)]
            case kind:
                # told as a whole when it is complete: its input comes in pieces
                self._block[index] = (-1, Opaque(NAME, _text(kind), dict(block)))
                self._pieces[index] = []
                return before

    def _open(self, index: int, part: Part, text: str = "") -> list[Event]:
        self._block[index] = (self._next, part)
        self._next += 1
        began = PartBegan(self._next - 1, part)
        return [began, PartDelta(self._next - 1, text)] if text else [began]

    def _delta(self, event: Json) -> list[Event]:
        index, delta = _index(event), event.get("delta")
        if not is_object(delta):
            return []
        before: list[Event] = []
        if index not in self._block:
            before = self._implied(index, delta)
            if not before:
                return []
        at, part = self._block[index]
        match delta.get("type"):
            case "text_delta" if isinstance(part, Text):
                text = _text(delta.get("text"))
            case "thinking_delta" if isinstance(part, Thinking):
                text = _text(delta.get("thinking"))
            case "signature_delta" if isinstance(part, Thinking):
                signature = _text(delta.get("signature"))
                return [*before, *([PartDelta(at, signature=signature)] if signature else [])]
            case "input_json_delta" if isinstance(part, ToolCall | Opaque):
                text = _text(delta.get("partial_json"))
                if text:
                    self._pieces[index].append(text if isinstance(part, Opaque) else "")
                if isinstance(part, Opaque):
                    return []
            case _:
                return before
        return [*before, PartDelta(at, text)] if text else before

    def _implied(self, index: int, delta: Json) -> list[Event]:
        """Open the part of a delta whose block was never started."""
        match delta.get("type"):
            case "text_delta":
                return self._open(index, Text(""))
            case "thinking_delta":
                return self._open(index, Thinking(origin=NAME))
            case _:
                return []

    def _end(self, index: int) -> list[Event]:
        if index not in self._block:
            return []
        at, part = self._block.pop(index)
        pieces = self._pieces.pop(index, [])
        if isinstance(part, Opaque):
            return self._whole(part, pieces)
        if isinstance(part, ToolCall):
            given = self._input.pop(index, None)
            if not pieces:  # arguments that came in the start, or none: an empty object either way
                return [PartDelta(at, _json(given)), PartEnded(at)]
        return [PartEnded(at)]

    def _whole(self, part: Opaque, pieces: list[str]) -> list[Event]:
        if pieces:
            try:
                part.value["input"] = parse("".join(pieces))
            except ValueError:
                part.value["input"] = {}
        at, self._next = self._next, self._next + 1
        return [PartBegan(at, part), PartEnded(at)]

    def _message_delta(self, event: Json) -> list[Event]:
        found: list[Event] = []
        usage, delta = event.get("usage"), event.get("delta")
        if is_object(usage):
            # cumulative; what is not told again still holds
            self._counts.update({name: value for name, value in usage.items() if value is not None})
            used = read_usage(self._counts)
            found = [Used(used)] if used is not None else []
        if is_object(delta) and ("stop_reason" in delta):
            self._stop = delta
        return found

    def _finish(self) -> list[Event]:
        stop = self._stop or {}
        found: list[Event] = [event for index in list(self._block) for event in self._end(index)]
        found += refusal_of(stop, self._next)
        self._ended = True
        return [*found, ended_by(stop, self._tools)]


def ended_by(stop: Json, tools: bool) -> Ended:
    """Return the terminal event of a `stop_reason` and `stop_sequence`; none told means what the blocks show."""
    reason = stop.get("stop_reason")
    known = STOPS.get(reason) if isinstance(reason, str) else None
    return Ended(known or ("tool_calls" if tools else "stop"), _text(stop.get("stop_sequence")))


def refusal_of(stop: Json, index: int) -> list[Event]:
    """Return the events of the explanation that `stop_details` may hold, as part `index`."""
    details = stop.get("stop_details")
    words = _text(details.get("explanation")) if is_object(details) else ""
    if not words:
        return []
    return [PartBegan(index, Refusal("", {"stop_details": details})), PartDelta(index, words), PartEnded(index)]


def _fault(error: Any) -> Broke:
    if isinstance(error, str):
        return Broke(error)
    fields: Json = error if is_object(error) else {}
    return Broke(_text(fields.get("message")) or "the engine reported an error", _text(fields.get("type")))


def _json(given: Any) -> str:
    return orjson.dumps(given).decode() if is_object(given) else "{}"


def _index(event: Json) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
