"""Driving a blocking connection from the event loop: nothing is left of what was read in part, cancelled or broken."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.migrate import prepare
from flock.store.schema import ENGINES


async def opened(tmp_path: Path, rows: int = 0) -> Database:
    await asyncio.to_thread(prepare, tmp_path / "flock.db")
    database = Database(tmp_path / "flock.db")
    async with database.writing() as connection:
        for number in range(rows):
            await put(connection, f"e{number:03}")
    return database


async def put(connection: Connection, name: str) -> None:
    await connection.exec_driver_sql("INSERT INTO engines VALUES (?, 'http://127.0.0.1:1', 1.0, 0)", (name,))


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(ENGINES))).scalar_one()


async def test_rows_come_in_parts(tmp_path: Path) -> None:
    database = await opened(tmp_path, 7)
    async with database.reading() as connection:
        sizes = [len(part) async for part in connection.partitions(select(ENGINES.c.name), 3)]
    assert sizes == [3, 3, 1]
    await database.close()


async def test_what_was_read_in_part_holds_no_snapshot(tmp_path: Path) -> None:
    database = await opened(tmp_path, 50)
    async with database.reading() as connection:
        parts = connection.partitions(select(ENGINES.c.name), 3)
        assert len(await anext(parts)) == 3
    async with database.writing() as connection:
        await put(connection, "later")
    async with database.reading() as connection:
        # a reader of an older snapshot would keep the log from being folded in: busy would be 1
        busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one()
    assert (busy, await count(database)) == (0, 51)
    await parts.aclose()
    await database.close()


async def test_an_error_or_a_cancel_takes_everything_back(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    inside = asyncio.Event()

    async def half() -> None:
        async with database.writing() as connection:
            await put(connection, "half")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(half())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def broken() -> None:
        async with database.writing() as connection:
            await put(connection, "other")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await broken()
    assert await count(database) == 0
    async with database.writing() as connection:
        await put(connection, "whole")
    assert await count(database) == 1
    await database.close()


async def test_the_orm_is_not_loaded(tmp_path: Path) -> None:
    code = "import sys, flock.store.store, sqlalchemy.dialects.sqlite.aiosqlite; print('sqlalchemy.orm' in sys.modules)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    assert out.split() == [b"False"]
