"""A door of a daemon as its clients see it, and the one of this machine: a Unix socket.

Owns what a door has to offer (`Door`), the words for a daemon that is not there, and how a socket is woken that
somebody else reads. Refuses to know what is sent. Used by `blocking.py` and `reach.py`; `ssh.py` and `web.py` are the
doors of other machines.
"""

import contextlib
import http.client
import shlex
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from flock.errors import DaemonUnreachable, FlockError, InternalError, NotAllowed
from flock.paths import check_socket, short, system_socket, user_name

# Which `details["state"]` of a DaemonUnreachable mean that nobody is there (as opposed to somebody who is silent)
ABSENT = ("absent", "stale")

Kind = Literal["here", "ssh", "http"]


class Door(Protocol):
    """A way to one daemon.

    `name` is what people read and `host` what `--host` takes, "" for this machine; `most` bounds the connections at a
    time, 0 where nothing does; `headers` go with every request, `prefix` before every path.
    """

    name: str
    host: str
    kind: Kind
    most: int
    headers: Mapping[str, str | bytes]
    prefix: str
    asks: bool

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Return an open connection whose reads and writes take at most `timeout` seconds each.

        Raises FlockErrors, and OSError for what `failure` has words for.
        """
        ...

    def end(self, connection: http.client.HTTPConnection) -> None:
        """Give up a connection and all that stands behind it."""
        ...

    def shut(self) -> None:
        """End all that was begun, also what is still being opened."""
        ...

    def failure(self, error: Exception, connection: http.client.HTTPConnection | None, timeout: float) -> FlockError:
        """Return what to tell of a connection that failed with an OSError or an HTTPException."""
        ...

    def refused(self, error: FlockError) -> FlockError:
        """Return an error of the daemon with what this door knows beside it (where a wrong key is from)."""
        ...


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a socket that is open already."""

    def __init__(self, opened: socket.socket, timeout: float) -> None:
        super().__init__("flock", timeout=timeout)
        opened.settimeout(timeout)
        self.sock = opened

    def connect(self) -> None:
        """Refuse: one that has been closed stays so, or a request would be sent twice."""
        raise ConnectionResetError("the connection is closed")


class Here:
    """The private door of this machine: the first of `places` where somebody listens."""

    name = host = ""
    kind: Kind = "here"
    most = 0
    prefix = ""
    asks = False

    def __init__(self, places: Sequence[Path], key: str = "") -> None:
        self._places = tuple(places)
        self._place = self._places[0]
        self.headers: Mapping[str, str | bytes] = bearer(key)

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Open the socket. Raises NotAllowed for a place of somebody else's, OSError for `failure`."""
        for place in self._places:
            self._place = place
            check_socket(place)
            opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                opened.settimeout(timeout)
                opened.connect(str(place))
            except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
                opened.close()
                # a user without a flock of their own may have one of the whole machine
                following = self._places[self._places.index(place) + 1 :]
                if not any(other.exists() for other in following):
                    raise
            except BaseException:
                opened.close()
                raise
            else:
                return UnixConnection(opened, timeout)
        raise FileNotFoundError

    def end(self, connection: http.client.HTTPConnection) -> None:
        """Close the socket."""
        connection.close()

    def shut(self) -> None:
        """Do nothing: opening a socket takes no time."""

    def refused(self, error: FlockError) -> FlockError:
        """Return the error as it is: nobody shows a key here."""
        return error

    def failure(self, error: Exception, connection: http.client.HTTPConnection | None, timeout: float) -> FlockError:
        """Return what to tell of a socket that failed: `details["state"]` is absent, stale, silent or broken."""
        place = short(self._place)
        # RemoteDisconnected is both a ConnectionResetError and a BadStatusLine
        if isinstance(error, (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)):
            return unreachable("the daemon closed the connection without an answer", "broken", "flock logs")
        if isinstance(error, http.client.HTTPException):
            return InternalError(f"what answers at {place} does not speak HTTP ({error!r})", hint="flock doctor")
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return unreachable("flock is not running", "absent", "flock up")
        if isinstance(error, ConnectionRefusedError):
            return unreachable("flock is not running; it left its socket behind", "stale", "flock up")
        if isinstance(error, PermissionError) and self._place == system_socket():
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
            return unreachable(f"the daemon did not answer within {timeout:g} s", "silent", "flock logs")
        return unreachable(f"cannot reach the daemon at {place}: {error}", "broken", "flock doctor")


def unreachable(sentence: str, state: str, hint: str) -> DaemonUnreachable:
    """Return the error for a daemon that cannot be reached; `state` is absent, stale, silent or broken."""
    details: dict[str, Any] = {"state": state}
    return DaemonUnreachable(sentence, hint=hint, details=details)


def bearer(key: str) -> dict[str, str | bytes]:
    """Return the header that carries an API key, none for ""; a key that is not ASCII goes as its bytes."""
    return {"Authorization": f"Bearer {key}".encode("utf-8", "surrogateescape")} if key else {}


def wake(opened: socket.socket | None) -> None:
    """End a socket's reading and writing, so that who waits in it hears of it; TLS says no goodbye."""
    if opened is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(opened, socket.SHUT_RDWR)
