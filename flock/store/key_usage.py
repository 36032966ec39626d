"""What keys used since an hour: requests, tokens and dollars, from the sums that the writer keeps. Read by core for
`token ls` and `me`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from flock.store.database import Database
from flock.store.hours import HOUR_SECONDS
from flock.store.schema import HOURS


@dataclass(frozen=True, slots=True)
class KeySum:
    """What one key used; `nano_usd` are billionths of a dollar, None where no request had a price."""

    requests: int = 0
    tokens: int = 0
    nano_usd: int | None = None


class KeyUsage:
    """Sums by key over the table of hours, whose key begins with the hour: a month is some thousands of its rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, at: float, key_id: str | None = None) -> dict[str, KeySum]:
        """Return what each key used since the hour in which `at` (epoch seconds) is, or `key_id` alone.

        Raises StorageFailed.
        """
        tokens, nano = func.sum(HOURS.c.input_tokens + HOURS.c.output_tokens), func.sum(HOURS.c.nano_usd)
        query = select(
            HOURS.c.key_id,
            func.sum(HOURS.c.requests).label("requests"),
            tokens.label("tokens"),
            nano.label("nano"),
            func.sum(HOURS.c.priced).label("priced"),
        ).where(HOURS.c.hour >= int(at // HOUR_SECONDS))
        if key_id is not None:
            query = query.where(HOURS.c.key_id == key_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.group_by(HOURS.c.key_id))
            return {row["key_id"]: _sum(row) for row in rows.mappings()}


def _sum(row: Mapping[Any, Any]) -> KeySum:
    return KeySum(int(row["requests"]), int(row["tokens"]), int(row["nano"]) if row["priced"] else None)
