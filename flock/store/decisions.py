"""Decision records: why each request went where it went, the newest 50,000 or 30 days. Read by core/requests.py."""

from sqlalchemy import select

from flock.store.database import Database
from flock.store.schema import DECISIONS


class Decisions:
    """The table of decision records; each is the JSON of a contract Explanation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, request_id: str) -> bytes | None:
        """Return the record of one request, None when it is unknown or pruned. Raises StorageFailed."""
        query = select(DECISIONS.c.record).where(DECISIONS.c.request_id == request_id).limit(1)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar()
        return None if found is None else bytes(found)

    async def latest(self, limit: int) -> list[bytes]:
        """Return the last `limit` records, newest first. Raises StorageFailed."""
        query = select(DECISIONS.c.record).order_by(DECISIONS.c.id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [bytes(record) for record in (await connection.execute(query)).scalars()]
