"""What was asked, in the order in which it arrived: the rows of usage, a bounded number at a time.

Reads only. Called by core/limits.py, which replays them.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, tuple_

from flock.store.database import Database
from flock.store.schema import USAGE

# rows in one read: about 2 ms of the event loop, which the library takes to hand them over
CHUNK = 500


@dataclass(frozen=True, slots=True)
class AskedRow:
    """One request: when it arrived (epoch seconds), whose it was, what it took and what it cost (a decimal string)."""

    id: int
    at: float
    user: str
    key_id: str
    vendor: str
    input: int
    output: int
    cost_usd: str | None
    status: int


class Asked:
    """The table of usage as a stream."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, since: float, until: float) -> AsyncGenerator[list[AskedRow]]:
        """Hand out the requests that arrived from `since` to before `until`, oldest first. Raises StorageFailed."""
        u = USAGE.c
        columns = (u.id, u.at, u.user, u.key_id, u.vendor, u.input_tokens, u.output_tokens, u.cost_usd, u.status)
        last = (since, 0)  # the number is above 0: the first row at `since` comes too
        while True:
            query = select(*columns).where(u.at >= last[0], u.at < until, tuple_(u.at, u.id) > tuple_(*last))
            async with self._database.reading() as connection:
                rows = (await connection.execute(query.order_by(u.at, u.id).limit(CHUNK))).all()
            if not rows:
                return
            yield await asyncio.to_thread(_made, rows)
            last = (rows[-1][1], rows[-1][0])


def _made(rows: Sequence[Any]) -> list[AskedRow]:
    return [AskedRow(*row) for row in rows]
