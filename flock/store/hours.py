"""The sums of usage by the hour, as the writer keeps them: in the transaction that adds the rows.

Owns the table `usage_hours`, of which it remembers what it wrote last; summing up rows of releases that kept no sums;
and forgetting old rows. The rows are the truth: the sums can be made from them, and `flock doctor` compares a day.
Refuses to answer questions (reckoning.py does). Called by writer.py, by nobody else: two owners would lose sums.
"""

import asyncio
import logging
from collections.abc import Sequence
from itertools import chain
from math import floor
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from flock.clock import Clock
from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.histogram import Buckets, decode, encode
from flock.store.schema import HOURS, MARKS, USAGE
from flock.store.sums import COUNTED, PLAIN, Sums

log = logging.getLogger(__name__)

HOUR_SECONDS = 3600.0
# groups remembered between batches, about 16 kB each; more than that are read again when they are touched
GROUPS_KEPT = 500
# groups in one statement: 17 values each, and SQLite takes 32,766 (sqlite.org/limits.html)
GROUPS_A_STATEMENT = 100
# rows counted before others get their turn: about 2 ms
ROWS_A_TURN = 1_000
# rows of older releases summed up, or old ones deleted, in one transaction: about 20 ms of SQLite's thread
ROWS_A_STEP = 1_000
# how long until the next look for rows that grew too old
FORGET_SECONDS = 600.0
# the mark of rows that are still to be summed up: those whose id is at most its value
UNSUMMED = "unsummed"

GROUP = ("hour", "user", "key_id", "model", "vendor")
Group = tuple[int, str, str, str, str]

_COLUMNS = tuple(column.name for column in USAGE.columns if column.name != "id")
_AT = _COLUMNS.index("at")
_GROUP_OF_ROW = itemgetter(*(_COLUMNS.index(name) for name in GROUP[1:]))
_COUNTED_OF_ROW = itemgetter(*(_COLUMNS.index(name) for name in ("vendor", *COUNTED)))


