"""One call at a time to a daemon of this machine, over its Unix socket, with the standard library only.

Refuses to start a daemon, to try twice, to look elsewhere and to keep a connection. Called by `presence.py` and by what
examines and starts this machine's own daemon; feeds, streams and the command line itself go through `reach.py`.
"""

import http.client
from pathlib import Path
from typing import TypeVar

from flock.client.calls import decode, encode
from flock.client.door import ABSENT, Here
from flock.contract.op import Op

__all__ = ["ABSENT", "TIMEOUT_SECONDS", "Client"]

Out = TypeVar("Out")

# Longer than any answer the daemon gives at once; long polls and `down` ask for more themselves.
TIMEOUT_SECONDS = 60.0


class Client:
    """Calls of one daemon. `version` is what the daemon last said it was, empty before the first answer. `key` is sent
    along as the API key that a call is about; the private door needs none.
    """

    def __init__(self, socket_path: Path, timeout: float = TIMEOUT_SECONDS, key: str = "") -> None:
        self.socket_path = socket_path
        self.timeout = timeout
        self._door = Here((socket_path,), key)
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
        headers = {"Content-Type": "application/json", **self._door.headers} if body is not None else self._door.headers
        connection: http.client.HTTPConnection | None = None
        try:
            connection = self._door.connect(self.timeout)
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            self.version = answer.getheader("X-Flock-Version", self.version)
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._door.failure(error, connection, self.timeout) from None
        finally:
            if connection is not None:
                connection.close()
