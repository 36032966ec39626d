"""Engines the user attached, adopted again at every start. Called by engines/registry.py."""

from sqlalchemy import delete, select

from flock.store.database import Database
from flock.store.entries import EngineEntry
from flock.store.schema import ENGINES


class Engines:
    """The table of attached engines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[EngineEntry]:
        """Return every attached engine, oldest first. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(ENGINES).order_by(ENGINES.c.created_at, ENGINES.c.name))
            return [EngineEntry(row.name, row.url, row.created_at, bool(row.has_key)) for row in rows]

    async def insert(self, entry: EngineEntry) -> None:
        """Add an engine. Raises Conflict when its name is there, StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(
                ENGINES.insert().values(
                    name=entry.name, url=entry.url, created_at=entry.created_at, has_key=int(entry.has_key)
                )
            )

    async def delete(self, name: str) -> None:
        """Forget an engine; one that is not there is no error. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(delete(ENGINES).where(ENGINES.c.name == name))
