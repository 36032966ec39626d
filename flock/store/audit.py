"""Audit: who changed what, and what was refused. Written by the writer, read by core/audit.py."""

import json

from sqlalchemy import select

from flock.clock import rfc3339
from flock.contract.audit import AuditRow
from flock.store.database import Database
from flock.store.schema import AUDIT


class Audit:
    """The table of acts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, limit: int, actor: str = "") -> list[AuditRow]:
        """Return the last `limit` acts, newest first, of one actor or of all. Raises StorageFailed."""
        query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        if actor:
            query = query.where(AUDIT.c.actor == actor)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            AuditRow(
                id=row["id"],
                at=rfc3339(row["at"]),
                actor=row["actor"],
                action=row["action"],
                target=row["target"],
                outcome=row["outcome"],
                details=json.loads(row["details"]),
            )
            for row in rows
        ]
