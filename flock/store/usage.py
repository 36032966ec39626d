"""Usage: one row per settled request, for ever. Written by the writer, read by core/usage.py."""

from sqlalchemy import select

from flock.clock import rfc3339
from flock.contract.usage import UsageRow
from flock.store.database import Database
from flock.store.schema import USAGE

# what `usage_row()` returns, in this order
COLUMNS = tuple(column.name for column in USAGE.columns if column.name != "id")


class Usage:
    """The table of usage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(
        self, limit: int, user: str = "", model: str = "", since: float = 0.0, until: float | None = None
    ) -> list[UsageRow]:
        """Return the last `limit` rows, newest first, of one user or model or of all, from `since` to before `until`
        (epoch seconds). Raises StorageFailed.
        """
        # rows come in the order they ended; asked for by time, in that of their begin, which has an index
        timed = since > 0 or until is not None
        query = select(USAGE).order_by(*([USAGE.c.at.desc()] if timed else []), USAGE.c.id.desc()).limit(limit)
        for column, value in ((USAGE.c.user, user), (USAGE.c.model, model)):
            if value:
                query = query.where(column == value)
        if timed:
            query = query.where(USAGE.c.at >= since)
        if until is not None:
            query = query.where(USAGE.c.at < until)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            UsageRow(
                request_id=row["request_id"],
                at=rfc3339(row["at"]),
                user=row["user"],
                key_id=row["key_id"],
                model=row["model"],
                endpoint=row["endpoint"],
                engine=row["engine"],
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
                estimated=bool(row["estimated"]),
                latency_ms=round(row["latency_ms"], 2),
                ttft_ms=None if row["ttft_ms"] is None else round(row["ttft_ms"], 2),
                status=row["status"],
                outcome=row["outcome"],
                stream=bool(row["stream"]),
                vendor=row["vendor"],
                cost_usd=row["cost_usd"],
                cached_tokens=row["cached_tokens"],
                written_tokens=row["written_tokens"],
                reasoning_tokens=row["reasoning_tokens"],
            )
            for row in rows
        ]
