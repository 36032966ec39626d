"""Server-sent events, incremental: bytes in, whole frames out (WHATWG HTML, 9.2).

Does no I/O. Frames are kept as bytes: a relay must not decode what it passes on.
"""

from flock.errors import UpstreamError
from flock.text import size
from flock.wire.framing import Framing

KEEPALIVE = b": keep-alive\n\n"
# A frame holds a whole answer at most, with pictures in it; what never ends must not fill the memory.
FRAME_BYTES = 32 * 2**20


class Frames:
    """Cuts a byte stream into frames; a frame ends with a blank line ("\\n\\n" or "\\r\\n\\r\\n").

    Raises UpstreamError for a frame larger than FRAME_BYTES.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return (all whole frames so far with their blank lines, nothing else) and keep the rest.

        The second value is the unfinished rest, for callers that only look.
        """
        if self._rest:
            data = self._rest + data
        if data.endswith(b"\n\n"):  # nearly every read of a stream as it is made
            self._rest = b""
            return data, b""
        cut = data.rfind(b"\n\n") + 2
        crlf = data.rfind(b"\r\n\r\n") + 4
        cut = max(cut if cut > 1 else 0, crlf if crlf > 3 else 0)
        self._rest = data[cut:]
        if len(self._rest) > FRAME_BYTES:
            raise UpstreamError(f"a frame is larger than {size(FRAME_BYTES)}", hint="send the request again")
        return data[:cut], self._rest

    def close(self) -> bytes:
        """Return what never became a frame."""
        rest, self._rest = self._rest, b""
        return rest


def split(frames: bytes) -> list[bytes]:
    """Split whole frames into single ones, each with its blank line."""
    if len(frames) > 2 and frames.find(b"\n\n") == len(frames) - 2 and b"\r" not in frames:  # one, as nearly always
        return [frames]
    if b"\r\n\r\n" in frames:
        frames = frames.replace(b"\r\n", b"\n")
    return [f + b"\n\n" for f in frames.split(b"\n\n") if f]


def data_of(frame: bytes) -> bytes:
    """Return the data of one frame, its `data:` lines joined by newlines; b"" for a comment or an empty frame."""
    lines = [line[5:].removeprefix(b" ") for line in frame.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)


def event_of(frame: bytes) -> bytes:
    """Return the frame's event name, b"" when it has none."""
    for line in frame.splitlines():
        if line.startswith(b"event:"):
            return line[6:].strip()
    return b""


SSE = Framing("text/event-stream", Frames, split)
