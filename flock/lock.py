"""Advisory locks, which die with their holder: one daemon per home, and one editor of a directory at a time.

The daemon's lock is on a file whose text is the holder's pid; the lock, never the text, decides. Called by
daemon/serve.py, by local/backups.py while a copy is put back, by local/start.py, and by who edits files.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Generator
from pathlib import Path

from flock.errors import Conflict, StorageFailed
from flock.paths import short

# Who only wants to know whether somebody holds the lock has it for microseconds (client/presence.py)
PATIENCE_SECONDS = 0.5
# Who edits a file holds its directory's lock for milliseconds; after this somebody hangs
EDIT_SECONDS = 10.0


@contextlib.contextmanager
def hold(path: Path) -> Generator[None]:
    """Hold the lock while the block runs. Raises Conflict naming the pid of the daemon that has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"cannot open {path}: {error.strerror}", hint="flock doctor") from None
    try:
        if not take(descriptor, PATIENCE_SECONDS):
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise Conflict(f"flock already runs here (pid {holder or 'unknown'})", hint="flock status")
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


def take(descriptor: int, seconds: float) -> bool:
    """Take the lock of an open file or directory; False when somebody else has held it for so long."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
        time.sleep(0.01)


@contextlib.contextmanager
def folder(path: Path) -> Generator[None]:
    """Hold a directory's own lock: two who edit in it take turns, and no lock file is left lying about.

    Raises StorageFailed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        hint = f"mkdir -p {path}" if isinstance(error, FileNotFoundError) else f"ls -ld {path}"
        raise StorageFailed(f"cannot open {short(path)}: {error.strerror}", hint=hint) from None
    try:
        if not take(descriptor, EDIT_SECONDS):
            raise StorageFailed(f"another program holds {short(path)} locked", hint=f"fuser -v {path}")
        yield
    finally:
        os.close(descriptor)
