"""Models the user added, restored at every start. Called by engines/registry.py."""

from sqlalchemy import delete, select

from flock.store.database import Database
from flock.store.entries import ModelEntry
from flock.store.schema import MODELS


class Models:
    """The table of added models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[ModelEntry]:
        """Return every added model, oldest first. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(MODELS).order_by(MODELS.c.created_at, MODELS.c.id))
            return [ModelEntry(*row) for row in rows]

    async def insert(self, entry: ModelEntry) -> None:
        """Add a model. Raises Conflict when its id is there, StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(MODELS.insert().values(id=entry.id, path=entry.path, created_at=entry.created_at))

    async def delete(self, model_id: str) -> None:
        """Forget a model; one that is not there is no error. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(delete(MODELS).where(MODELS.c.id == model_id))
