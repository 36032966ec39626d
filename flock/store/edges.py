"""Which hours of usage are read from their sums, and where rows are read instead, so that any two moments are exact.

Owns the rule. A whole hour is its sums. Of an hour that was asked for in part the rows are read, unless it has no
others: then its sums say the same and are one read, also in a busy hour that has just begun. Where rows were forgotten
(records.usage_days) the whole hour counts. Rows that the writer has not summed up yet are always read. Refuses to read
what is counted. Called by reckoning.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import ceil, floor

from sqlalchemy import ColumnElement, func, select

from flock.store.connection import Connection
from flock.store.hours import HOUR_SECONDS, UNSUMMED
from flock.store.schema import HOURS, MARKS, USAGE


@dataclass(frozen=True, slots=True)
class Plan:
    """Whole hours from `first` to before `end`; `edges` are times of which the rows are read; `unsummed` is the last
    row whose hour does not have it yet. `since` and `until` are what the answer is for then.
    """

    since: float
    until: float
    first: int
    end: int
    edges: tuple[tuple[float, float], ...]
    unsummed: int

    def rows(self) -> Iterable[list[ColumnElement[bool]]]:
        """Return the conditions of each read of rows."""
        for begin, end in self.edges:
            yield between(begin, end)
        if self.unsummed and self.first < self.end:
            yield [USAGE.c.id <= self.unsummed, *between(self.first * HOUR_SECONDS, self.end * HOUR_SECONDS)]


class _Hour(Enum):
    """ROWS: the part's rows are read; WHOLE: there are no others in the hour; GONE: of the hour only sums are left."""

    ROWS = "rows"
    WHOLE = "whole"
    GONE = "gone"


async def unsummed(connection: Connection) -> int:
    """Return the id of the last row that is still to be summed up, 0 for none."""
    return (await connection.execute(select(MARKS.c.value).where(MARKS.c.name == UNSUMMED))).scalar() or 0


async def plan(connection: Connection, since: float, until: float) -> Plan:
    """Decide what of the time from `since` to before `until` is read from sums and what from rows."""
    mark = await unsummed(connection)
    until = max(since, until)
    first, end = ceil(since / HOUR_SECONDS), floor(until / HOUR_SECONDS)
    if first > end:  # both in one hour
        cuts = [(end, since, until)]
        first = end = first if since == until else end
    else:
        cuts = [(first - 1, since, first * HOUR_SECONDS), (end, end * HOUR_SECONDS, until)]
    edges: list[tuple[float, float]] = []
    for hour, begin, stop in cuts:
        if begin >= stop:
            continue
        counted = await _summed(connection, hour, begin, stop)
        if counted is _Hour.ROWS:
            edges.append((begin, stop))
            continue
        first, end = min(first, hour), max(end, hour + 1)
        if counted is _Hour.GONE:
            since, until = min(since, hour * HOUR_SECONDS), max(until, (hour + 1) * HOUR_SECONDS)
    return Plan(since, until, first, end, tuple(edges), mark)


async def _summed(connection: Connection, hour: int, begin: float, end: float) -> "_Hour":
    """Say how the rows from `begin` to `end`, a part of an hour, are best counted."""
    start, stop = hour * HOUR_SECONDS, (hour + 1) * HOUR_SECONDS

    async def some(begin: float, end: float) -> bool:
        return (await connection.execute(select(USAGE.c.id).where(*between(begin, end)).limit(1))).first() is not None

    outside = await some(start, begin) or await some(end, stop)
    if not outside and await some(begin, end):
        return _Hour.WHOLE
    summed = (await connection.execute(select(func.sum(HOURS.c.requests)).where(HOURS.c.hour == hour))).scalar() or 0
    if not summed:
        return _Hour.ROWS
    rows = (await connection.execute(select(func.count()).select_from(USAGE).where(*between(start, stop)))).scalar()
    return _Hour.GONE if (rows or 0) < summed else _Hour.ROWS


def between(begin: float, end: float) -> list[ColumnElement[bool]]:
    """Return the conditions on a row's time."""
    return [USAGE.c.at >= begin, USAGE.c.at < end]
