"""What keys used since a moment: requests, tokens and dollars of the rows of usage. Read by core for `token ls` and
`me`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Double, cast, func, select

from flock.store.database import Database
from flock.store.schema import USAGE

# Costs are decimal strings in the rows; as whole billionths they add up exactly. A double holds those of one row up
# to nine million dollars.
NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class KeySum:
    """What one key used; `cost_usd` is a decimal string, None where no request had a price."""

    requests: int = 0
    tokens: int = 0
    cost_usd: str | None = None


class KeyUsage:
    """Sums by key over the table of usage, through its index by time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, at: float, key_id: str | None = None) -> dict[str, KeySum]:
        """Return what each key used since `at` (epoch seconds), or `key_id` alone. Raises StorageFailed."""
        nano = func.sum(cast(func.round(cast(USAGE.c.cost_usd, Double) * NANO), BigInteger))
        tokens = func.sum(USAGE.c.input_tokens + USAGE.c.output_tokens)
        query = select(
            USAGE.c.key_id, func.count().label("requests"), tokens.label("tokens"), nano.label("nano")
        ).where(USAGE.c.at >= at)
        if key_id is not None:
            query = query.where(USAGE.c.key_id == key_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.group_by(USAGE.c.key_id))
            return {row["key_id"]: _sum(row) for row in rows.mappings()}


def _sum(row: Mapping[Any, Any]) -> KeySum:
    nano = row["nano"]
    return KeySum(int(row["requests"]), int(row["tokens"]), None if nano is None else _dollars(int(nano)))


def _dollars(nano: int) -> str:
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
