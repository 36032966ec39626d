"""The writer: events of an answer → the frames of a Responses stream, in the one order that every client accepts.

Owns the numbers (`sequence_number` from 0, dense `output_index`), one open item at a time, and the end: exactly one of
response.completed, response.incomplete and response.failed, the first two from `close` alone. Parts that overlap wait
for the open one. Refuses to end an answer that did not end. Made by server.py for each answer; the grammar it keeps is
checked frame by frame in tests/grammar/responses.py.
"""

import orjson

from flock.dialects.half import Addressing
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
    Request,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.dialects.responses.body import ResponseObject
from flock.dialects.responses.output import CallItem, Frame, Item, KeptItem, MessageItem, ReasoningItem, SearchItem
from flock.dialects.responses.search import SEARCH
from flock.dialects.responses.words import DIALECT, INCOMPLETE, failure_code, failure_message
from flock.errors import FlockError, UpstreamError

# what stands for the model's own words where an upstream only said that it refused
_REFUSED = "The model refused to answer."


class ResponsesWriter:
    """Spells one answer. `write` every event; then `close`, or `fault` and nothing more."""

    __slots__ = (
        *("_about", "_begun", "_ended", "_item", "_items", "_open", "_part", "_refused", "_request"),
        *("_sequence", "_shown", "_usage", "_waiting"),
    )

    def __init__(self, request: Request, to: Addressing) -> None:
        self._request = request
        self._about = ResponseObject(request, to)
        self._sequence = 0
        self._begun = False
        self._items: list[Json] = []
        self._item: Item | None = None  # the item whose output_item.done is still to come
        self._part: Part | None = None  # the part that is open
        self._open = -1  # its index in the middle
        self._shown = False  # whether the client has seen it begin
        self._waiting: dict[int, list[Event]] = {}
        self._refused = False
        self._usage: Usage | None = None
        self._ended: Ended | None = None

    def write(self, event: Event) -> bytes:
        """Return the frames of one event, b"" where it needs none (yet)."""
        match event:
            case PartDelta():
                return self._delta(event)
            case PartBegan():
                if self._part is not None or self._waiting:
                    self._waiting[event.index] = [event]
                    return self._begin()
                return self._begin() + self._start(event)
            case PartEnded():
                return self._end(event)
            case Used():
                self._usage = event.usage
            case Began():
                self._usage = event.usage or self._usage
                return self._begin()
            case Ended():
                return self._begin() + self._finish(event)
            case Broke() | Idle():
                pass
        return b""

    def close(self) -> bytes:
        """Return the frame that ends the answer; for one that never ended, the failure that this is."""
        if self._ended is None:
            return self.fault(UpstreamError("the engine broke off in the middle of its answer"))
        response = self.response()
        return self._frame((f"response.{response['status']}", {"response": response}))

    def fault(self, error: FlockError) -> bytes:
        """Return `response.failed`, behind `response.created` if nothing was sent yet."""
        code, message = failure_code(error), failure_message(error)
        created = self._begin()
        failed = self._about.fields("failed", self._items, self._usage, error={"code": code, "message": message})
        return created + self._frame(("response.failed", {"response": failed}))

    def response(self) -> Json:
        """Return the response object of an answer that has ended."""
        ended = self._ended
        reason = "" if ended is None else INCOMPLETE.get(ended.stop, "")
        return self._about.fields("incomplete" if reason else "completed", self._items, self._usage, reason=reason)

    # -- frames

    def _frame(self, frame: Frame) -> bytes:
        kind, fields = frame
        data = orjson.dumps({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def _frames(self, frames: list[Frame]) -> bytes:
        return b"".join([self._frame(frame) for frame in frames])

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        response = {"response": self._about.fields("in_progress", [])}
        return self._frame(("response.created", response)) + self._frame(("response.in_progress", response))

    # -- parts

    def _delta(self, event: PartDelta) -> bytes:
        if event.index != self._open:
            if event.index in self._waiting:
                self._waiting[event.index].append(event)
            return b""
        out = b""
        if event.signature and isinstance(self._part, Thinking) and self._part.origin == DIALECT:
            out = self._appear()
            assert isinstance(self._item, ReasoningItem)
            self._item.sign(event.signature)
        if not event.text:
            return out
        if not self._shown:
            out += self._appear()
        item = self._item
        if item is None or not self._shown:
            return out
        if isinstance(item, ReasoningItem) and not item.head:
            out += self._frames(item.opened())
        item.take(event.text)
        if not item.head:  # an item without deltas
            return out
        number = self._sequence
        self._sequence = number + 1
        return out + b'%b%b,"sequence_number":%d}\n\n' % (item.head, orjson.dumps(event.text), number)

    def _start(self, event: PartBegan) -> bytes:
        """Begin a part. Words and thinking appear with the first of them: an empty one never does."""
        self._open, self._part, self._shown = event.index, event.part, False
        return self._appear() if isinstance(event.part, ToolCall | Opaque) else b""

    def _appear(self) -> bytes:
        """Return the frames with which the open part appears, in the open item if it belongs there."""
        part, item = self._part, self._item
        if self._shown or part is None or (isinstance(part, Opaque) and part.dialect != DIALECT):
            return b""
        self._shown = True
        self._refused = self._refused or isinstance(part, Refusal)
        if item is not None and item.takes(part):
            return self._frames(item.open(part))
        out = self._done("completed")
        made = self._made(part)
        self._item = made
        return out + self._frames(made.begin()) + self._frames(made.open(part))

    def _made(self, part: Part) -> Item:
        stem, index = self._about.stem, len(self._items)
        match part:
            case Thinking():
                return ReasoningItem(stem, index, part)
            case ToolCall():
                tool = self._request.tool(part.name)
                if tool is not None and SEARCH in tool.meta:
                    return SearchItem(stem, index, part)
                return CallItem(stem, index, part, tool)
            case Opaque():
                return KeptItem(index, part.value)
            case _:
                return MessageItem(stem, index, part)

    def _shut(self) -> bytes:
        """End the open part. Its item stays open: the next part may belong to it, or its status be told by the end."""
        shown = self._item is not None and self._shown
        out = self._frames(self._item.shut()) if self._item is not None and shown else b""
        self._open, self._part, self._shown = -1, None, False
        return out

    def _done(self, status: str) -> bytes:
        item = self._item
        if item is None:
            return b""
        whole, index = item.whole(status), len(self._items)
        self._items.append(whole)
        self._item = None
        return self._frame(("response.output_item.done", {"output_index": index, "item": whole}))

    def _end(self, event: PartEnded) -> bytes:
        if event.index != self._open:
            if event.index in self._waiting:
                self._waiting[event.index].append(event)
            return b""
        return self._shut() + self._drain()

    def _drain(self) -> bytes:
        """Let waiting parts follow until one of them is open."""
        out = b""
        while self._waiting and self._part is None:
            for event in self._waiting.pop(next(iter(self._waiting))):
                if isinstance(event, PartBegan):
                    out += self._start(event)
                elif isinstance(event, PartDelta):
                    out += self._delta(event)
                else:
                    out += self._shut()
        return out

    def _finish(self, ended: Ended) -> bytes:
        out = b""
        while self._part is not None or self._waiting:
            out += self._shut() + self._drain()
        if ended.stop == "refusal" and not self._refused:
            out += self._start(PartBegan(0, Refusal(""))) + self._delta(PartDelta(0, _REFUSED)) + self._shut()
        out += self._done("incomplete" if ended.stop in INCOMPLETE else "completed")
        self._ended = ended
        return out
