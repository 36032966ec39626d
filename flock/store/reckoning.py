"""What usage comes to between two moments, by group and by part of time.

Owns the questions and how sums and rows become one answer; which of both is read is edges.py's choice. Long work is
done in turns, since the gateway streams meanwhile. Refuses to write. Called by core/usage.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import floor
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, func, select

from flock.errors import InvalidRequest, StorageFailed
from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.edges import Plan, between, plan, unsummed
from flock.store.histogram import Adding, Buckets, added
from flock.store.hours import GROUP, HOUR_SECONDS, stored_sums
from flock.store.schema import HOURS, USAGE
from flock.store.sums import COUNTED, PLAIN, Sums

BUCKETS = ("", "hour", "day", "month")
DAY_HOURS = 24
# groups in an answer: what is more is no table for anybody, and a hundred megabytes of JSON
MOST_PARTS = 20_000
# rows or histograms handled before others get their turn: about a millisecond
A_TURN = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question: from `since` to before `until` (epoch seconds), by columns of `usage`, in buckets of BUCKETS; of one
    user or one model where these are named.
    """

    since: float
    until: float
    by: tuple[str, ...] = ()
    bucket: str = ""
    user: str = ""
    model: str = ""

    def where(self, table: Any) -> list[ColumnElement[bool]]:
        """Return the conditions on user and model."""
        asked = ((table.c.user, self.user), (table.c.model, self.model))
        return [column == value for column, value in asked if value]


class Reckoned:
    """An answer: sums by (begin of the bucket in epoch seconds, None without buckets; values of `by`). `since` and
    `until` are what it is for. The histograms of whole hours are kept as they are stored until they are asked for.
    """

    __slots__ = ("_stored", "parts", "since", "until")

    def __init__(self, since: float, until: float) -> None:
        self.since, self.until = since, until
        self.parts: dict[tuple[Any, ...], Sums] = {}
        self._stored: dict[tuple[Any, ...], tuple[Adding, Adding]] = {}

    def part(self, key: tuple[Any, ...]) -> Sums:
        """Return the sums of a group, new ones for one that was not seen before. Raises InvalidRequest."""
        if (sums := self.parts.get(key)) is None:
            if len(self.parts) >= MOST_PARTS:
                raise InvalidRequest(
                    f"that are more than {MOST_PARTS:,} groups: ask for less time, or for longer buckets",
                    hint="flock usage breakdown --by user --bucket day --since month",
                )
            sums = self.parts[key] = Sums()
        return sums

    def stored(self, key: tuple[Any, ...]) -> tuple[Adding, Adding]:
        """Return where the stored histograms of a group are added up: to the end, and to the first token."""
        return self._stored.setdefault(key, (Adding(), Adding()))

    def durations(self, key: tuple[Any, ...]) -> tuple[Buckets, Buckets]:
        """Return the histograms of a group: milliseconds to the end, and to the first token."""
        sums, found = self.parts[key], self.stored(key)
        return added(found[0].counts(), sums.latency), added(found[1].counts(), sums.ttft)


@dataclass(frozen=True, slots=True)
class Summed:
    """A summary: everything, by user, by model, and the requests in equal parts of the time, oldest first."""

    since: float
    until: float
    total: Sums
    users: dict[str, Sums]
    models: dict[str, Sums]
    over_time: list[int]


@dataclass(frozen=True, slots=True)
class Compared:
    """Requests of a day as rows and as sums, the groups (hour, user, key, model, vendor) that differ, and the last row
    that is still to be summed up, 0 for none.
    """

    rows: int
    summed: int
    differing: list[tuple[Any, ...]]
    unsummed: int


