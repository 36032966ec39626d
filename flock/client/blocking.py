"""One call at a time to the daemon, over its Unix socket, with the standard library only.

Owns the connection and the words for its failures. Refuses to start a daemon or to try twice. Called by the CLI, by
`presence.py` and by what runs in the CLI's process.
"""

import http.client
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from flock.client.calls import decode, encode
from flock.contract.op import Op
from flock.errors import DaemonUnreachable, FlockError, InternalError, NotAllowed
from flock.paths import check_socket, short, system_socket, user_name

Out = TypeVar("Out")

# Longer than any answer the daemon gives at once; long polls and `down` ask for more themselves.
TIMEOUT_SECONDS = 60.0

# Which `details["state"]` of a DaemonUnreachable mean that nobody is there (as opposed to somebody who is silent)
ABSENT = ("absent", "stale")


class Client:
    """Calls of one daemon. `version` is what the daemon last said it was, empty before the first answer. `key` is sent
    along as the API key that a call is about; the private door needs none.
    """

    def __init__(self, socket_path: Path, timeout: float = TIMEOUT_SECONDS, key: str = "") -> None:
        self.socket_path = socket_path
        self.timeout = timeout
        self._key = key
        self.version = ""

    def call(self, op: Op[Out]) -> tuple[Out, bytes]:
        """Carry out an operation in the daemon and return its answer and the bytes it came as.

        Raises the FlockError that the daemon raised; DaemonUnreachable when none answers, with `details["state"]` one
        of absent, stale, silent, broken; NotAllowed when the socket is somebody else's.
        """
        call = encode(op)
        status, body = self.fetch(call.method, call.path, call.body)
        return decode(op, status, body), body

    def fetch(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send one HTTP request and return status and body. Raises DaemonUnreachable, NotAllowed, InternalError."""
        check_socket(self.socket_path)
        connection = _UnixConnection(self.socket_path, self.timeout)
        headers: dict[str, str | bytes] = {"Content-Type": "application/json"} if body is not None else {}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}".encode("utf-8", "surrogateescape")
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            self.version = answer.getheader("X-Flock-Version", self.version)
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error) from None
        finally:
            connection.close()

    def stream(self, op: Op[Any]) -> Iterator[bytes]:
        """Yield the data of each event an operation's feed tells, until the daemon ends it.

        A feed is never silent for long, so `timeout` bounds a daemon that hangs. Raises what `call` raises.
        """
        check_socket(self.socket_path)
        connection = _UnixConnection(self.socket_path, self.timeout)
        call = encode(op)
        try:
            connection.request(call.method, call.path, headers={"Accept": "text/event-stream"})
            answer = connection.getresponse()
            self.version = answer.getheader("X-Flock-Version", self.version)
            if answer.status != 200:
                decode(op, answer.status, answer.read())
            # each event is one line of data; `id:`, comments and blank lines are for readers that come back
            for line in answer:
                if line.startswith(b"data: "):
                    yield line[6:].rstrip(b"\r\n")
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error) from None
        finally:
            connection.close()

    def _failure(self, error: Exception) -> FlockError:
        place = short(self.socket_path)
        # RemoteDisconnected is both a ConnectionResetError and a BadStatusLine
        if isinstance(error, (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)):
            return _unreachable("the daemon closed the connection without an answer", "broken", "flock logs")
        if isinstance(error, http.client.HTTPException):
            return InternalError(f"what answers at {place} does not speak HTTP ({error!r})", hint="flock doctor")
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return _unreachable("flock is not running", "absent", "flock up")
        if isinstance(error, ConnectionRefusedError):
            return _unreachable("flock is not running; it left its socket behind", "stale", "flock up")
        if isinstance(error, PermissionError) and self.socket_path == system_socket():
            return NotAllowed(
                f"{user_name()} may not speak to the flock of this machine: {place} is for its group",
                hint=f"sudo usermod --append --groups flock {shlex.quote(user_name())}",
            )
        if isinstance(error, PermissionError):
            return NotAllowed(
                f"{user_name()} may not connect to the daemon's socket {place}",
                hint="run it as the user who started flock, or set FLOCK_HOME to a directory of your own",
            )
        if isinstance(error, TimeoutError):
            return _unreachable(f"the daemon did not answer within {self.timeout:g} s", "silent", "flock logs")
        return _unreachable(f"cannot reach the daemon at {place}: {error}", "broken", "flock doctor")


def _unreachable(sentence: str, state: str, hint: str) -> DaemonUnreachable:
    details: dict[str, Any] = {"state": state}
    return DaemonUnreachable(sentence, hint=hint, details=details)


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a Unix socket."""

    def __init__(self, socket_path: Path, timeout: float) -> None:
        super().__init__("flock", timeout=timeout)
        self._place = socket_path
        self._limit = timeout

    def connect(self) -> None:
        """Open the socket (http.client calls this when the request is sent)."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._limit)
        self.sock.connect(str(self._place))
