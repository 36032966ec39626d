"""Prices that were set: of vendors' models, and of the power here. Called by core/prices.py and the daemon's start."""

import json
from typing import Any, cast

from sqlalchemy import delete, select

from flock.store.database import Database
from flock.store.entries import PriceEntry
from flock.store.schema import PRICES


class Prices:
    """The table of prices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[PriceEntry]:
        """Return every price, the newest first. Raises StorageFailed."""
        query = select(PRICES).order_by(PRICES.c.created_at.desc(), PRICES.c.vendor, PRICES.c.model)
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [PriceEntry(row.vendor, row.model, _card(row.card), row.created_at) for row in rows]

    async def put(self, entry: PriceEntry) -> None:
        """Write a price, in place of the one that the vendor and model (or glob) had. Raises StorageFailed."""
        values = {
            "vendor": entry.vendor,
            "model": entry.model,
            "card": json.dumps(dict(entry.card), sort_keys=True),
            "created_at": entry.created_at,
        }
        async with self._database.writing() as connection:
            await connection.execute(_gone(entry.vendor, entry.model))
            await connection.execute(PRICES.insert().values(**values))

    async def delete(self, vendor: str, model: str) -> None:
        """Forget a price; one that is not there is no error. Raises StorageFailed."""
        async with self._database.writing() as connection:
            await connection.execute(_gone(vendor, model))


def _gone(vendor: str, model: str) -> Any:
    return delete(PRICES).where(PRICES.c.vendor == vendor, PRICES.c.model == model)


def _card(text: str) -> dict[str, str]:
    """Return the figures of a row; a text that is no JSON object, as only somebody else's hand writes, says nothing."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {}
    figures = cast("dict[Any, Any]", found) if isinstance(found, dict) else {}
    return {name: value for name, value in figures.items() if isinstance(name, str) and isinstance(value, str)}
