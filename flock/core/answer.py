"""An Answer: what the door moves to the client once a request has been committed.

Owns the shape of an answer, whole or a stream with a tap that looks at it. Refuses to read from an upstream before the
commit point (core/commit.py does). Made by core/commit.py and core/inference.py, moved by daemon/forward.py.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from flock.core.record import Record
from flock.dialects.half import Addressing
from flock.dialects.ir import Reply, Usage
from flock.dialects.ollama.usage import is_estimated
from flock.dialects.translate import Crossing
from flock.errors import FlockError
from flock.outbound.exchange import Exchange

# how much of the end of bytes that pass through may hold their usage
TAIL_BYTES = 4096
AGAIN = "send the request again; how the engines are: flock engine ls"
# An engine that has told why it stopped says no more than its usage; one that does not end then is not waited for
END_SECONDS = 3.0
_JSON = "application/json"


class Tap(Protocol):
    """Looks at a stream on its way: what came in goes out of `feed` as the client is to get it."""

    @property
    def between_frames(self) -> bool:
        """Whether what has gone out so far ends with a whole frame."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the upstream said that its answer is over."""
        ...

    @property
    def fault(self) -> str | None:
        """A failure the upstream reported and `feed` has passed on."""
        ...

    @property
    def failure(self) -> str:
        """The words of a failure the upstream reported and `feed` has not passed on, "" for none."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Return what the client gets for the bytes of one read."""
        ...

    def end(self) -> None:
        """Hear that the upstream's stream has ended by itself, before it is asked whether it is finished."""
        ...

    def close(self) -> bytes:
        """Return what is left after a good end."""
        ...

    def usage(self) -> Usage | None:
        """Return the usage the stream told."""
        ...

    def counted(self) -> Usage:
        """Return what flock counted."""
        ...


class Answer:
    """A committed answer. `body` is the whole of a plain one; None means a stream that `tap` looks at.

    `head` are the first bytes for the client, looked at already; `fault` spells an error that ends the stream. A `raw`
    stream is no dialect's: it keeps its Content-Type, and nothing can be said in it, so that it is cut when it fails.
    """

    __slots__ = ("_exchange", "body", "content_type", "fault", "head", "raw", "retry_after", "status", "tap")

    def __init__(
        self,
        exchange: Exchange | None,
        body: bytes | None,
        content_type: str = "",
        *,
        head: bytes = b"",
        tap: Tap | None = None,
        fault: Callable[[FlockError], bytes] | None = None,
        raw: bool = False,
    ) -> None:
        self._exchange = exchange
        self.status = exchange.status if exchange else 200
        self.content_type = content_type or (exchange.content_type.decode("latin-1") if exchange else "") or _JSON
        self.retry_after = exchange.retry_after.decode("latin-1") if exchange else ""
        self.body = body
        self.head = head
        self.tap = tap
        self.fault = fault
        self.raw = raw

    @property
    def exchange(self) -> Exchange:
        """The connection a stream comes over."""
        assert self._exchange is not None
        return self._exchange

    def release(self) -> None:
        """Give the connection back, where there is one."""
        if self._exchange is not None:
            self._exchange.release()


class RawTap:
    """Passes on what is no dialect's: sound, or a transcription's events. Keeps the end of it for its usage."""

    __slots__ = ("_tail", "_usage_of", "finished")

    between_frames = True
    fault = None
    failure = ""

    def __init__(self, usage_of: Callable[[bytes], Usage | None]) -> None:
        self._usage_of = usage_of
        self._tail = b""
        self.finished = False

    def feed(self, data: bytes) -> bytes:
        """Return the bytes as they came."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return data

    def end(self) -> None:
        """Hear that the stream has ended by itself: that is all the end it has."""
        self.finished = True

    def close(self) -> bytes:
        """Return nothing: all has gone out."""
        return b""

    def usage(self) -> Usage | None:
        """Return the usage its end tells."""
        return self._usage_of(self._tail)

    def counted(self) -> Usage:
        """Return nothing counted: what is no text has no tokens."""
        return Usage()


def said(crossing: Crossing, reply: Reply, to: Addressing, *, stream: bool, exchange: Exchange | None = None) -> Answer:
    """Return a whole reply as the answer of a client that asked for a stream, or for one piece."""
    if stream:
        return Answer(exchange, crossing.replayed(reply, to), crossing.server.STREAM_TYPE)
    return Answer(exchange, crossing.whole(reply, to), _JSON)


def addressing(record: Record) -> Addressing:
    """Return what the writers say of an answer: the request's id, and the model by the name the client used."""
    return Addressing(record.id, record.requested or record.model, int(record.at))


def account(record: Record, answer: Answer) -> None:
    """Take the stream's usage into the record; without one, count the events and say that it is an estimate."""
    assert answer.tap is not None
    tap = answer.tap
    told, counted = tap.usage(), tap.counted()
    # what is no text has no tokens that could be counted
    guess = (None, False) if answer.raw else (counted, True)
    record.usage, record.estimated = (told, is_estimated(told)) if told is not None else guess
    if told is not None and not tap.finished and told.output < counted.output:
        # Anthropic's dialect tells the prompt's tokens first, and those of the answer at its end
        record.usage, record.estimated = replace(told, output=counted.output), True
    if not record.outcome:  # the client left; after the terminal event that is a success
        record.outcome = "ok" if tap.finished else "cancelled"
