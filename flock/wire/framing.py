"""How a stream is cut into frames: the word for it that readers and the forward path share.

Does no I/O. The framings are `sse.SSE` and `ndjson.NDJSON`; an upstream half of a dialect names its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Cutter(Protocol):
    """Cuts a byte stream into frames; one per stream."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return (all whole frames so far, the unfinished rest, which is kept). Raises UpstreamError if too large."""
        ...

    def close(self) -> bytes:
        """Return what never became a frame."""
        ...


@dataclass(frozen=True, slots=True)
class Framing:
    """A way of framing: its media type (lower case, no parameters), its cutter, and how whole frames are split."""

    media_type: str
    cutter: Callable[[], Cutter]
    split: Callable[[bytes], list[bytes]]
