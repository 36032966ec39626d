"""An answer while it comes: read in a thread, taken from by the screen.

Owns the request's way out and its end. Refuses to draw and to know a conversation. Called by `playground.py`.
"""

import threading
from collections import deque
from collections.abc import Callable

from flock.client import chat
from flock.tui.link import Lines, Reach


class Answering:
    """One request. `read` blocks until it is over and is run in a thread; the rest may be called from any."""

    def __init__(self, reach: Reach, body: bytes, now: Callable[[], float]) -> None:
        self._reach = reach
        self._body = body
        self._now = now
        self._pending: deque[tuple[float, chat.Piece]] = deque()
        self._stream: Lines | None = None
        self._lock = threading.Lock()
        self.stopped = False
        self.began = False
        self.request_id = ""
        self.model = ""

    def read(self) -> None:
        """Send the request and read its answer. Raises its FlockErrors, none once it was stopped."""
        stream = self._reach.send("POST", chat.PATH, self._body)
        with self._lock:
            self._stream = stream
            stopped = self.stopped
        try:
            self.request_id = stream.headers.get("x-flock-request-id", "")
            self.model = stream.headers.get("x-flock-model", "")
            self.began = True
            if stopped:
                return
            if stream.status != 200:
                raise chat.fault(stream.status, stream.read())
            for piece in chat.pieces(stream):
                self._pending.append((self._now(), piece))
        finally:
            stream.close()

    def take(self) -> list[tuple[float, chat.Piece]]:
        """Return what has come since the last time, each piece with the epoch at which it came."""
        pending = self._pending
        return [pending.popleft() for _ in range(len(pending))]

    def stop(self) -> None:
        """End it: the daemon notices that nobody listens any more, and stops the engine."""
        with self._lock:
            self.stopped = True
            if self._stream is not None:
                self._stream.close()
