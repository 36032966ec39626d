"""What limits must not forget: reserves of dollars before a vendor is asked, and the minutes of keys.

Owns the tables `holds` and `meters` as they are written: along with the writer's batches, in one transaction with the
usage rows, so that a reserve goes when its row comes. Reserves that are asked for side by side are committed together.
Refuses to keep a reserve for later: who waits for it hears at once that the disk refuses. Called by policy/limits.py
and the writer.
"""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from sqlalchemy import Table, bindparam, delete
from sqlalchemy.dialects.sqlite import insert

from flock.errors import InternalError, StorageFailed
from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.entries import HoldEntry
from flock.store.schema import HOLDS, METERS

# key id, "rpm" or "tpm", epoch seconds when it is unused again
Meter = tuple[str, str, float]
_Row = tuple[str | float, ...]
# what a database's integer holds
_LARGEST = 2**63 - 1


class Journal:
    """Reserves and minutes on their way to the disk. `meters` is asked with each batch for what moved."""

    def __init__(self, database: Database, hurry: Callable[[], None]) -> None:
        release = database.sql(delete(HOLDS).where(HOLDS.c.request_id == bindparam("request_id")))
        self._sql = (_upsert(database, HOLDS), release, _upsert(database, METERS))
        self._hurry = hurry
        self._closed = False
        self._asked: list[tuple[_Row, asyncio.Future[None]]] = []
        self._released: list[str] = []
        self._moved: dict[tuple[str, str], float] = {}
        self.meters: Callable[[], Iterable[Meter]] = tuple

    async def hold(self, entry: HoldEntry) -> None:
        """Commit a reserve, in place of the request's earlier one. Raises StorageFailed."""
        if self._closed:
            raise StorageFailed("flock is going down and reserves no more money", hint="flock up")
        words = (entry.user, entry.key_id, entry.model, entry.endpoint, entry.vendor)
        row = (
            *(_fitting(entry.request_id), entry.at, *map(_fitting, words)),
            *(min(entry.tokens, _LARGEST), min(entry.nano_usd, _LARGEST)),
        )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append((row, done))
        self._hurry()
        await done

    def release(self, request_id: str) -> None:
        """Delete a reserve in the transaction of the usage row that is put before the caller next awaits."""
        self._released.append(_fitting(request_id))

    def riding(self) -> "Riding":
        """Take what waits for one batch; the writer calls it at the moment at which it counts its rows."""
        self._ask()
        riding = Riding(self._sql, self._asked, self._released, self._moved, self._keep)
        self._asked, self._released, self._moved = [], [], {}
        return riding

    def _keep(self, released: list[str], moved: dict[tuple[str, str], float]) -> None:
        self._released = released + self._released
        self._moved = moved | self._moved

    @property
    def waiting(self) -> bool:
        """Return whether there is something for a batch."""
        self._ask()
        return bool(self._asked or self._released or self._moved)

    def _ask(self) -> None:
        for key_id, name, value in self.meters():
            self._moved[key_id, name] = value

    def close(self) -> None:
        """Refuse what is asked from now on, and what still waits."""
        self._closed = True
        self.riding().failed(StorageFailed("flock went down before the money was reserved", hint="flock up"))


class Riding:
    """What rides along with one batch: committed when the `with` block ends well, failed when it raises."""

    def __init__(
        self,
        sql: tuple[str, str, str],
        asked: list[tuple[_Row, asyncio.Future[None]]],
        released: list[str],
        moved: dict[tuple[str, str], float],
        keep: Callable[[list[str], dict[tuple[str, str], float]], None],
    ) -> None:
        self._sql, self._asked, self._released, self._moved, self._keep = sql, asked, released, moved, keep

    async def write(self, connection: Connection) -> None:
        """Send all of it: reserves first, since one of a request that ended meanwhile goes again at once."""
        hold, release, meter = self._sql
        if self._asked:
            await connection.exec_driver_sql(hold, [row for row, _ in self._asked])
        if self._released:
            await connection.exec_driver_sql(release, [(request_id,) for request_id in self._released])
        if self._moved:
            rows = [(key_id, name, value) for (key_id, name), value in self._moved.items()]
            await connection.exec_driver_sql(meter, rows)

    def failed(self, error: BaseException) -> None:
        """Tell who waits that nothing was written; what may wait is tried with the next batch."""
        for _, done in self._asked:
            if not done.done():
                done.set_exception(error)
                done.exception()  # whoever asked may have gone away
        self._asked = []
        self._keep(self._released, self._moved)

    def give_up(self) -> None:
        """Tell who waits that nothing was written, and forget the rest: it does not fit the database."""
        self._released, self._moved = [], {}
        self.failed(InternalError("the reserve of money does not fit the database", hint="flock logs"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.failed(error)
            return
        for _, done in self._asked:
            if not done.done():
                done.set_result(None)


def _fitting(words: str) -> str:
    """Return words as the database can hold them: reserves are committed together, and one client's half a surrogate
    pair must not cost the others theirs.
    """
    return words.encode("utf-8", "replace").decode()


def _upsert(database: Database, table: Table) -> str:
    """Return the INSERT of all columns that replaces the row with the same key."""
    made = insert(table).values({column.name: bindparam(column.name) for column in table.columns})
    keys = [column.name for column in table.primary_key]
    changed = {c.name: made.excluded[c.name] for c in table.columns if c.name not in keys}
    return database.sql(made.on_conflict_do_update(index_elements=keys, set_=changed))
