"""Command lines of the stand-in daemon, and which ones were started."""

import sys
from pathlib import Path

from flock.local.operations import Here

STAND_IN = Path(__file__).with_name("stand_in.py")
ROOT = Path(__file__).parents[3]


def stand_in(mode: str, *more: str) -> list[str]:
    """Return the command line of a process in the daemon's place."""
    return [sys.executable, "-W", "error", str(STAND_IN), mode, *more]


def starts(here: Here) -> list[int]:
    """Return the pids of all stand-ins ever started in this home."""
    try:
        return [int(line) for line in (here.home.run / "starts").read_text().split()]
    except FileNotFoundError:
        return []
