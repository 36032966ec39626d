"""API keys as stored: sha256 only, revoked ones kept for the record. Called by core/tokens.py and the writer."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

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
            return [_entry(row) for row in rows.mappings()]

    async def insert(self, entry: KeyEntry) -> None:
        """Add a key. Raises Conflict when its id or digest is there, StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(KEYS.insert().values(**_columns(entry)))

    async def update(self, entry: KeyEntry) -> None:
        """Write every field of a key that is there anew. Raises NotFound, StorageFailed."""
        values = _columns(entry)
        del values["id"], values["last_used_at"]  # the writer notes uses meanwhile
        async with self._database.writing() as connection:
            done = await connection.execute(update(KEYS).where(KEYS.c.id == entry.id).values(**values))
        if done.rowcount == 0:
            raise NotFound(f"there is no key {entry.id!r}", hint="flock token ls")

    async def touch(self, times: Mapping[str, float]) -> None:
        """Note when keys were last used: id → epoch seconds. Raises StorageFailed."""
        if times:
            async with self._database.writing() as connection:
                await connection.exec_driver_sql(touch_sql(self._database), [(at, key) for key, at in times.items()])


def touch_sql(database: Database) -> str:
    """Return the UPDATE that takes (last_used_at, id) tuples."""
    return database.sql(update(KEYS).where(KEYS.c.id == bindparam("key")).values(last_used_at=bindparam("at")))


def _columns(entry: KeyEntry) -> dict[str, Any]:
    values = {f.name: getattr(entry, f.name) for f in dataclasses.fields(entry)}
    return values | {"budgets": json.dumps(entry.budgets), "tags": json.dumps(dict(entry.tags))}


def _entry(row: Mapping[Any, Any]) -> KeyEntry:
    values: dict[str, Any] = dict(row)
    values["budgets"] = tuple((str(usd), str(window)) for usd, window in json.loads(row["budgets"]))
    values["tags"] = json.loads(row["tags"])
    return KeyEntry(**values)
