"""What keys used, as it is on the disk: tokens and dollars in a stretch of hours, reserves, and minutes of keys.

Owns the reading of `holds` and `meters` and the sums that counters start with and are compared with. A sum is that of
`usage_hours` and of those rows of older releases that are not summed up yet, read in one snapshot: exact at every
moment, also when old rows were forgotten, and a month of ten million rows takes as long as its 744 hours do. Refuses
parts of hours: every window of a limit begins and ends on one. Read by core/counters.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Double, cast, func, select

from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.edges import unsummed
from flock.store.entries import HoldEntry
from flock.store.hours import HOUR_SECONDS
from flock.store.schema import HOLDS, HOURS, METERS, USAGE

# costs are decimal strings of nine decimals at most; a double holds those of one row up to nine million dollars
NANO = 1_000_000_000
# how far apart the arrival of a request and that of its reserve may be noted: both are the same moment
SAME_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Used:
    """What one key used: tokens of prompts and answers, and billionths of a dollar."""

    tokens: int = 0
    nano_usd: int = 0


# [begin, end) in epoch seconds, whole hours both; and what each key used in it
Window = tuple[int, int]
Sums = dict[Window, dict[str, Used]]


class Ledger:
    """The tables behind the counters of limits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def used(self, windows: Iterable[Window]) -> Sums:
        """Return what each key used in each window. Raises StorageFailed."""
        async with self._database.reading() as connection:
            await connection.exec_driver_sql("BEGIN")  # one snapshot: a row is in the sums or not yet, never in both
            last = await unsummed(connection)
            return {
                window: _added(await _of_hours(connection, window), await _of_rows(connection, window, last))
                for window in windows
            }

    async def summed(self, windows: Iterable[Window]) -> tuple[Sums, int]:
        """Return the sums that are kept by the hour, and up to which id rows of older releases are missing in them.

        Raises StorageFailed.
        """
        async with self._database.reading() as connection:
            await connection.exec_driver_sql("BEGIN")
            return {window: await _of_hours(connection, window) for window in windows}, await unsummed(connection)

    async def unsummed(self, windows: Iterable[Window], last: int) -> Sums:
        """Return what the rows up to an id come to: 2 s for a million of them. Raises StorageFailed."""
        async with self._database.reading() as connection:
            return {window: await _of_rows(connection, window, last) for window in windows}

    async def newest(self) -> tuple[float, ...]:
        """Return the times of the row with the latest time and of the row written last. Raises StorageFailed."""
        async with self._database.reading() as connection:
            latest = (await connection.execute(select(func.max(USAGE.c.at)))).scalar()
            last = (await connection.execute(select(USAGE.c.at).order_by(USAGE.c.id.desc()).limit(1))).scalar()
        return tuple(at for at in (latest, last) if at is not None)

    async def holds(self) -> list[HoldEntry]:
        """Return the reserves there are, oldest first. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(HOLDS).order_by(HOLDS.c.at, HOLDS.c.request_id))
            return [HoldEntry(**row) for row in rows.mappings()]

    async def settled(self, entry: HoldEntry) -> bool:
        """Return whether the request of a reserve has its usage row already. Raises StorageFailed."""
        query = select(USAGE.c.id).where(
            USAGE.c.at.between(entry.at - SAME_SECONDS, entry.at + SAME_SECONDS),
            USAGE.c.request_id == entry.request_id,
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query.limit(1))).first() is not None

    async def meters(self) -> dict[str, list[tuple[str, float]]]:
        """Return by key which minutes were used: name, epoch seconds when unused again. Raises StorageFailed."""
        found: dict[str, list[tuple[str, float]]] = {}
        async with self._database.reading() as connection:
            for row in await connection.execute(select(METERS)):
                found.setdefault(row.key_id, []).append((row.name, row.value))
        return found


async def _of_hours(connection: Connection, window: Window) -> dict[str, Used]:
    begin, end = window
    query = select(
        HOURS.c.key_id,
        func.sum(HOURS.c.input_tokens + HOURS.c.output_tokens).label("tokens"),
        func.sum(HOURS.c.nano_usd).label("nano"),
    ).where(HOURS.c.hour >= int(begin // HOUR_SECONDS), HOURS.c.hour < int(end // HOUR_SECONDS))
    rows = await connection.execute(query.group_by(HOURS.c.key_id))
    return {row.key_id: Used(int(row.tokens), int(row.nano)) for row in rows}


async def _of_rows(connection: Connection, window: Window, last: int) -> dict[str, Used]:
    if not last:
        return {}
    begin, end = window
    nano = func.sum(cast(func.round(cast(USAGE.c.cost_usd, Double) * NANO), BigInteger))
    query = select(
        USAGE.c.key_id,
        func.sum(USAGE.c.input_tokens + USAGE.c.output_tokens).label("tokens"),
        func.coalesce(nano, 0).label("nano"),
    ).where(USAGE.c.at >= begin, USAGE.c.at < end, USAGE.c.id <= last)
    rows = await connection.execute(query.group_by(USAGE.c.key_id))
    return {row.key_id: Used(int(row.tokens), int(row.nano)) for row in rows}


def _added(one: dict[str, Used], other: dict[str, Used]) -> dict[str, Used]:
    none = Used()
    return one | {
        key_id: Used(sums.tokens + (had := one.get(key_id, none)).tokens, sums.nano_usd + had.nano_usd)
        for key_id, sums in other.items()
    }
