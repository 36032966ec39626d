"""Models the user added and the presets of how to load them, restored at every start. Called by engines/registry.py and
core/models.py.
"""

import json
from typing import Any

from sqlalchemy import Row, delete, select, update

from flock.store.database import Database
from flock.store.entries import ModelEntry, PresetEntry
from flock.store.schema import MODELS, PRESETS


class Models:
    """The table of added models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[ModelEntry]:
        """Return every added model, oldest first. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(MODELS).order_by(MODELS.c.created_at, MODELS.c.id))
            return [_entry(row) for row in rows]

    async def insert(self, entry: ModelEntry) -> None:
        """Add a model. Raises Conflict when its id is there, StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(MODELS.insert().values(**_values(entry)))

    async def update(self, entry: ModelEntry) -> None:
        """Write a model's row anew; one that is not there stays away. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(update(MODELS).where(MODELS.c.id == entry.id).values(**_values(entry)))

    async def delete(self, model_id: str) -> None:
        """Forget a model; one that is not there is no error. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(delete(MODELS).where(MODELS.c.id == model_id))


class Presets:
    """The table of presets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[PresetEntry]:
        """Return every preset by name. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(PRESETS).order_by(PRESETS.c.name))
            return [PresetEntry(row.name, json.loads(row.config), row.created_at) for row in rows]

    async def put(self, entry: PresetEntry) -> None:
        """Add a preset, or write it anew. Raises StorageFailed."""
        values = {"name": entry.name, "config": json.dumps(dict(entry.config)), "created_at": entry.created_at}
        async with self._database.writing() as connection:
            await connection.execute(delete(PRESETS).where(PRESETS.c.name == entry.name))
            await connection.execute(PRESETS.insert().values(**values))

    async def delete(self, name: str) -> None:
        """Forget a preset; one that is not there is no error. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(delete(PRESETS).where(PRESETS.c.name == name))


def _entry(row: "Row[Any]") -> ModelEntry:
    return ModelEntry(
        id=row.id,
        path=row.path,
        created_at=row.created_at,
        source=row.source,
        engine=row.engine,
        config=json.loads(row.config),
        facts=json.loads(row.facts),
        files=tuple(json.loads(row.files)),
        pinned=bool(row.pinned),
        priority=row.priority,
        loaded=bool(row.loaded),
        peak_bytes=row.peak_bytes,
        peak_of=row.peak_of,
        last_used_at=row.last_used_at,
    )


def _values(entry: ModelEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "path": entry.path,
        "created_at": entry.created_at,
        "source": entry.source,
        "engine": entry.engine,
        "config": json.dumps(dict(entry.config)),
        "facts": json.dumps(dict(entry.facts)),
        "files": json.dumps(list(entry.files)),
        "pinned": int(entry.pinned),
        "priority": entry.priority,
        "loaded": int(entry.loaded),
        "peak_bytes": entry.peak_bytes,
        "peak_of": entry.peak_of,
        "last_used_at": entry.last_used_at,
    }
