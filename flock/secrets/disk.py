"""One private file, read and replaced as a whole.

Owns its modes and its replacement: a reader finds the old file or the new one, whatever dies in between. Refuses links,
files of other users, and anything that is no file; loose modes it tightens, and says so. Never logs what it reads.
Blocking; called by file.py, and by doctor for its mode.
"""

import contextlib
import logging
import os
import secrets as random
import stat
from pathlib import Path

from flock.errors import StorageFailed
from flock.paths import not_ours, private_dir

log = logging.getLogger(__name__)


def read(path: Path) -> bytes | None:
    """Return what a file holds, None when there is none. Raises StorageFailed; NotAllowed for somebody else's file."""
    try:
        # a pipe in its place would hold the reader, a link would lead it to a place that others may read
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise _is_link(path) from None
        raise failed("read", path, error) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise StorageFailed(f"{path} is no file, and secrets are kept in one", hint=f"ls -l '{path}'")
    with os.fdopen(descriptor, "rb") as file:
        if found.st_uid != os.getuid():
            raise not_ours(path, found.st_uid)
        try:
            if (mode := stat.S_IMODE(found.st_mode)) & 0o077:
                os.fchmod(descriptor, 0o600)
                log.warning("%s could be read by others (mode %04o); it is 0600 now", path, mode)
            return file.read()
        except OSError as error:
            raise failed("read", path, error) from None


def replace(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in the place of another, in a directory of mode 0700, and see it onto the disk.

    Raises StorageFailed; the old file then stands unchanged and no draft is left.
    """
    if path.is_symlink():
        raise _is_link(path)
    draft = path.with_name(f".{path.name}.{random.token_hex(8)}")
    try:
        private_dir(path.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise failed("write", path, error) from None
    with contextlib.suppress(OSError):  # some file systems know no such thing
        _sync_directory(path.parent)


def sweep(path: Path) -> None:
    """Remove the drafts that a process killed in `replace` has left; the caller holds the only writer's lock."""
    for draft in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError):
            draft.unlink()


def mode(path: Path) -> str:
    """Return a file's mode as "0600", "" when there is none."""
    try:
        return f"{stat.S_IMODE(os.lstat(path).st_mode):04o}"
    except OSError:
        return ""


def failed(verb: str, path: Path, error: OSError) -> StorageFailed:
    """Return the error that a file could not be read or written."""
    return StorageFailed(f"cannot {verb} {path}: {error.strerror}", hint=f"ls -ld '{path.parent}'")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_link(path: Path) -> StorageFailed:
    return StorageFailed(
        f"{path} is a link, and secrets are kept in a file of their own",
        hint=f"mv \"$(readlink -f '{path}')\" '{path}'",
    )
