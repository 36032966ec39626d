"""A tool's file on the disk: looked at, kept a copy of, replaced at one stroke, taken away again.

Owns what makes a file one that flock leaves alone: a directory, a device, a link to nothing, more than 5 MB, not UTF-8,
or not to be written by its own mode. Called by edit.py and manifest.py.
"""

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flock.errors import Conflict, StorageFailed
from flock.paths import private_dir, short

# a settings file is a page; a model or a log is not one
LARGEST_BYTES = 5_000_000
# of one file; the newest stay
KEPT_BACKUPS = 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Found:
    """A file's text, "" where there is none; `problem` is a sentence where flock cannot work with it."""

    text: str = ""
    existed: bool = False
    problem: str = ""


def look(path: Path) -> Found:
    """Read a file and see whether it could be written. Never raises."""
    name = short(path)
    try:
        target = Path(os.path.realpath(path))
        try:
            found = os.stat(path)
        except FileNotFoundError:
            if os.path.islink(path):
                return Found(problem=f"{name} is a link to {short(target)}, where there is no file")
            return Found(problem=_shut(target.parent))
        except NotADirectoryError:
            return Found(problem=f"{name} cannot be made: what lies above it is a file and not a directory")
        if stat.S_ISDIR(found.st_mode):
            return Found(problem=f"{name} is a directory, not a file")
        if not stat.S_ISREG(found.st_mode):
            return Found(problem=f"{name} is no ordinary file")
        if found.st_size > LARGEST_BYTES:
            return Found(problem=f"{name} is larger than {LARGEST_BYTES:,} bytes")
        return _read(path, target, found.st_mode)
    except (OSError, ValueError) as error:
        return Found(problem=f"cannot read {name}: {_why(error)}")


def _read(path: Path, target: Path, mode: int) -> Found:
    name = short(path)
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Found(existed=True, problem=f"{name}:{line} is not UTF-8 text")
    # root may write anything; a file without any write bit is meant to stay as it is all the same
    if not (mode & 0o222 and os.access(target, os.W_OK)):
        return Found(text, existed=True, problem=f"{name} is read-only")
    return Found(text, existed=True, problem=_shut(target.parent))


def _shut(folder: Path) -> str:
    """Return why nothing can be put into a directory, "" where it can; one that is missing counts as its parent."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{short(folder)} is a file and not a directory"
    if not (stat.S_IMODE(folder.stat().st_mode) & 0o222 and os.access(folder, os.W_OK | os.X_OK)):
        return f"the directory {short(folder)} is read-only"
    return ""


def _why(error: OSError | ValueError) -> str:
    return (error.strerror or "it fails") if isinstance(error, OSError) else "the path holds a NUL"


def missing_folders(path: Path) -> tuple[Path, ...]:
    """Return the directories above a path that are not there, the outermost first."""
    found: list[Path] = []
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        found.append(folder)
        folder = folder.parent
    return tuple(reversed(found))


def backup_path(backups: Path, path: Path, text: str) -> Path:
    """Return where a copy of a file lies: by its name, place and content, so that one content lies there once."""
    place = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return backups / f"{path.name}.{place}.{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def swap(path: Path, before: Found, text: str | None, backups: Path) -> Path | None:
    """Put a text in a file's place, or with None take the file away; return the copy of what stood there.

    Raises Conflict when the file is no longer what it was, StorageFailed when it cannot be done; it is then as it was.
    """
    now = look(path)
    if now.problem:
        raise StorageFailed(now.problem, hint=f"ls -ld {path}")
    if (now.text, now.existed) != (before.text, before.existed):
        raise Conflict(f"{short(path)} was changed meanwhile; nothing was written", hint="run the command again")
    try:
        copy = _keep(path, before.text, backups) if before.existed else None
        if text is None:
            os.unlink(path)
            _sync(path.parent)
        else:
            _replace(path, text)
    except OSError as error:
        raise StorageFailed(
            f"cannot write {short(error.filename or path)}: {error.strerror}; {short(path)} is as it was",
            hint=f"df -h {path.parent}" if error.errno in _NO_ROOM else f"ls -ld {path.parent}",
        ) from None
    return copy


def _keep(path: Path, text: str, backups: Path) -> Path:
    """Lay a copy aside, 0600, and let go of the oldest ones."""
    private_dir(backups)
    copy = backup_path(backups, path, text)
    write_private(copy, text)
    stem = copy.name.rpartition(".")[0]
    copies = sorted(backups.glob(f"{_literal(stem)}.*"), key=lambda found: found.stat().st_mtime_ns)
    for old in copies[:-KEPT_BACKUPS]:
        old.unlink(missing_ok=True)
    return copy


def _literal(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def write_private(path: Path, text: str) -> None:
    """Write a file of our own at one stroke, 0600, on the disk when this returns. Raises OSError."""
    _draft(path, text, None)


def _replace(path: Path, text: str) -> None:
    """Put the text in the file's place: mode and owner stay, a link still points to it; a new file is 0600."""
    target = Path(os.path.realpath(path))
    # what is made for the file is the user's alone, since the file holds a key
    for folder in missing_folders(target):
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        known = os.stat(target)
    except FileNotFoundError:
        known = None
    _draft(target, text, known)


def _draft(target: Path, text: str, known: os.stat_result | None) -> None:
    descriptor, draft = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)  # made with mode 0600
    try:
        with open(descriptor, "wb") as file:
            if known is not None:
                if (known.st_uid, known.st_gid) != (os.getuid(), os.getgid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(descriptor, known.st_uid, known.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, target)
        _sync(target.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _sync(folder: Path) -> None:
    """Write the directory too: without it a crash may bring the old name back."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some file systems of networks know no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
