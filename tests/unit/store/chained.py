"""A writer and the audit on a clock of the test's choice, and the file by another way: for the tests of the chain."""

import sqlite3
from pathlib import Path
from typing import Any

from flock.store.audit import Audit
from flock.store.chain import Walk
from flock.store.database import Database
from flock.store.migrate import prepare
from flock.store.writer import Writer
from tests.unit.store.test_writer import At

DAY = 86400.0
# 2026-11-21T12:00:00Z
NOW = 1795262400.0


class Jumping(At):
    """A clock whose wall time is the test's choice, beside seconds that only go forward."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Opened:
    """A writer and the audit on a clock that stands, and the file by another way."""

    def __init__(self, path: Path, now: float = NOW) -> None:
        prepare(path)
        self.path, self.clock, self.database = path, Jumping(now), Database(path)
        self.writer, self.audit = Writer(self.database, self.clock), Audit(self.database)

    async def act(self, count: int = 1, action: str = "token.create") -> None:
        for number in range(count):
            self.writer.audit("root", action, f"k_{number}", "ok", {"n": number}, {"was": number})
        await self.writer.flush()

    async def walk(self, noted: str = "", *, known: bool = True) -> Walk:
        await self.writer.flush()
        return await self.audit.walk(noted, self.writer.chain.head if known else None)

    def sql(self, statement: str, *values: object) -> list[Any]:
        return sql(self.path, statement, *values)

    async def close(self) -> None:
        await self.writer.close()
        await self.database.close()


def sql(path: Path, statement: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def whole(walk: Walk) -> bool:
    return walk.broken_at is None and walk.problem == ""


def older(path: Path, rows: int) -> None:
    """Make a database with rows as a release without a chain wrote them, forty days old."""
    prepare(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO audit (at, actor, action, target, outcome, details) VALUES (?, 'root', 'a', ?, 'ok', '{}')",
            [(NOW - 40 * DAY, f"k_{number}") for number in range(rows)],
        )
    connection.close()
