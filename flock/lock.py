"""One daemon per home: an advisory lock on a file that dies with its holder.

The file's text is the holder's pid; the lock, never the text, decides. Called by daemon/serve.py, and by
local/backups.py while a copy is put back.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Generator
from pathlib import Path

from flock.errors import Conflict, StorageFailed

# Who only wants to know whether somebody holds the lock has it for microseconds (client/presence.py)
PATIENCE_SECONDS = 0.5


@contextlib.contextmanager
def hold(path: Path) -> Generator[None]:
    """Hold the lock while the block runs. Raises Conflict naming the pid of the daemon that has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"cannot open {path}: {error.strerror}", hint="flock doctor") from None
    try:
        _take(descriptor)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise StorageFailed(
                f"cannot write {path}: {error.strerror}", hint=f"free some space: df -h {path.parent}"
            ) from None
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                raise Conflict(f"flock already runs here (pid {holder or 'unknown'})", hint="flock status") from None
        time.sleep(0.01)
