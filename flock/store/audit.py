"""Audit: who changed what, and what was refused. Written by the writer, read by core/audit.py and core/history.py."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import DBAPIError

from flock.clock import rfc3339
from flock.contract.audit import AuditRow, Count
from flock.plain import is_object
from flock.store.chain import PRUNED, Head, Walk, after, start
from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.schema import AUDIT

# the action of an act that takes another one back; its target is that one's number
UNDO = "history.undo"
# how many names a summary counts of each kind
TOP = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts: globs of actor and action, "" for all; epoch seconds from `since` to before `until`, None for no end;
    `done` for those only that somebody carried out.
    """

    actor: str = ""
    action: str = ""
    since: float = 0.0
    until: float | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class ActRow:
    """An act and what its handler noted of the fields before; `before` is parsed JSON, None where there is none."""

    row: AuditRow
    before: Any


class Audit:
    """The table of acts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # who takes acts back holds this: of two who take back the same one, the second finds that it was done
        self.undoing = asyncio.Lock()

    async def recent(self, limit: int, wanted: Wanted | None = None) -> list[AuditRow]:
        """Return the last `limit` acts that are wanted, newest first. Raises StorageFailed."""
        return [act.row for act in await self.acts(limit, wanted or Wanted())]

    async def acts(self, limit: int, wanted: Wanted) -> list[ActRow]:
        """Return the last `limit` acts that are wanted with their notes, newest first. Raises StorageFailed."""
        query = select(AUDIT).where(*_conditions(wanted)).order_by(AUDIT.c.id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [_act(row) for row in (await connection.execute(query)).mappings()]

    async def act(self, id: int) -> ActRow | None:
        """Return one act, None where there is none of this number. Raises StorageFailed."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(AUDIT).where(AUDIT.c.id == id))).mappings().first()
        return None if row is None else _act(row)

    async def undone(self, oldest: int) -> dict[int, int]:
        """Return which acts from the number `oldest` on are taken back, and by which act.

        One that was taken back by an act that was itself taken back is in force again. Raises StorageFailed.
        """
        query = select(AUDIT.c.id, AUDIT.c.target).where(
            AUDIT.c.action == UNDO, AUDIT.c.outcome == "ok", AUDIT.c.id > oldest
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(AUDIT.c.id.desc()))).all()
        taken: dict[int, int] = {}
        for row in rows:  # the newest first: whether an undo still counts is known before what it took back
            if row.id not in taken and row.target.isdigit():
                taken.setdefault(int(row.target), row.id)
        return taken

    async def counts(self, wanted: Wanted) -> tuple[int, int, dict[str, tuple[Count, ...]]]:
        """Return how many acts, how many of them with an outcome that is not ok, and the most frequent actors, actions
        and outcomes by the column's name. Raises StorageFailed.
        """
        asked, number = _conditions(wanted), func.count()
        refused = func.coalesce(func.sum(AUDIT.c.outcome != "ok"), 0)
        top: dict[str, tuple[Count, ...]] = {}
        async with self._database.reading() as connection:
            acts, failed = (await connection.execute(select(number, refused).select_from(AUDIT).where(*asked))).one()
            for column in (AUDIT.c.actor, AUDIT.c.action, AUDIT.c.outcome):
                query = select(column, number).where(*asked).group_by(column).order_by(number.desc(), column).limit(TOP)
                top[column.name] = tuple(Count(name, times) for name, times in (await connection.execute(query)).all())
        return acts, int(failed), top

    async def walk(self, noted: str = "", known: Head | None = None) -> Walk:
        """Check the chain from the oldest row to the newest, as they stood when it began, a bounded number at a time.

        `noted` is a hash that must come by, `known` the newest row as the writer has it. Raises StorageFailed.
        """
        async with self._database.reading() as connection:
            # one snapshot for all reads: rows that retention takes meanwhile would look as if they were taken out
            await connection.exec_driver_sql("BEGIN")
            walk = Walk(await start(connection), noted, known)
            while rows := await _next(connection, walk):
                if not await asyncio.to_thread(walk.feed, rows):
                    break
            walk.end()
        return walk


async def _next(connection: Connection, walk: Walk) -> Sequence[Any]:
    """Return the next rows of a walk; a row whose text is none, which SQLite hands out only as an error, breaks it."""
    at = walk.at
    try:
        return (await connection.execute(after(at, [*AUDIT.columns]))).all()
    except DBAPIError as error:
        if "decode" not in str(error.orig).lower():
            raise
    try:
        return (await connection.execute(after(at, [*AUDIT.columns], 1))).all()
    except DBAPIError:
        id = (await connection.execute(after(at, [AUDIT.c.id], 1))).scalar_one()
        walk.broken(id, f"row {id} was changed: it holds bytes that are no text")
        return ()


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, glob in ((AUDIT.c.actor, wanted.actor), (AUDIT.c.action, wanted.action)):
        if glob:  # SQLite's GLOB minds upper and lower case, which its LIKE does not
            found.append(column.op("GLOB")(glob) if any(c in glob for c in "*?[") else column == glob)
    if wanted.since:
        found.append(AUDIT.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(AUDIT.c.at < wanted.until)
    if wanted.done:
        found += [AUDIT.c.outcome == "ok", AUDIT.c.action != PRUNED]
    return found


def _act(row: Any) -> ActRow:
    made = AuditRow(
        id=row["id"],
        at=rfc3339(row["at"]),
        actor=row["actor"],
        action=row["action"],
        target=row["target"],
        outcome=row["outcome"],
        details=_object(row["details"]) or {},
        hash=row["hash"],
    )
    return ActRow(made, _object(row["before"]))


def _object(words: str) -> dict[str, Any] | None:
    """Return a JSON object; None for what is none, since a row that somebody damaged must not hide the others."""
    try:
        found = json.loads(words)
    except (ValueError, RecursionError):
        return None
    return found if is_object(found) else None
