"""Events ⇄ Reply: a whole answer is a folded stream, and a stream can be replayed from it.

Pure. A client that wants one piece from a streaming upstream gets a fold, the reverse is a replay, and metering is a
fold nobody sends. `fold(replay(reply)) == reply` is pinned by tests/unit/dialects/test_fold.py.
"""

from collections.abc import Iterable
from dataclasses import replace

from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Idle,
    Part,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from flock.errors import UpstreamError


class Fold:
    """A reply under construction: `take` every event, then `reply`.

    `ended` says whether the terminal event has come; `broke` holds the failure a stream reported.
    """

    __slots__ = ("_id", "_model", "_parts", "_pieces", "_usage", "broke", "ended")

    def __init__(self) -> None:
        self._id = self._model = ""
        self._parts: dict[int, Part] = {}
        self._pieces: dict[int, list[str]] = {}
        self._usage = None
        self.ended: Ended | None = None
        self.broke: Broke | None = None

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case PartDelta():
                if event.text:
                    self._pieces[event.index].append(event.text)
                if event.signature and isinstance(part := self._parts[event.index], Thinking):
                    part.signature += event.signature
            case PartBegan():
                self._parts[event.index] = replace(event.part)
                self._pieces[event.index] = []
            case Began():
                self._id, self._model, self._usage = event.id, event.model, event.usage
            case Used():
                self._usage = event.usage
            case Ended():
                self.ended = event
            case Broke():
                self.broke = event
            case PartEnded() | Idle():
                pass

    def reply(self) -> Reply:
        """Return the whole answer. Raises UpstreamError when the stream broke, or never came to its end."""
        if self.broke is not None:
            raise UpstreamError(f"the engine failed in the middle of its answer: {self.broke.words}")
        if self.ended is None:
            raise UpstreamError("the engine broke off in the middle of its answer", hint="send the request again")
        parts = [self._whole(index) for index in sorted(self._parts)]
        return Reply(self._id, self._model, parts, self.ended.stop, self.ended.sequence, self._usage)

    def _whole(self, index: int) -> Part:
        part, text = self._parts[index], "".join(self._pieces[index])
        match part:
            case Text() | Thinking() | Refusal():
                part.text += text
            case ToolCall():
                part.arguments += text
            case _:
                pass
        return part


def fold(events: Iterable[Event]) -> Reply:
    """Return the reply a stream of events amounts to. Raises UpstreamError when it broke or never ended."""
    folding = Fold()
    for event in events:
        folding.take(event)
    return folding.reply()


def replay(reply: Reply) -> list[Event]:
    """Return events that fold into this reply, one delta a part."""
    events: list[Event] = [Began(reply.id, reply.model, reply.usage)]
    for index, part in enumerate(reply.parts):
        events += _part_events(index, part)
    if reply.usage is not None:
        events.append(Used(reply.usage))
    return [*events, Ended(reply.stop, reply.sequence)]


def _part_events(index: int, part: Part) -> list[Event]:
    inside: list[Event] = []
    match part:
        case Text() | Refusal():
            begun, text = replace(part, text=""), part.text
        case Thinking():
            begun, text = replace(part, text="", signature=""), part.text
        case ToolCall():
            begun, text = replace(part, arguments=""), part.arguments
        case _:
            begun, text = part, ""
    if text:
        inside.append(PartDelta(index, text))
    if isinstance(part, Thinking) and part.signature:
        inside.append(PartDelta(index, signature=part.signature))
    return [PartBegan(index, begun), *inside, PartEnded(index)]