class Reckoning:
    """Questions about usage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self) -> float | None:
        """Return the begin of the oldest hour with usage (epoch seconds), None where there is none."""
        async with self._database.reading() as connection:
            hour = (await connection.execute(select(func.min(HOURS.c.hour)))).scalar()
            row = (await connection.execute(select(func.min(USAGE.c.at)))).scalar()
        found = [at for at in (None if hour is None else hour * HOUR_SECONDS, row) if at is not None]
        return floor(min(found) / HOUR_SECONDS) * HOUR_SECONDS if found else None

    async def reckon(self, wanted: Wanted) -> Reckoned:
        """Return the sums of a question. Raises InvalidRequest for more than MOST_PARTS groups, StorageFailed."""
        async with self.snapshot() as connection:
            planned = await plan(connection, wanted.since, wanted.until)
            answer = Reckoned(planned.since, planned.until)
            await self._from_hours(connection, wanted, planned, answer)
            await _from_rows(connection, wanted, planned, answer)
        return answer

    async def sum_up(self, wanted: Wanted, parts: int) -> Summed:
        """Return the summary of a question, which goes by nothing. Raises StorageFailed."""
        async with self.snapshot() as connection:
            planned = await plan(connection, wanted.since, wanted.until)
            who = Reckoned(planned.since, planned.until)
            by_who = replace(wanted, by=("user", "model"))
            await self._from_hours(connection, by_who, planned, who, histograms=False)
            latency, ttft = Adding(), Adding()
            marks = _Marks(planned, parts)
            await self._durations(connection, wanted, planned, (latency, ttft), marks)
            await _from_rows(connection, by_who, planned, who, marks)
            total, users, models = Sums(), dict[str, Sums](), dict[str, Sums]()
            total.latency, total.ttft = latency.counts(), ttft.counts()
            for (_, user, model), sums in who.parts.items():
                total.add(sums)
                users.setdefault(user, Sums()).add(sums)
                models.setdefault(model, Sums()).add(sums)
            over_time = await _over_time(connection, wanted, planned, marks, total.requests)
        return Summed(planned.since, planned.until, total, users, models, over_time)

    async def days(self, since: float) -> list[int]:
        """Return the days (epoch seconds / 86400) since then of which both rows and sums are whole, oldest first."""
        async with self.snapshot() as connection:
            oldest = (await connection.execute(select(func.min(USAGE.c.at)))).scalar()
            if oldest is None:
                return []
            first = (await connection.execute(select(func.min(HOURS.c.hour)))).scalar()
            hour = floor(oldest / HOUR_SECONDS)
            # rows are forgotten oldest first: of the day that the oldest left is in, some may be gone
            gone = first is not None and first < hour
            begin = max(hour // DAY_HOURS + gone, floor(since / HOUR_SECONDS) // DAY_HOURS)
            day = HOURS.c.hour // DAY_HOURS
            found = await connection.execute(select(day).where(HOURS.c.hour >= begin * DAY_HOURS).distinct())
            return sorted(found.scalars())

    async def compare(self, day: int) -> Compared:
        """Compare the sums of a day with its rows, group by group. Raises StorageFailed."""
        begin, end = day * DAY_HOURS, (day + 1) * DAY_HOURS
        rows, turn = dict[tuple[Any, ...], Sums](), _Turn()
        async with self.snapshot() as connection:
            mark = await unsummed(connection)
            columns = (USAGE.c.at, *(USAGE.c[name] for name in (*GROUP[1:], *COUNTED)))
            conditions = [USAGE.c.id > mark, *between(begin * HOUR_SECONDS, end * HOUR_SECONDS)]
            async for chunk in connection.partitions(select(*columns).where(*conditions), A_TURN):
                for at, *rest in chunk:
                    group = (floor(at / HOUR_SECONDS), *rest[: len(GROUP) - 1])
                    rows.setdefault(group, Sums()).count([tuple(rest[len(GROUP) - 2 :])])
                await asyncio.sleep(0)
            counted = sum(sums.requests for sums in rows.values())
            summed, differing = 0, list[tuple[Any, ...]]()
            async for chunk in connection.partitions(
                select(HOURS).where(HOURS.c.hour >= begin, HOURS.c.hour < end), A_TURN
            ):
                for row in map(tuple[Any, ...], chunk):
                    group, sums = row[: len(GROUP)], stored_sums(row)
                    summed += sums.requests
                    if not sums.equals(rows.pop(group, Sums())):
                        differing.append(group)
                    await turn.over()
        return Compared(counted, summed, sorted([*differing, *rows]), mark)

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Connection]:
        """Lend a connection that sees one moment: sums and rows of the same batches."""
        async with self._database.reading() as connection:
            await connection.exec_driver_sql("BEGIN")
            yield connection

    async def _from_hours(
        self, connection: Connection, wanted: Wanted, planned: Plan, answer: Reckoned, histograms: bool = True
    ) -> None:
        """Add whole hours."""
        if planned.first >= planned.end:
            return
        hourly, groups = wanted.bucket == "hour", len(wanted.by)
        last, turn = groups + len(PLAIN), _Turn()
        async for chunk in connection.partitions(_over_hours(wanted, planned, hourly, histograms), A_TURN):
            for slot, *rest in chunk:
                key = (bucket_start(wanted.bucket, slot if hourly else slot * DAY_HOURS), *rest[:groups])
                answer.part(key).add_plain(rest[groups:last])
                if histograms:
                    await self._gather(answer.stored(key), rest[last:], turn)
                await turn.over()

    async def _durations(
        self, connection: Connection, wanted: Wanted, planned: Plan, into: tuple[Adding, Adding], marks: "_Marks"
    ) -> None:
        """Add the histograms of whole hours, and mark the middle of each hour with its requests."""
        if planned.first >= planned.end:
            return
        turn = _Turn()
        async for chunk in connection.partitions(_over_hours(wanted, planned, True, True), A_TURN):
            for row in map(tuple[Any, ...], chunk):
                marks.add((row[0] + 0.5) * HOUR_SECONDS, row[1])
                await self._gather(into, row[-2:], turn)

    async def _gather(self, into: tuple[Adding, Adding], words: Sequence[str], turn: "_Turn") -> None:
        """Add stored histograms, in hex and between commas. Raises StorageFailed for a damaged one."""
        try:
            for adding, listed in zip(into, words, strict=True):
                for word in listed.split(","):
                    adding.add(bytes.fromhex(word))
                    await turn.over()
        except ValueError as error:
            raise StorageFailed(
                f"the sums of usage in {self._database.path} are damaged: {error}", hint="flock doctor"
            ) from None


class _Marks:
    """Requests counted in equal parts of a time as they come by: ten million rows of an older release are as many
    additions, and no list of them.
    """

    __slots__ = ("_seconds", "_since", "counts")

    def __init__(self, planned: Plan, parts: int) -> None:
        self._since, self._seconds = planned.since, (planned.until - planned.since) / parts
        self.counts = [0] * parts

    def add(self, at: float, requests: int) -> None:
        """Count requests at a moment; what is outside belongs to the first or the last part."""
        if self._seconds > 0:
            part = int((at - self._since) / self._seconds)
            self.counts[max(0, min(part, len(self.counts) - 1))] += requests


async def _from_rows(
    connection: Connection, wanted: Wanted, planned: Plan, answer: Reckoned, marks: _Marks | None = None
) -> None:
    """Add rows that are in no whole hour, or not summed up yet, and mark each."""
    groups = len(wanted.by)
    columns = (USAGE.c.at, *(USAGE.c[name] for name in (*wanted.by, "vendor", *COUNTED)))
    for conditions in planned.rows():
        async for chunk in connection.partitions(select(*columns).where(*wanted.where(USAGE), *conditions), A_TURN):
            found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
            for at, *rest in chunk:
                key = (bucket_start(wanted.bucket, floor(at / HOUR_SECONDS)), *rest[:groups])
                found.setdefault(key, []).append(tuple(rest[groups:]))
                if marks is not None:
                    marks.add(at, 1)
            for key, rows in found.items():
                answer.part(key).count(rows)
            await asyncio.sleep(0)


async def _over_time(connection: Connection, wanted: Wanted, planned: Plan, marks: _Marks, total: int) -> list[int]:
    """Return the requests in equal parts of the time.

    Parts shorter than an hour are counted by rows, if all are there; else an hour belongs to where its middle is.
    """
    parts = len(marks.counts)
    seconds = (planned.until - planned.since) / parts
    if 0 < seconds < HOUR_SECONDS:
        found = [0] * parts
        part = cast((USAGE.c.at - planned.since) / seconds, Integer)
        query = select(part, func.count()).where(*wanted.where(USAGE), *between(planned.since, planned.until))
        for at, count in (await connection.execute(query.group_by(part))).all():
            found[min(at, parts - 1)] += count
        if sum(found) == total:
            return found
    return marks.counts


def _over_hours(wanted: Wanted, planned: Plan, hourly: bool, histograms: bool) -> Any:
    # by days at the coarsest, so that one row never carries the histograms of a year
    slot = HOURS.c.hour if hourly else HOURS.c.hour // DAY_HOURS
    columns = [slot, *(HOURS.c[name] for name in wanted.by)]
    sums = [func.sum(HOURS.c[name]) for name in PLAIN]
    # many histograms in one row: for each row SQLite's thread gives up Python's lock and waits for it again
    both = [func.group_concat(func.hex(HOURS.c[name])) for name in ("latency", "ttft")] if histograms else []
    query = select(*columns, *sums, *both).where(HOURS.c.hour >= planned.first, HOURS.c.hour < planned.end)
    return query.where(*wanted.where(HOURS)).group_by(*columns)


def bucket_start(bucket: str, hour: int) -> float | None:
    """Return the epoch seconds at which the bucket of an hour begins, None for no bucket."""
    if not bucket:
        return None
    if bucket == "hour":
        return hour * HOUR_SECONDS
    day = hour // DAY_HOURS * DAY_HOURS * HOUR_SECONDS
    return day if bucket == "day" else datetime.fromtimestamp(day, UTC).replace(day=1).timestamp()


class _Turn:
    """Long work done in turns: whoever streams meanwhile is not held up."""

    __slots__ = ("_done",)

    def __init__(self) -> None:
        self._done = 0

    async def over(self) -> None:
        """Count one piece of work, and let others on when a turn is over."""
        self._done += 1
        if self._done >= A_TURN:
            self._done = 0
            await asyncio.sleep(0)
