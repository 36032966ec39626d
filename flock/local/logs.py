"""`flock logs`: the last lines of the daemon's log, and the lines that follow.

Owns reading the log from its end and going on when it is rotated. Refuses to interpret it. Called through
`operations.run`, by the CLI (`follow`) and by whoever quotes the log in an error (`tail`).
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from flock.contract.lifecycle import LogLine, ShowLogs
from flock.errors import StorageFailed, UsageError
from flock.local.operations import Here, handles
from flock.paths import Home, short

# Read backwards in steps of this many bytes; fifty lines fit into one.
_BLOCK = 64 * 1024
# A line longer than this is cut where it stands: nobody reads it, and a log of one line must not fill the memory.
_LONGEST = 1024 * 1024
# How often a followed log is looked at; there is no portable way to be told.
_LOOK_SECONDS = 0.2


@handles(ShowLogs)
def show_logs(op: ShowLogs, here: Here) -> list[LogLine]:
    """Return the last lines of the daemon's log. Raises UsageError for a negative count, StorageFailed."""
    if op.lines < 0:
        raise UsageError(f"--lines must not be negative, and {op.lines} is", hint="flock logs --lines 50")
    return [LogLine(line) for line in tail(here.home.log_file, op.lines)]


def tail(file: Path, count: int, since: int = 0) -> list[str]:
    """Return up to `count` last lines of `file` without line ends, none from before the offset `since`.

    A file that is not there has no lines. Raises StorageFailed when it cannot be read.
    """
    if count <= 0:
        return []
    try:
        with file.open("rb") as log:
            return _last(log, count, since)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(file, error) from None


def _last(log: BinaryIO, count: int, since: int) -> list[str]:
    place, blocks, ends = log.seek(0, os.SEEK_END), list[bytes](), 0
    # one line end more than lines: the first block may begin in the middle of one
    while place > since and ends <= count:
        start = max(since, place - _BLOCK)
        log.seek(start)
        blocks.append(log.read(place - start))
        ends += blocks[-1].count(b"\n")
        place = start
    found = b"".join(reversed(blocks))
    return [_text(line) for line in found.removesuffix(b"\n").split(b"\n")[-count:]] if found else []


def follow(home: Home, lines: int) -> Iterator[str]:
    """Yield the last `lines` of the log and then, for ever, each line as it is completed.

    Goes on through a rotation (a new file under the name, or the same one emptied) and waits for a log that is not
    there yet. Raises StorageFailed when the log cannot be read.
    """
    file, rest = home.log_file, b""
    log = _open(file)
    try:
        if log is not None:
            yield from _last_complete(log, lines)
        while True:
            # looked at before reading: what the old file received until now is read below
            replaced = _is_replaced(file, log)
            while log is not None and (block := log.read(_BLOCK)):
                *complete, rest = (rest + block).split(b"\n")
                yield from map(_text, complete)
                rest = rest[:_LONGEST]
            if not replaced:
                time.sleep(_LOOK_SECONDS)
                continue
            if log is not None:
                log.close()
            log, rest = _open(file), b""
    finally:
        if log is not None:
            log.close()


def _last_complete(log: BinaryIO, lines: int) -> list[str]:
    """Return the last lines that are complete and leave the file behind them: what follows is read as it grows."""
    end = log.seek(0, os.SEEK_END)
    back = max(0, end - _LONGEST)
    log.seek(back)
    unfinished = len(log.read(end - back).rpartition(b"\n")[2])
    found = _last(log, lines + (1 if unfinished else 0), 0) if lines > 0 else []
    log.seek(end - unfinished)
    return found[:-1] if unfinished and found else found


def _is_replaced(file: Path, log: BinaryIO | None) -> bool:
    try:
        now = file.stat()
    except OSError:
        return False
    if log is None:
        return True
    then = os.fstat(log.fileno())
    return (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino) or now.st_size < log.tell()


def _open(file: Path) -> BinaryIO | None:
    try:
        return file.open("rb")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(file, error) from None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def _unreadable(file: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"cannot read the log {short(file)}: {error.strerror}", hint=f"chmod u+r {short(file)}, or flock doctor"
    )
