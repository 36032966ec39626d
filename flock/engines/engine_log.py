"""The log file of one engine: what it says on standard output and standard error.

Owns the files under home.engine_logs and their size. The child writes into the file itself, not into a pipe of the
daemon's: engines say ten lines per request, which would cost the daemon a wake-up each, and a pipe breaks when the
daemon dies. One start's lines follow those of the start before, so that what an engine said before it was started
again is still there. Refuses to fail: an engine without a log is better than no engine. Called by process.py,
supervisor.py and registry.py.
"""

import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from flock.errors import FlockError
from flock.paths import Home, private_dir

log = logging.getLogger(__name__)

# What people may ask for (features.md row 259), and the tail that goes into errors.
LINES_KEPT = 2000
LINES_OF_AN_END = 200
# A line of an engine is about 100 bytes; 500 is what llama.cpp's longest of a request have.
_TAIL_BYTES = 500 * LINES_KEPT
_ERROR = re.compile(r"^[\d.]+ E +")
# About 4,000 requests' worth of llama.cpp's lines, twice (the file and the one before it).
SIZE_MAX = 4 * 2**20


def log_path(home: Home, name: str) -> Path:
    """Return the file of the engine called `name` ("embedded:flock-smoke" → engines/embedded-flock-smoke.log)."""
    return home.engine_logs / f"{name.replace(':', '-').replace('/', '-')}.log"


def open_log(home: Home, name: str, headline: str = "") -> tuple[int, int]:
    """Return a descriptor to write a start's output to, 0600, and where in the file that begins; /dev/null when there
    can be no file. `headline` is written first.
    """
    path = log_path(home, name)
    try:
        private_dir(home.logs)
        private_dir(home.engine_logs)
        # O_APPEND, so that trim() can cut the file under a running writer
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(descriptor, f"{headline}\n".encode() if headline else b"")
        return descriptor, os.fstat(descriptor).st_size
    except (OSError, FlockError) as error:
        log.warning("%s: its log %s cannot be written: %s", name, path, error)
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), 0


def last_lines(path: Path, count: int = LINES_OF_AN_END, after: int = 0) -> tuple[str, ...]:
    """Return the last lines of a log, of those behind the byte `after`; () where there is none."""
    return tuple(_lines(read_after(path, after)[0]))[-count:]


def read_after(path: Path, after: int) -> tuple[bytes, int]:
    """Return what a log says behind the byte `after`, at most its last megabyte, and the byte where that ends.

    A file that has become shorter was cut (`trim`): it is read from its beginning. Blocking, for a thread.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            start = after if after <= end else 0
            file.seek(max(start, end - _TAIL_BYTES))
            return file.read(_TAIL_BYTES), file.tell()
    except OSError:
        return b"", 0


def kept_lines(path: Path, count: int, grep: str, after: int) -> tuple[tuple[str, ...], int]:
    """Return the last `count` lines that hold the words `grep` in any case, and the byte they end at.

    Of the last 2,000 when `after` is negative, else of those that came behind that byte. A line that is still being
    written is left for later. Blocking, for a thread.
    """
    data, end = read_after(path, max(after, 0))
    whole = data.rfind(b"\n") + 1
    lines = _lines(data[:whole])
    if after < 0 and len(lines) < LINES_KEPT:
        lines = _lines(read_after(path.with_suffix(".log.1"), 0)[0]) + lines
    wanted = tuple(line for line in lines[-LINES_KEPT:] if grep.lower() in line.lower())
    return wanted[-count:] if count > 0 else (), end - (len(data) - whole)


def _lines(data: bytes) -> list[str]:
    # bars are redrawn on one line with carriage returns, which splitlines() takes for ends of lines
    return [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]


class Progress:
    """How far a load is, by the lines an engine writes while it loads, and by the part of a line it has not finished:
    llama.cpp writes dots one by one.
    """

    def __init__(self, path: Path, after: int, of_line: Callable[[str], float | None]) -> None:
        self._path = path
        self._after = after
        self._of_line = of_line

    def read(self) -> float | None:
        """Return how far the load is (0…1) by what came since the last call, None for no news. Blocking."""
        data, end = read_after(self._path, self._after)
        self._after = end - (len(data) - max(data.rfind(b"\n"), data.rfind(b"\r")) - 1)
        found = [share for line in _lines(data) if (share := self._of_line(line)) is not None]
        return min(max(found[-1], 0.0), 1.0) if found else None


def telling_lines(lines: tuple[str, ...], count: int = 3) -> tuple[str, ...]:
    """Return the lines that most likely say why an engine ended: llama.cpp's first errors, without the time and the
    letter in front (the later ones only repeat that it failed), else the last lines.
    """
    errors = tuple(line[match.end() :] for line in lines if (match := _ERROR.match(line)))
    return errors[:count] or lines[-count:]


def trim(home: Home, size_max: int = SIZE_MAX) -> None:
    """Copy each log larger than `size_max` bytes aside and cut it; blocking, for a thread."""
    try:
        logs = [path for path in home.engine_logs.glob("*.log") if path.stat().st_size > size_max]
        for path in logs:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.chmod(path.with_suffix(".log.1"), 0o600)
            os.truncate(path, 0)
    except OSError as error:
        log.warning("engine logs in %s cannot be trimmed: %s", home.engine_logs, error)
