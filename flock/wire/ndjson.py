"""Newline-delimited JSON, incremental: bytes in, whole lines out. Ollama's streams are framed so.

Does no I/O. A frame is a line with its line break; blank lines say nothing and are left out.
"""

from flock.errors import UpstreamError
from flock.text import size
from flock.wire.framing import Framing
from flock.wire.sse import FRAME_BYTES


class Lines:
    """Cuts a byte stream into lines. Raises UpstreamError for a line larger than FRAME_BYTES."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return (all whole lines so far, the unfinished rest, which is kept)."""
        data = self._rest + data
        cut = data.rfind(b"\n") + 1
        self._rest = data[cut:]
        if len(self._rest) > FRAME_BYTES:
            raise UpstreamError(f"a line is larger than {size(FRAME_BYTES)}", hint="send the request again")
        return data[:cut], self._rest

    def close(self) -> bytes:
        """Return what never became a line."""
        rest, self._rest = self._rest, b""
        return rest


def split(lines: bytes) -> list[bytes]:
    """Split whole lines into single ones, without the blank ones."""
    return [line + b"\n" for line in lines.split(b"\n") if line.strip()]


NDJSON = Framing("application/x-ndjson", Lines, split)
