"""The two halves of a dialect: what every folder below this one provides. Types only.

A server half (`<dialect>/server.py`) is what clients speak to flock, an upstream half (`<dialect>/upstream.py`) what
flock speaks to engines. Halves are modules; these protocols say which functions they have. Pure: bytes and values in,
bytes and values out. Used by `plan.py` and `translate.py`.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from flock.dialects.ask import Ask
from flock.dialects.ir import Event, Reply, Request
from flock.errors import FlockError
from flock.wire.framing import Framing


@dataclass(slots=True)
class Outgoing:
    """A request as an upstream half spells it.

    `path` is the upstream's path, `body` the JSON object to send, `headers` those the dialect needs beside the usual.
    `lost` names what was left out, in the client's words ("top_k", "thinking.display"); `edits` says what was changed
    instead. `names` maps tool names on the wire back to those of the request, where they had to differ.
    """

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict[str, str])
    lost: list[str] = field(default_factory=list[str])
    edits: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Addressing:
    """What a writer says of an answer beside the answer: the request's id, the model by the name the client used, the
    epoch second, and what is estimated of the prompt's tokens before the engine tells (0: nothing).
    """

    id: str
    model: str
    created: int = 0
    input_estimate: int = 0


class Writer(Protocol):
    """Spells a stream of events to a client; one per answer. What it returns are whole frames."""

    def write(self, event: Event) -> bytes:
        """Return the frames of one event, b"" where it needs none (yet)."""
        ...

    def close(self) -> bytes:
        """Return what the end of the upstream's stream completes: the terminal frames, after `Ended` only.

        Whoever drives the writer calls it once, after the last event of an answer that ended well.
        """
        ...

    def fault(self, error: FlockError) -> bytes:
        """Return the in-stream error, the last thing a client hears. No normal end may follow: not `close`."""
        ...


class Reader(Protocol):
    """Understands the stream of an upstream; one per answer."""

    def read(self, frame: bytes) -> list[Event]:
        """Return the events of one whole frame, [] for one that says nothing. Never raises: Broke says it."""
        ...

    def close(self) -> list[Event]:
        """Return what the end of the stream completes: a terminal event a dialect leaves to the end, or nothing."""
        ...


class FaultHalf(Protocol):
    """What the door needs of a dialect when there is no answer: how it spells an error, and how it keeps waiting."""

    @property
    def KEEPALIVE(self) -> bytes:
        """What keeps a client waiting while nothing else can be said; b"" where nothing may be."""
        ...

    @property
    def STREAM_TYPE(self) -> str:
        """The Content-Type of its streams."""
        ...

    def http_status(self, error: FlockError) -> int:
        """Return the HTTP status under which the dialect's clients look for this error."""
        ...

    def write_fault(self, error: FlockError, request_id: str = "") -> bytes:
        """Return the body of an error."""
        ...

    def stream_fault(self, error: FlockError, request_id: str = "") -> bytes:
        """Return an error as the last frames of a stream of which no frame but keep-alives has been sent."""
        ...


class ServerHalf(FaultHalf, Protocol):
    """A dialect as clients speak it."""

    def read_ask(self, raw: bytes, path: str) -> Ask:
        """Parse and check a body. Raises InvalidRequest naming the field that is wrong."""
        ...

    def read_request(self, ask: Ask) -> Request:
        """Return what the client asks for. Raises InvalidRequest, Unsupported."""
        ...

    def features(self, ask: Ask) -> frozenset[str]:
        """Return what the request uses of `profile.FEATURES`: one cheap walk over its body."""
        ...

    def write_reply(self, reply: Reply, request: Request, to: Addressing) -> bytes:
        """Return the body of a whole answer."""
        ...

    def writer(self, request: Request, to: Addressing) -> Writer:
        """Return the writer of one streamed answer."""
        ...


class UpstreamHalf(Protocol):
    """A dialect as engines speak it."""

    @property
    def FRAMING(self) -> Framing:
        """How its streams are framed."""
        ...

    def write_request(self, request: Request, model: str, *, stream: bool) -> Outgoing:
        """Spell a request for a model of the upstream. Raises Unsupported naming a part that has no equivalent."""
        ...

    def read_reply(self, body: dict[str, Any], names: dict[str, str]) -> Reply:
        """Return the reply a whole answer amounts to; `names` as in Outgoing. Raises UpstreamError for no answer."""
        ...

    def reader(self, names: dict[str, str]) -> Reader:
        """Return the reader of one streamed answer."""
        ...
