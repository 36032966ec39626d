"""The user's configuration file: reading it, and edits that keep every other byte.

Owns the lock between editors, the check of the whole result and the atomic replacement. Knows no schema: the caller
hands in the check. Called by config.py and `flock up`.
"""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from flock import lock
from flock.errors import ConfigInvalid, StorageFailed
from flock.paths import short
from flock.yamltext import Entry, Scalar, entries, with_value, without

Check = Callable[[str, str], None]

# a configuration is a page; this bounds what a wrong path (a model, a log) makes us read
LARGEST_BYTES = 1_000_000

MINIMAL = """\
# flock's configuration. All settings and where each comes from: flock config show
# Edit this file, or let `flock config set KEY VALUE` check the value and keep these comments.
# Changes hold from the next start on: flock down, then flock up.

# Where flock listens. 127.0.0.1 is reached from this machine only; 0.0.0.0:8080 lets others in, with an API key.
listen: 127.0.0.1:8080

# The model that answers when a request names none:
# router:
#   default_model: qwen3-8b
"""


def read(path: Path) -> str:
    """Return the file's text, "" when there is none. Raises StorageFailed or ConfigInvalid (not UTF-8, too large)."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StorageFailed(f"cannot read {short(path)}: {error.strerror}", hint=f"ls -l {path}") from None
    if len(data) > LARGEST_BYTES:
        raise ConfigInvalid(f"{short(path)} is larger than {LARGEST_BYTES:,} bytes", hint="flock config path")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(f"{short(path)}:{line} is not UTF-8 text", hint="flock config edit") from None


def write_minimal(path: Path) -> bool:
    """Write the commented starting file unless one is there; return whether it was written. Raises StorageFailed."""
    with lock.folder(path.resolve().parent):
        if os.path.lexists(path):
            return False
        _replace(path, MINIMAL)
        return True


def set_value(path: Path, key: str, value: Scalar, check: Check) -> None:
    """Write one value; a file that is not there begins as the minimal one.

    `check` gets the old text and the new one and raises to refuse it. Raises StorageFailed, ConfigInvalid; the file
    is then as it was.
    """

    def fits(new: Mapping[str, Entry]) -> bool:
        return key in new and new[key].value == value

    _edit(path, key, lambda text: with_value(text or MINIMAL, key, value), fits, check)


def unset_value(path: Path, key: str, check: Check) -> None:
    """Remove one value; one that is not there is no error. Raises as set_value does."""
    _edit(path, key, lambda text: without(text, key), lambda new: key not in new, check)


def _edit(
    path: Path, key: str, change: Callable[[str], str], fits: Callable[[Mapping[str, Entry]], bool], check: Check
) -> None:
    with lock.folder(path.resolve().parent):
        before = read(path)
        old = entries(before or MINIMAL, short(path))
        after = change(before)
        if after == before and fits(old):
            return
        if not (before or after):
            return
        try:
            new = entries(after, short(path))
            done = fits(new) and _others(old, key) == _others(new, key)
        except ConfigInvalid:
            done = False
        if not done:
            where = f"{short(path)}:{old[key].line}" if key in old else short(path)
            raise ConfigInvalid(
                f"{key} cannot be changed in {where} without touching other lines", hint="flock config edit"
            )
        check(before, after)
        _replace(path, after)


def _others(found: Mapping[str, Entry], key: str) -> dict[str, str]:
    return {name: repr(entry.value) for name, entry in found.items() if name != key and entry.value is not None}


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _replace(path: Path, text: str) -> None:
    """Put the text in the file's place at once or not at all: mode and owner stay, a link still points to it."""
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    draft = ""
    try:
        # made with mode 0600, which a new file keeps
        descriptor, draft = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            with contextlib.suppress(FileNotFoundError):
                known = os.stat(target)
                os.fchmod(descriptor, known.st_mode & 0o7777)
                if (known.st_uid, known.st_gid) != (os.getuid(), os.getgid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(descriptor, known.st_uid, known.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, target)
    except OSError as error:
        if draft:
            with contextlib.suppress(OSError):
                os.unlink(draft)
        raise StorageFailed(
            f"cannot write {short(target)}: {error.strerror}; it is as it was",
            hint=f"df -h {folder}" if error.errno in _NO_ROOM else f"chmod u+rwx {folder}",
        ) from None
