"""The writer: batches without being asked, bad rows, pruning, touches, the end."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.store.database import Database
from flock.store.entries import KeyEntry
from flock.store.migrate import prepare
from flock.store.store import Store
from flock.store.writer import DECISIONS_AGE_SECONDS, ROWS_A_STATEMENT, Writer
from tests.unit.store.conftest import Request


class At:
    """A clock that stands at a time of the test's choice."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        connection.close()


async def until(path: Path, table: str, rows: int) -> None:
    async with asyncio.timeout(20):
        while count(path, table) != rows:  # noqa: ASYNC110 - another connection has no event to wait for
            await asyncio.sleep(0.01)


@pytest.fixture
async def small(path: Path) -> AsyncIterator[tuple[Writer, At]]:
    """A writer that keeps ten decision records, on a clock that stands."""
    prepare(path)
    database, clock = Database(path), At(1_700_000_000.0)
    writer = Writer(database, clock, decisions_kept=10)
    yield writer, clock
    await writer.close()
    await database.close()


async def test_rows_arrive_without_a_flush(store: Store, path: Path) -> None:
    store.writer.put(Request(1))
    await until(path, "usage", 1)
    await until(path, "decisions", 1)


@pytest.mark.parametrize("rows", [1, ROWS_A_STATEMENT - 1, ROWS_A_STATEMENT, 2 * ROWS_A_STATEMENT + 7])
async def test_every_row_of_a_batch_arrives_once_and_in_order(store: Store, rows: int) -> None:
    for number in range(rows):
        store.writer.put(Request(number))
    await store.writer.flush()
    found = [row.request_id for row in await store.usage.recent(rows + 10)]
    assert found == [Request(n).id for n in reversed(range(rows))]
    assert await store.decisions.latest(rows + 10) == [Request(n).decision()[2] for n in reversed(range(rows))]


async def test_flushes_side_by_side(store: Store, path: Path) -> None:
    async def one(number: int) -> None:
        store.writer.put(Request(number))
        await store.writer.flush()

    await asyncio.gather(*(one(n) for n in range(50)))
    assert count(path, "usage") == 50


async def test_a_caller_that_goes_away_neither_loses_nor_doubles_rows(store: Store, path: Path) -> None:
    for number in range(100):
        store.writer.put(Request(number))
        asking = asyncio.create_task(store.writer.flush())
        await asyncio.sleep(0)
        asking.cancel()
    await store.writer.flush()
    assert count(path, "usage") == 100


async def test_closing_commits(path: Path) -> None:
    store = await Store.open(path, SystemClock())
    for number in range(1000):
        store.writer.put(Request(number))
    store.writer.audit("root", "daemon.stop", "", "ok", {})
    await store.close()
    assert (count(path, "usage"), count(path, "decisions"), count(path, "audit")) == (1000, 1000, 1)
    await store.writer.flush()


@pytest.mark.parametrize("model", ["\ud800", 2**70, None, object()], ids=["surrogate", "huge", "null", "object"])
async def test_a_row_that_does_not_fit_costs_only_itself(
    store: Store, model: object, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(300):
        store.writer.put(Request(number, model=model if number in (0, 150, 299) else "fits"))
    await store.writer.flush()
    rows = await store.usage.recent(1000)
    assert [r.request_id for r in rows] == [Request(n).id for n in reversed(range(300)) if n not in (0, 150, 299)]
    assert len(await store.decisions.latest(1000)) == 300
    assert store.writer.dropped == 3
    assert store.writer.failing == ""
    assert len([r for r in caplog.records if r.levelno >= logging.ERROR]) == 1


async def test_an_entry_that_cannot_be_encoded_costs_only_itself(store: Store) -> None:
    class Broken(Request):
        def decision(self) -> tuple[str, float, bytes]:
            raise ValueError("no JSON for this one")

    store.writer.put(Broken(1))
    store.writer.put(Request(2))
    await store.writer.flush()
    assert len(await store.usage.recent(10)) == 2
    assert await store.decisions.latest(10) == [Request(2).decision()[2]]
    assert store.writer.dropped == 1


async def test_touches_ride_along(store: Store) -> None:
    await store.keys.insert(KeyEntry("k_1", "alice", "user", b"d" * 32, "abcd", 10.0, None, None))
    used = {"k_1": 20.0}

    def take() -> dict[str, float]:
        taken = dict(used)
        used.clear()
        return taken

    store.writer.touched = take
    store.writer.put(Request(1))
    await store.writer.flush()
    assert [key.last_used_at for key in await store.keys.all()] == [20.0]


async def test_only_the_newest_decisions_stay(small: tuple[Writer, At], path: Path) -> None:
    writer, _ = small
    for batch in range(4):
        for number in range(600):
            writer.put(Request(batch * 600 + number))
        await writer.flush()
    assert count(path, "usage") == 2400
    assert count(path, "decisions") <= 10
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT max(request_id) FROM decisions").fetchone() == (Request(2399).id,)
    connection.close()


async def test_decisions_grow_old(small: tuple[Writer, At], path: Path) -> None:
    writer, clock = small
    for number in range(5):
        writer.put(Request(number, at=clock.time))
    await writer.flush()
    assert count(path, "decisions") == 5
    clock.time += DECISIONS_AGE_SECONDS + 1000
    writer.put(Request(5, at=clock.time))
    await writer.flush()
    assert count(path, "decisions") == 1
    assert count(path, "usage") == 6


async def test_another_program_that_holds_the_file_is_waited_for(store: Store, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.writer.put(Request(1))
    flushing = asyncio.create_task(store.writer.flush())
    assert await store.usage.recent(10) == []
    other.execute("COMMIT")
    other.close()
    await flushing
    assert store.writer.failing == ""
    assert len(await store.usage.recent(10)) == 1
