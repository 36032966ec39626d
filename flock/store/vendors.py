"""Vendors the user added, with the fields that differ from the catalog. Called by vendors/registry.py.

No key lies here: the row says how many the store of secrets has, so that nobody has to look there at the start.
"""

import json
from typing import Any, cast

from sqlalchemy import delete, select

from flock.store.database import Database
from flock.store.entries import VendorEntry
from flock.store.schema import VENDORS


class Vendors:
    """The table of vendors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[VendorEntry]:
        """Return every vendor, oldest first. Raises StorageFailed."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(VENDORS).order_by(VENDORS.c.created_at, VENDORS.c.name))
            return [VendorEntry(row.name, _settings(row.settings), row.keys, row.created_at) for row in rows]

    async def put(self, entry: VendorEntry) -> None:
        """Write a vendor's row, in place of the one it had. Raises StorageFailed."""
        values = {
            "name": entry.name,
            "settings": json.dumps(dict(entry.settings), sort_keys=True),
            "keys": entry.keys,
            "created_at": entry.created_at,
        }
        async with self._database.writing() as connection:
            await connection.execute(delete(VENDORS).where(VENDORS.c.name == entry.name))
            await connection.execute(VENDORS.insert().values(**values))

    async def delete(self, name: str) -> None:
        """Forget a vendor; one that is not there is no error. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(delete(VENDORS).where(VENDORS.c.name == name))


def _settings(text: str) -> dict[str, object]:
    """Return the fields of a row; a text that is no JSON object, as only somebody else's hand writes, says nothing."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}
