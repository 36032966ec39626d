"""One request on its way to a flock, and its answer as it comes.

Owns how an answer is read, how it ends, and how it is ended by another thread than the one that reads it; and whether
anything of the request has left. Refuses to know whose turn it is: `reach.py`, the only caller, gives connections out
and takes them back.
"""

import http.client
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flock.client.door import ABSENT, unreachable, wake
from flock.errors import DaemonUnreachable, FlockError

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

    from flock.client.reach import Reach

# Read from a stream at a time, at most; what is there comes at once, however little
_BLOCK_BYTES = 65_536


class Stream:
    """An answer as it comes: `status`, `headers` (names in lower case) and its lines, each with its line end."""

    def __init__(self, line: "Line", answer: "HTTPResponse") -> None:
        self._line = line
        self._answer = answer
        self._rest = b""  # what has come and was not given out yet
        self.status = answer.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in answer.getheaders()}

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines until the answer ends or is closed. Raises DaemonUnreachable when it breaks off."""
        # what is there, and not line by line: http.client takes 15 µs for a line, and a busy feed has 30,000 a second
        while not self._line.closed and (block := self._line.guarded(self._next)):
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                if self._line.closed:
                    return
                yield line + b"\n"
        if self._rest and not self._line.closed:
            rest, self._rest = self._rest, b""
            yield rest
        self.close()

    def _next(self) -> bytes:
        answer = self._answer
        if answer.chunked or answer.length is None:
            return answer.read1(_BLOCK_BYTES)
        # of a known length: read1 takes an early end for the end, and does not see the end for what it is
        block = answer.read(min(answer.length, _BLOCK_BYTES))
        if not block and answer.length:
            raise http.client.IncompleteRead(b"")
        return block

    def read(self) -> bytes:
        """Return the rest of the answer. Raises DaemonUnreachable when it breaks off."""
        rest = self._rest + self._line.guarded(self._answer.read)
        self.close()
        return rest

    def close(self) -> None:
        """End it; one that was read whole leaves its connection to others. Whoever reads it meanwhile is woken."""
        self._line.leave(self._answer)


class Line:
    """One connection while it carries something."""

    def __init__(self, reach: "Reach", timeout: float, *, streams: bool) -> None:
        self.streams = streams
        self.connection: HTTPConnection | None = None
        self.closed = False
        self.sent = False  # whether anything of a request may have left
        self._reach = reach
        self._timeout = timeout
        self._socket: Any = None
        self._lock = threading.Lock()

    def asked(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str | bytes]) -> "HTTPResponse":
        """Send a request and return its answer's head. Raises OSError and HTTPException."""
        door = self._reach.door
        connection = self.connection or door.connect(self._timeout)
        with self._lock:
            self.connection, self._socket = connection, connection.sock
            closed = self.closed
        if closed:
            door.end(connection)
            raise ConnectionAbortedError("closed")
        # the reading below may empty `connection.sock`, and closing from another thread needs it
        self._socket.settimeout(self._timeout)
        self.sent = True
        connection.request(method, path, body=body, headers=dict(headers))
        return connection.getresponse()

    def guarded(self, read: Any) -> bytes:
        """Read; one that was closed meanwhile is at its end. Raises DaemonUnreachable."""
        try:
            return read()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # the last two are http.client's and ssl's own when the file is closed under them
            if self.closed:
                return b""
            if not isinstance(error, (OSError, http.client.HTTPException)):
                error = ConnectionResetError(str(error))
            raise self.failed(error) from None

    def failed(self, error: Exception) -> FlockError:
        """Close it and return what to tell of its failure."""
        if self.closed:
            return unreachable("the connection was closed", "broken", "")
        failure = self._reach.door.failure(error, self.connection, self._timeout)
        self.close()
        return failure

    def drop(self) -> None:
        """Forget a kept connection that has ended, so that another is opened."""
        connection, self.connection = self.connection, None
        if connection is not None:
            self._reach.door.end(connection)

    def leave(self, answer: "HTTPResponse") -> None:
        """Give the connection back if the answer was read whole, else close it."""
        connection = self.connection
        if connection is None or connection.sock is None or not answer.isclosed():
            self.close()
            return
        with self._lock:
            already, self.closed = self.closed, True
        if not already:
            self._reach.left(self, connection)

    def close(self) -> None:
        """End it, whoever reads it; only the first time does anything."""
        with self._lock:
            already, self.closed = self.closed, True
        if already:
            return
        wake(self._socket)
        if self.connection is not None:
            self._reach.door.end(self.connection)
        self._reach.left(self, None)


def unsent(line: "Line", error: FlockError) -> FlockError:
    """Return the error, which says that nothing was sent where that is so and does not follow from its state."""
    if not line.sent and isinstance(error, DaemonUnreachable) and error.details.get("state") not in ABSENT:
        error.details["sent"] = False
    return error
