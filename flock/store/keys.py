"""API keys as stored: sha256 only, revoked ones kept for the record. Called by core/tokens.py and the writer."""

from collections.abc import Mapping

from sqlalchemy import bindparam, select, update

from flock.errors import NotFound
from flock.store.database import Database
from flock.store.entries import KeyEntry
from flock.store.schema import KEYS


class Keys:
    """The table of keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[KeyEntry]:
        """Return every key, revoked ones too, oldest first. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id))
            return [KeyEntry(*row) for row in rows]

    async def insert(self, entry: KeyEntry) -> None:
        """Add a key. Raises Conflict when its id or digest is there, StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(
                KEYS.insert().values(
                    id=entry.id,
                    name=entry.name,
                    scope=entry.scope,
                    digest=entry.digest,
                    hint=entry.hint,
                    created_at=entry.created_at,
                    last_used_at=entry.last_used_at,
                    revoked_at=entry.revoked_at,
                    vendors=entry.vendors,
                )
            )

    async def revoke(self, key_id: str, at: float) -> None:
        """Mark a key as revoked. Raises NotFound when no live key has this id, StorageFailed."""
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(KEYS).where(KEYS.c.id == key_id, KEYS.c.revoked_at.is_(None)).values(revoked_at=at)
            )
        if done.rowcount == 0:
            raise NotFound(f"no key {key_id!r} is active", hint="flock token ls")

    async def touch(self, times: Mapping[str, float]) -> None:
        """Note when keys were last used: id → epoch seconds. Raises StorageFailed."""
        if times:
            async with self._database.writing() as connection:
                await connection.exec_driver_sql(touch_sql(self._database), [(at, key) for key, at in times.items()])


def touch_sql(database: Database) -> str:
    """Return the UPDATE that takes (last_used_at, id) tuples."""
    return database.sql(update(KEYS).where(KEYS.c.id == bindparam("key")).values(last_used_at=bindparam("at")))
