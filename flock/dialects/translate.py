"""An answer on its way from an upstream's dialect to the client's: frames → reader → filters → writer.

Owns the order of these steps and what happens where one side streams and the other does not. Pure. A Crossing is made
by `plan.py` for one request; core/inference.py asks it for what fits the answer that really came.

Invariants (tests/unit/dialects/test_translate.py): a stream that breaks never gets a terminal frame; the usage that is
kept is the engine's, whatever a filter tells the client; what is written for one read comes out in one piece.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flock.dialects.filters.filter import Filter
from flock.dialects.fold import Fold, fold, replay
from flock.dialects.half import Addressing, ServerHalf, UpstreamHalf, Writer
from flock.dialects.history import parse_told
from flock.dialects.ir import Began, Broke, Ended, Event, Idle, PartDelta, Reply, Request, Usage, Used
from flock.errors import FlockError, UpstreamError
from flock.plain import is_object

Filters = Callable[[], Sequence[Filter]]


def no_filters() -> Sequence[Filter]:
    """Return the filters of an answer that needs none."""
    return ()


@dataclass(frozen=True, slots=True)
class Crossing:
    """How the answers to one request get from the upstream's dialect to the client's.

    `filters` makes fresh ones for each answer; `reported` changes what the client is told of the usage.
    """

    request: Request
    server: ServerHalf
    upstream: UpstreamHalf
    names: dict[str, str] = field(default_factory=dict[str, str])
    filters: Filters = no_filters
    reported: Callable[[Usage], Usage] | None = None

    def events(self) -> "Events":
        """Return what makes events of the bytes of a stream."""
        return Events(self)

    def tap(self, to: Addressing) -> "TranslationTap":
        """Return what makes the client's frames of the upstream's."""
        return TranslationTap(self.events(), self.server.writer(self.request, to), self.reported)

    def read(self, body: bytes) -> Reply:
        """Return the reply that a whole answer amounts to. Raises UpstreamError for what is no answer."""
        try:
            found: Any = parse_told(body)
        except ValueError:
            found = None
        if not is_object(found):
            raise UpstreamError("the engine's answer is no JSON object", hint="send the request again")
        reply = self.upstream.read_reply(found, self.names)
        filters = self.filters()
        return fold(_filtered(filters, replay(reply))) if filters else reply

    def whole(self, reply: Reply, to: Addressing) -> bytes:
        """Return the body of a whole answer for the client."""
        return self.server.write_reply(self._told(reply), self.request, to)

    def replayed(self, reply: Reply, to: Addressing) -> bytes:
        """Return a whole answer as the frames of a stream."""
        writer = self.server.writer(self.request, to)
        return b"".join([*(writer.write(event) for event in replay(self._told(reply))), writer.close()])

    def told(self, usage: Usage) -> Usage:
        """Return what the client is told of a usage."""
        return usage if self.reported is None else self.reported(usage)

    def _told(self, reply: Reply) -> Reply:
        if self.reported is None or reply.usage is None:
            return reply
        return Reply(reply.id, reply.model, reply.parts, reply.stop, reply.sequence, self.reported(reply.usage))


def _filtered(filters: Sequence[Filter], events: Sequence[Event]) -> list[Event]:
    found = list(events)
    for one in filters:
        found = [out for event in found for out in one.feed(event)]
    return found


class Events:
    """Makes events of the bytes of one stream, and keeps what accounting needs of them."""

    __slots__ = ("_filters", "_frames", "_reader", "_split", "broke", "ended", "first", "tokens", "usage")

    def __init__(self, crossing: Crossing) -> None:
        framing = crossing.upstream.FRAMING
        self._frames, self._split = framing.cutter(), framing.split
        self._reader = crossing.upstream.reader(crossing.names)
        self._filters = crossing.filters()
        self.usage: Usage | None = None
        self.tokens = 0
        self.first = self.ended = False
        self.broke: Broke | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        whole, _ = self._frames.feed(data)
        found: list[Event] = []
        if whole:
            for frame in self._split(whole):
                found += self._reader.read(frame)
        return self._seen(found)

    def close(self) -> list[Event]:
        """Return what the end of the stream completes."""
        found: list[Event] = []
        if rest := self._frames.close():
            found += self._reader.read(rest)
        return self._seen([*found, *self._reader.close()])

    def _seen(self, events: list[Event]) -> list[Event]:
        for event in events:
            match event:
                case PartDelta():
                    self.tokens += 1
                case Used():
                    self.usage = event.usage
                case Ended():
                    self.ended = True
                case Broke():
                    self.broke = event
                case Began():
                    self.usage = event.usage or self.usage
                case _:
                    pass
            if not isinstance(event, Idle):
                self.first = True
        return _filtered(self._filters, events) if self._filters else events


class TranslationTap:
    """A stream in translation, with the manners of a tap: bytes in, the client's frames out."""

    __slots__ = ("_events", "_reported", "_rest", "_writer")

    def __init__(self, events: Events, writer: Writer, reported: Callable[[Usage], Usage] | None) -> None:
        self._events = events
        self._writer = writer
        self._reported = reported
        self._rest = b""

    @property
    def begun(self) -> bool:
        """Whether the first event has been decoded."""
        return self._events.first

    @property
    def events(self) -> int:
        """How many pieces of the answer have come."""
        return self._events.tokens

    @property
    def between_frames(self) -> bool:
        """Always: only whole frames leave a writer."""
        return True

    @property
    def finished(self) -> bool:
        """Whether the upstream said that its answer is over."""
        return self._events.ended and self._events.broke is None

    @property
    def fault(self) -> str | None:
        """None: a failure the upstream reports is not passed on, it becomes the client's dialect's own."""
        return None

    @property
    def failure(self) -> str:
        """The upstream's words when it reported a failure, which the client has not been told of."""
        return (self._events.broke.words or "it reported an error") if self._events.broke is not None else ""

    def feed(self, data: bytes) -> bytes:
        """Return the client's frames for the bytes of one read."""
        return self._write(self._events.feed(data))

    def end(self) -> None:
        """Hear that the upstream's stream has ended: some tell only by that why they do."""
        self._rest += self._write(self._events.close())

    def close(self) -> bytes:
        """Return the frames that end the answer well; called after a good end only."""
        return self._rest + self._writer.close()

    def write_fault(self, error: FlockError) -> bytes:
        """Return the in-stream error that ends the answer, behind what the end of the upstream's stream completed.

        Writers number their frames: those must not be missing.
        """
        rest, self._rest = self._rest, b""
        return rest + self._writer.fault(error)

    def usage(self) -> Usage | None:
        """Return the engine's own usage, None where it told none."""
        return self._events.usage

    def counted(self) -> Usage:
        """Return what flock counted where the engine did not say: a token a piece."""
        return Usage(output=self._events.tokens)

    def _write(self, events: list[Event]) -> bytes:
        if not events:
            return b""
        write = self._writer.write
        if self._reported is not None:
            events = [_retold(event, self._reported) for event in events]
        if len(events) == 1:
            return b"" if isinstance(events[0], Broke) else write(events[0])
        return b"".join([write(event) for event in events if not isinstance(event, Broke)])


def _retold(event: Event, reported: Callable[[Usage], Usage]) -> Event:
    if isinstance(event, Used):
        return Used(reported(event.usage))
    if isinstance(event, Began) and event.usage is not None:
        return Began(event.id, event.model, reported(event.usage))
    return event


class Gathering:
    """A stream collected for a client that wants its answer in one piece."""

    __slots__ = ("_events", "_folding")

    def __init__(self, events: Events) -> None:
        self._events = events
        self._folding = Fold()

    def feed(self, data: bytes) -> None:
        """Take the bytes of one read."""
        for event in self._events.feed(data):
            self._folding.take(event)

    @property
    def begun(self) -> bool:
        """Whether the first event has been decoded."""
        return self._events.first

    @property
    def ended(self) -> bool:
        """Whether the upstream said that its answer is over."""
        return self._events.ended

    def reply(self) -> Reply:
        """Return the whole answer, after the stream's end. Raises UpstreamError when it broke or never ended."""
        for event in self._events.close():
            self._folding.take(event)
        reply = self._folding.reply()
        if reply.usage is None:
            reply.usage = self._events.usage
        return reply

    @property
    def tokens(self) -> int:
        """How many pieces of the answer have come."""
        return self._events.tokens
