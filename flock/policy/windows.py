"""What was used in a day, a week and a month: whole numbers, counted by the window's start.

Owns where windows begin and end (UTC; weeks on Monday) and the counts of the last few. A count belongs to the window of
its request's arrival, never to "now": a clock that jumps to another window and back finds what it left, and nothing is
ever reset. Refuses to know keys and errors. Called by policy/limits.py and by who recovers the counts.
"""

from datetime import UTC, datetime

DAY = 86400
# 1970-01-01 was a Thursday: the Monday before it lies three days back
_TO_MONDAY = 3
# windows that a counter remembers: this one, the last one, and those that a wrong clock touched
KEPT = 8

NAMES = ("day", "week", "month")


def bounds(name: str, at: float) -> tuple[int, int]:
    """Return the epoch seconds at which the day, week or month around a moment begins and the next one begins."""
    day = int(at // DAY)
    if name == "day":
        return day * DAY, (day + 1) * DAY
    if name == "week":
        monday = day - (day + _TO_MONDAY) % 7
        return monday * DAY, (monday + 7) * DAY
    moment = datetime.fromtimestamp(day * DAY, UTC)
    year, month = divmod(moment.year * 12 + moment.month, 12)
    begins = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    ends = datetime(year, month + 1, 1, tzinfo=UTC)
    return int(begins.timestamp()), int(ends.timestamp())


class Count:
    """What was used in one window, and what running requests hold of it."""

    __slots__ = ("ends", "reserved", "starts", "used")

    def __init__(self, starts: int, ends: int) -> None:
        self.starts, self.ends = starts, ends
        self.used = self.reserved = 0


class Counter:
    """The counts of the windows of one name ("day")."""

    __slots__ = ("_counts", "_last", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._counts: dict[int, Count] = {}
        self._last = Count(0, 0)

    def at(self, moment: float) -> Count:
        """Return the count of the window around a moment (epoch seconds); a window that nobody touched yet opens."""
        count = self._last
        if count.starts <= moment < count.ends:
            return count
        starts, ends = bounds(self.name, moment)
        count = self._counts.pop(starts, None) or Count(starts, ends)
        self._counts[starts] = self._last = count
        if len(self._counts) > KEPT:
            del self._counts[next(iter(self._counts))]
        return count

    def all(self) -> tuple[Count, ...]:
        """Return the counts there are, the one touched last at the end."""
        return tuple(self._counts.values())
