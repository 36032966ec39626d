"""The log file of one engine: what it says on standard output and standard error.

Owns the files under home.engine_logs and their size. The child writes into the file itself, not into a pipe of the
daemon's: engines say ten lines per request, which would cost the daemon a wake-up each, and a pipe breaks when the
daemon dies. Refuses to fail: an engine without a log is better than no engine. Called by process.py and registry.py.
"""

import logging
import os
import re
import shutil
from pathlib import Path

from flock.errors import FlockError
from flock.paths import Home, private_dir

log = logging.getLogger(__name__)

# The tail that is kept for errors, as the predecessor kept it.
LINES_KEPT = 200
_TAIL_BYTES = 64 * 1024
_ERROR = re.compile(r"^[\d.]+ E +")
# About 4,000 requests' worth of llama.cpp's lines, twice (the file and the one before it).
SIZE_MAX = 4 * 2**20


def log_path(home: Home, name: str) -> Path:
    """Return the file of the engine called `name` ("embedded:flock-smoke" → engines/embedded-flock-smoke.log)."""
    return home.engine_logs / f"{name.replace(':', '-').replace('/', '-')}.log"


def open_log(home: Home, name: str) -> int:
    """Move the last start's log aside and return a descriptor for a new one, 0600; /dev/null when that fails."""
    path = log_path(home, name)
    try:
        private_dir(home.logs)
        private_dir(home.engine_logs)
        if path.exists():
            os.replace(path, path.with_suffix(".log.1"))
        # O_APPEND, so that trim() can cut the file under a running writer
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except (OSError, FlockError) as error:
        log.warning("%s: its log %s cannot be written: %s", name, path, error)
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def last_lines(path: Path, count: int = LINES_KEPT) -> tuple[str, ...]:
    """Return the last lines of a log, () where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(line for line in text.splitlines() if line.strip())[-count:]


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
