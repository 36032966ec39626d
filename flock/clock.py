"""Time as a parameter: the wall clock, the monotonic clock and RFC 3339 text.

Everything that waits, expires or stamps takes a Clock, so that tests run it in virtual time.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps."""
        return time.monotonic()


def rfc3339(epoch: float) -> str:
    """Return seconds since the epoch as RFC 3339 UTC with milliseconds ("2026-11-21T02:40:00.123Z")."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
