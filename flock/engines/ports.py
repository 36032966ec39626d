"""Ports for the engines flock starts.

Owns which of them are in use by children of ours. Refuses to promise: between the look and the engine's own bind
somebody else may come first, so supervisor.py asks again when an engine says that its port was taken.
"""

import socket
import sys
from collections.abc import Callable

from flock.errors import EngineFailed

# llama.cpp's range; nobody else's default lies in it
FIRST_PORT = 8089
_RANGE = 400


def is_free(port: int) -> bool:
    """Return whether nothing listens on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform.startswith("linux"):
            # connections of an engine that just ended linger in TIME_WAIT; elsewhere this option means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """Gives out ports; `free` is the test that a port must pass. `first` is the first of them, 0 for that of whoever
    asks.
    """

    def __init__(self, first: int = 0, free: Callable[[int], bool] = is_free) -> None:
        self._first = first
        self._free = free
        self._taken: set[int] = set()

    def take(self, above: int = 0, first: int = FIRST_PORT) -> int:
        """Return a free port larger than `above`, from `first` up. Raises EngineFailed when all of them are taken."""
        lowest = self._first or first
        start = max(lowest, above + 1)
        for port in range(start, lowest + _RANGE):
            if port not in self._taken and self._free(port):
                self._taken.add(port)
                return port
        raise EngineFailed(
            f"no free port for an engine between {start} and {lowest + _RANGE - 1}", hint="flock engine ls"
        )

    def claim(self, port: int) -> None:
        """Note that an engine which runs already has a port."""
        self._taken.add(port)

    def release(self, port: int) -> None:
        """Take a port back."""
        self._taken.discard(port)
