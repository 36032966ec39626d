"""What the last `flock up` failed with, so that `doctor` can say it later.

Owns one small file in the run directory; no secret is in it. Written by `start.py`, read by `doctor_daemon.py`.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flock.errors import FlockError, from_plain
from flock.paths import Home


@dataclass(frozen=True, slots=True)
class FailedStart:
    """A start that failed: when (epoch seconds) and why."""

    at: float
    error: FlockError


def _file(home: Home) -> Path:
    return home.run / "last-start.json"


def note(home: Home, error: FlockError) -> None:
    """Keep the error of a failed start; a disk that takes nothing is no reason to hide that error."""
    body = json.dumps({"at": time.time(), "error": error.to_plain()}).encode()
    try:
        descriptor = os.open(_file(home), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(body)
    except OSError:
        forget(home)  # half a note is none


def forget(home: Home) -> None:
    """Remove the note: flock has started."""
    try:
        _file(home).unlink(missing_ok=True)
    except OSError:
        pass


def recall(home: Home) -> FailedStart | None:
    """Return the failed start, None when the last one went well or the note cannot be read."""
    try:
        plain = cast("dict[str, Any]", json.loads(_file(home).read_bytes()))
        return FailedStart(float(plain["at"]), from_plain(plain["error"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
