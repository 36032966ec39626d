"""Reserves of dollars on a real file: committed before the vendor is asked, together, and gone with their row."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.errors import BudgetExceeded, FlockError, StorageFailed
from flock.policy.accounts import Hold
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import nano
from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.entries import HoldEntry
from flock.store.migrate import prepare
from flock.store.store import Store
from tests.unit.policy.virtual import key
from tests.unit.store.conftest import Request


class Counting(Database):
    """A database that counts its transactions."""

    commits = 0

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Connection]:
        async with super().writing() as connection:
            yield connection
        self.commits += 1


@pytest.fixture
async def counted(path: Path) -> AsyncIterator[tuple[Store, Counting]]:
    prepare(path)
    database = Counting(path)
    store = Store(database, SystemClock())
    yield store, database
    await store.close()


def kept(path: Path, table: str = "holds") -> dict[str, int]:
    """Return request id → nano-dollars as another process would read them."""
    column = {"holds": "nano_usd", "usage": "input_tokens"}[table]
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute(f"SELECT request_id, {column} FROM {table}").fetchall())
    finally:
        connection.close()


async def spend(limits: Limits, who: Key, number: int, cost: str) -> Hold | None:
    """Reserve for one request; the row is on the disk when this returns."""
    hold = limits.admit(who, Request(number).id, tokens=57, at=Request(number).at)
    await limits.spend(
        hold, who, Request(number).id, model="m", endpoint="chat", vendor="v", tokens=57, nano_usd=nano(cost)
    )
    return hold


async def test_a_reserve_is_on_the_disk_when_the_vendor_may_be_asked(store: Store, path: Path) -> None:
    limits, who = Limits(SystemClock(), store.writer.journal), key(budgets=(("1", "day"),))
    hold = await spend(limits, who, 1, "0.25")
    assert kept(path) == {Request(1).id: nano("0.25")}
    limits.settle(hold, tokens=57, nano_usd=nano("0.1"))
    store.writer.put(Request(1))
    await store.writer.flush()
    assert kept(path) == {}
    assert kept(path, "usage") == {Request(1).id: 12}


class InMemory(Limits):
    """The mutant: nobody waits for the disk."""

    def __init__(self, clock: SystemClock, journal: object) -> None:
        super().__init__(clock)


async def test_a_reserve_that_is_only_in_memory_is_seen(store: Store, path: Path) -> None:
    limits, who = InMemory(SystemClock(), store.writer.journal), key(budgets=(("1", "day"),))
    await spend(limits, who, 1, "0.25")
    assert kept(path) == {}


async def test_a_key_without_budgets_waits_for_nothing(counted: tuple[Store, Counting]) -> None:
    store, database = counted
    limits = Limits(SystemClock(), store.writer.journal)
    for number in range(100):
        await spend(limits, key(rpm=1000), number, "5")
    assert database.commits == 0


async def overspent(store: Store, limits: Limits) -> int:
    """Let 200 requests of $0.03 at once upon a key with $1; return by how many billionths it was overspent."""
    who, reserve = key(budgets=(("1", "day"), ("20", "month"))), "0.03"

    async def one(number: int) -> int:
        try:
            hold = await spend(limits, who, number, reserve)
        except BudgetExceeded:
            return 0
        await asyncio.sleep(0)
        limits.settle(hold, tokens=57, nano_usd=nano(reserve))
        store.writer.put(Request(number))
        return nano(reserve)

    spent = await asyncio.gather(*(one(number) for number in range(200)))
    return sum(spent) - nano("1")


async def test_200_requests_at_once_overspend_by_one_reserve_at_most(
    counted: tuple[Store, Counting], path: Path
) -> None:
    store, database = counted
    over = await overspent(store, Limits(SystemClock(), store.writer.journal))
    assert -nano("0.03") < over <= nano("0.03")
    await store.writer.flush()
    assert database.commits < 20, "reserves that come together are committed together"
    assert kept(path) == {}
    assert len(kept(path, "usage")) == 33


class ReservesLast(Limits):
    """The mutant: what is reserved counts only once it is on the disk."""

    async def spend(
        self,
        hold: Hold | None,
        key: Key,
        request_id: str,
        *,
        model: str,
        endpoint: str,
        vendor: str,
        tokens: int,
        nano_usd: int | None,
    ) -> None:
        assert hold is not None
        more = self._fits(hold.account, key, hold, vendor, model, nano_usd)
        await self._journal.hold(_entry(hold, more))  # type: ignore[union-attr]
        hold.counts = tuple(counter.at(hold.at) for counter in hold.account.dollars.values())
        hold.nano += more
        for count in hold.counts:
            count.reserved += more


def _entry(hold: Hold, nano_usd: int) -> HoldEntry:
    return HoldEntry(hold.request_id, hold.at, "alice", hold.key_id, "m", "chat", "v", 57, nano_usd)


async def test_a_reserve_that_counts_too_late_is_seen(store: Store) -> None:
    assert await overspent(store, ReservesLast(SystemClock(), store.writer.journal)) > nano("4")


async def test_a_request_that_is_cancelled_while_its_reserve_is_written_holds_nothing(store: Store, path: Path) -> None:
    limits, who = Limits(SystemClock(), store.writer.journal), key(budgets=(("1", "day"),))
    for number in range(20):
        hold = limits.admit(who, Request(number).id, tokens=1, at=Request(number).at)
        asking = asyncio.create_task(
            limits.spend(
                *(hold, who, Request(number).id),
                model="m",
                endpoint="chat",
                vendor="v",
                tokens=1,
                nano_usd=nano("0.01"),
            )
        )
        for _ in range(number % 4):
            await asyncio.sleep(0)
        asking.cancel()
        limits.settle(hold, tokens=0, nano_usd=None)
        store.writer.put(Request(number))
        await asyncio.gather(asking, return_exceptions=True)
    await store.writer.flush()
    assert kept(path) == {}
    assert limits.counts(who, Request(0).at)["day"] == (0, 0)
    assert store.writer.failing == ""


async def test_a_row_that_does_not_fit_keeps_no_reserve_from_others(store: Store, path: Path) -> None:
    limits, who = Limits(SystemClock(), store.writer.journal), key(budgets=(("1", "day"),))
    first = await spend(limits, who, 1, "0.1")
    limits.settle(first, tokens=57, nano_usd=None)
    store.writer.put(Request(1))
    store.writer.put(Request(2, model="\ud800"))
    second = limits.admit(who, "\ud800", tokens=10**30)
    assert second is not None
    await limits.spend(
        second, who, "\ud800", model="\udfff", endpoint="c", vendor="v", tokens=10**30, nano_usd=nano("0.1")
    )
    assert limits.counts(who, second.at)["day"] == (0, nano("0.1"))
    limits.settle(second, tokens=1, nano_usd=None)
    await spend(limits, who, 3, "0.1")
    await store.writer.flush()
    assert kept(path) == {Request(3).id: nano("0.1")}
    assert kept(path, "usage") == {Request(1).id: 12}


async def test_a_disk_that_refuses_says_so_to_who_waits(path: Path) -> None:
    prepare(path)
    database = Refusing(path)
    store = Store(database, SystemClock())
    limits, who = Limits(SystemClock(), store.writer.journal), key(budgets=(("1", "day"),))
    first = await spend(limits, who, 1, "0.1")
    database.refuses = True
    with pytest.raises(StorageFailed):
        await spend(limits, who, 2, "0.1")
    assert limits.counts(who, Request(1).at)["day"] == (0, nano("0.1"))
    limits.settle(first, tokens=57, nano_usd=nano("0.1"))
    store.writer.put(Request(1))
    await store.writer.flush()
    assert kept(path) == {Request(1).id: nano("0.1")}, "row and reserve wait together"
    database.refuses = False
    await store.writer.flush()
    assert kept(path) == {}
    assert kept(path, "usage") == {Request(1).id: 12}
    await store.close()
    with pytest.raises(FlockError, match="going down"):
        await spend(limits, who, 3, "0.1")


class Refusing(Database):
    """A database whose disk refuses when told so."""

    refuses = False

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Connection]:
        async with super().writing() as connection:
            yield connection
            if self.refuses:
                raise StorageFailed("no space is left")


async def test_minutes_ride_along(store: Store) -> None:
    limits, who = Limits(SystemClock(), store.writer.journal), key(rpm=10, tpm=1000)
    store.writer.journal.meters = limits.take_meters
    for number in range(3):
        limits.settle(limits.admit(who, f"req_{number}", tokens=100), tokens=50, nano_usd=None)
        store.writer.put(Request(number))
        await store.writer.flush()
    found = await store.ledger.meters()
    assert set(found) == {"k_1"}
    assert {name for name, _ in found["k_1"]} == {"rpm", "tpm"}
