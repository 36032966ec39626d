"""`flock dial-stdio`: standard input and output joined to this machine's daemon, for a `flock` that comes by ssh.

Owns the two pumps, and the one line of JSON on standard error that the other end reads when nobody is there. Refuses to
read what passes and to load anything that a pump does not need: it runs once for every connection from afar. Called by
`__main__.py` right away, and by `local/dial.py`.
"""

import os
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from flock.errors import FlockError
from flock.paths import check_socket, find_home, system_socket

_BYTES = 1 << 16


def places() -> list[Path]:
    """Return where this machine's daemon may listen: this user's own socket, then the machine's shared one."""
    shared = system_socket()
    return [find_home().socket, *([shared] if shared is not None else [])]


def main() -> int:
    """Join standard input and output to the daemon until one of them ends; return the exit code.

    Where nobody is there, its error stands on standard error as one JSON object, and the exit code is the error's.
    """
    try:
        join(sys.stdin.fileno(), sys.stdout.fileno(), places())
        return 0
    except FlockError as error:
        import json

        sys.stderr.write(json.dumps({"error": error.to_plain()}) + "\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def join(reading: int, writing: int, sockets: Sequence[Path]) -> None:
    """Join two descriptors to the first socket where somebody listens, until one side ends.

    When `reading` ends the daemon is told so and may still finish its answer. Raises DaemonUnreachable, NotAllowed.
    """
    with _opened(sockets) as door:
        threading.Thread(target=_up, args=(reading, door), daemon=True).start()
        try:
            while piece := door.recv(_BYTES):
                left = memoryview(piece)
                while left:
                    left = left[os.write(writing, left) :]
        except (ConnectionError, BrokenPipeError):
            return  # either side has gone, which is how this ends


def _up(reading: int, door: socket.socket) -> None:
    try:
        while piece := os.read(reading, _BYTES):
            door.sendall(piece)
        door.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the daemon has gone, and the other pump hears of it


def _opened(sockets: Sequence[Path]) -> socket.socket:
    for place in sockets:
        check_socket(place)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.connect(str(place))
            return door
        except OSError as error:
            door.close()
            absent = isinstance(error, (FileNotFoundError, NotADirectoryError, ConnectionRefusedError))
            if absent and any(other.exists() for other in sockets[sockets.index(place) + 1 :]):
                continue
            # the words for it are long, and seldom needed
            from flock.client.door import Here

            raise Here([place]).failure(error, None, 0.0) from None
    raise AssertionError("there is always one place")
