"""Exchange: one request's answer on its way in, whichever connection carries it.

The word that outbound/pool.py (engines, plain HTTP) and outbound/answering.py (vendors, through aiohttp) share. Called
by core/answer.py up to the commit point and by daemon/forward.py after it.
"""

from typing import Protocol


class Sink(Protocol):
    """Who takes a streamed body: `data` once per read of the socket, then `end` with None or the cause."""

    def data(self, chunk: bytes) -> None:
        """Take the body bytes of one socket read."""
        ...

    def end(self, error: Exception | None) -> None:
        """Take the end: None when the message was complete, else why it was not."""
        ...


class Exchange(Protocol):
    """An answer whose head is in. `content_type` and `retry_after` are as the header came, b"" where it did not."""

    @property
    def status(self) -> int:
        """The status of the answer."""
        ...

    @property
    def content_type(self) -> bytes:
        """What the body is, with its parameters."""
        ...

    @property
    def retry_after(self) -> bytes:
        """When to ask again, seconds or a date."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the whole message has come; when a sink's `data` finds it so, `end` follows at once."""
        ...

    @property
    def untouched(self) -> bool:
        """Whether nothing of the answer came over a connection used before: the request may be sent again."""
        ...

    async def body(self) -> bytes:
        """Return the whole body. Raises ConnectionError when the connection ends before it is complete."""
        ...

    async def more(self) -> bytes:
        """Return the next body bytes, b"" at the end. Raises ConnectionError when the connection breaks."""
        ...

    def taken(self) -> bytes:
        """Return and forget the body bytes that came so far."""
        ...

    def stream_to(self, sink: Sink) -> None:
        """Hand the rest of the body to a sink; bytes that came already are not repeated (see `taken`)."""
        ...

    def pause(self) -> None:
        """Stop reading: the client does not keep up."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    def release(self) -> None:
        """Give the connection back; one that is not at a message's end is closed, which makes the other side stop."""
        ...