class Hours:
    """The writer's sums. Whoever calls `write`, `fill` or `forget` inside a transaction says afterwards whether it was
    `committed` or `lost`. `usage_days` is how long rows stay, 0 for ever.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._sums: dict[Group, Sums] = {}
        self._head, self._one, self._tail = _upsert(database)
        # the last id that is still to be summed up, None until it was read; and when to look for old rows again
        self._unsummed: int | None = None
        self._forget_at = 0.0
        self._stumbled = False
        self.usage_days = 0

    async def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows of `usage`, in the order of its columns without the id, to their hours."""
        found: dict[Group, list[tuple[Any, ...]]] = {}
        for row in rows:
            group = (floor(row[_AT] / HOUR_SECONDS), *_GROUP_OF_ROW(row))
            if (counted := found.get(group)) is None:
                counted = found[group] = []
            counted.append(_COUNTED_OF_ROW(row))
        await self._remember(connection, [group for group in found if group not in self._sums])
        turn = 0
        for group, counted in found.items():
            self._sums[group].count(counted)
            turn += len(counted)
            if turn >= ROWS_A_TURN:
                turn = 0
                await asyncio.sleep(0)
        await self._put(connection, list(found))

    def committed(self) -> None:
        """Hear that what was written is on the disk."""
        if len(self._sums) > GROUPS_KEPT:
            newest = max(group[0] for group in self._sums)
            self._sums = {group: sums for group, sums in self._sums.items() if group[0] == newest}
        if len(self._sums) > GROUPS_KEPT:
            self._sums = {}

    def lost(self) -> None:
        """Hear that what was written was undone: what is remembered is read again."""
        self._sums = {}
        self._unsummed = None

    async def tend(self) -> bool:
        """Sum up some rows of older releases, or delete some that grew too old; say whether there may be more.

        Each call is one small transaction, so that nobody waits long. Raises nothing: what fails is tried again later.
        """
        if self._unsummed == 0 and (not self.usage_days or self._clock.monotonic() < self._forget_at):
            return False
        try:
            async with self._database.writing() as connection:
                more = await (self._fill(connection) if self._unsummed != 0 else self._forget(connection))
        except Exception as error:
            self.lost()
            if not self._stumbled:  # once, not every five seconds; a disk that refuses is told by the batches
                log.warning("sums of older usage could not be kept, and are tried again: %s", error)
            self._stumbled = True
            return False
        self.committed()
        return more

    async def _fill(self, connection: Connection) -> bool:
        if self._unsummed is None:
            mark = select(MARKS.c.value).where(MARKS.c.name == UNSUMMED)
            self._unsummed = (await connection.execute(mark)).scalar() or 0
        if not self._unsummed:
            return bool(self.usage_days)
        query = select(USAGE).where(USAGE.c.id <= self._unsummed).order_by(USAGE.c.id.desc()).limit(ROWS_A_STEP)
        rows = [tuple(row) for row in (await connection.execute(query)).all()]
        await self.write(connection, [row[1:] for row in rows])
        left = rows[-1][0] - 1 if rows else 0
        if left:
            await connection.execute(update(MARKS).where(MARKS.c.name == UNSUMMED).values(value=left))
        else:
            await connection.execute(delete(MARKS).where(MARKS.c.name == UNSUMMED))
        self._unsummed = left
        return True

    async def _forget(self, connection: Connection) -> bool:
        """Delete the oldest rows, whole hours at a time as the days go by; their sums stay."""
        oldest = floor((self._clock.now() - self.usage_days * 86400) / HOUR_SECONDS) * HOUR_SECONDS
        old = select(USAGE.c.id).where(USAGE.c.at < oldest).order_by(USAGE.c.at).limit(ROWS_A_STEP)
        gone = await connection.execute(delete(USAGE).where(USAGE.c.id.in_(old)))
        more = gone.rowcount >= ROWS_A_STEP
        if not more:
            self._forget_at = self._clock.monotonic() + FORGET_SECONDS
        return more

    async def _remember(self, connection: Connection, groups: list[Group]) -> None:
        """Read what was written of these groups before; nothing for those that are new."""
        for start in range(0, len(groups), GROUPS_A_STATEMENT):
            part = groups[start : start + GROUPS_A_STATEMENT]
            found = await connection.exec_driver_sql(_looked_up(len(part)), tuple(chain.from_iterable(part)))
            for row in found.all():
                values = tuple(row)
                self._sums[values[: len(GROUP)]] = stored_sums(values)
            for group in part:
                if group not in self._sums:
                    self._sums[group] = Sums()

    async def _put(self, connection: Connection, groups: list[Group]) -> None:
        for start in range(0, len(groups), GROUPS_A_STATEMENT):
            part = groups[start : start + GROUPS_A_STATEMENT]
            values: list[Any] = []
            for group in part:
                sums = self._sums[group]
                values += (*group, *sums.plain(), encode(sums.latency), encode(sums.ttft))
            statement = f"{self._head}{', '.join([self._one] * len(part))}{self._tail}"
            await connection.exec_driver_sql(statement, tuple(values))


def _upsert(database: Database) -> tuple[str, str, str]:
    """Return what stands before, in and behind the values of the statement that writes groups."""
    adding = insert(HOURS).values({column.name: bindparam(column.name) for column in HOURS.columns})
    changed = {name: adding.excluded[name] for name in (*PLAIN, "latency", "ttft")}
    words = database.sql(adding.on_conflict_do_update(index_elements=list(GROUP), set_=changed))
    head, _, rest = words.partition(" VALUES ")
    one, _, tail = rest.partition(" ON CONFLICT ")
    return f"{head} VALUES ", one, f" ON CONFLICT {tail}"


def stored_sums(row: tuple[Any, ...]) -> Sums:
    """Return the sums of a row of `usage_hours`."""
    sums = Sums(row[len(GROUP) : -2])
    sums.latency, sums.ttft = _decoded(row[-2]), _decoded(row[-1])
    return sums


def _decoded(stored: bytes) -> Buckets:
    """Return a histogram, an empty one for a damaged one: an hour's percentiles are not worth the rows to come."""
    try:
        return decode(stored)
    except ValueError as error:
        log.error("a histogram of usage is damaged and counts as empty: %s", error)
        return {}


def _looked_up(count: int) -> str:
    """Return the statement that reads so many groups, each by the primary key: a long IN would scan the hour."""
    names = ", ".join(f'h."{column.name}"' for column in HOURS.columns)
    wanted = ", ".join(f'"{name}"' for name in GROUP)
    rows = ", ".join([f"({', '.join('?' * len(GROUP))})"] * count)
    same = " AND ".join(f'h."{name}" = w."{name}"' for name in GROUP)
    return f"WITH w ({wanted}) AS (VALUES {rows}) SELECT {names} FROM w CROSS JOIN usage_hours h ON {same}"
