"""Counters and ledger: what was used before a start counts after it, whatever ended the process, to the last digit."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flock.clock import Clock, SystemClock
from flock.core.counters import compare, recover
from flock.errors import BudgetExceeded, QuotaExceeded
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import dollars, nano
from flock.policy.windows import NAMES
from flock.store.entries import HoldEntry
from flock.store.store import Store
from flock.store.usage import COLUMNS
from tests.unit.core.holding_child import COST, holder
from tests.unit.policy.virtual import Virtual, at, key

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "flock.db", SystemClock())
    yield opened
    await opened.close()


def row(request_id: str, moment: float, tokens: int = 0, cost: str | None = None, key_id: str = "k_1") -> tuple:
    """Return a usage row."""
    values = {
        "request_id": request_id,
        "at": moment,
        "user": "alice",
        "key_id": key_id,
        "model": "m",
        "endpoint": "chat",
        "engine": "v",
        "input_tokens": tokens - tokens // 3,
        "output_tokens": tokens // 3,
        "outcome": "ok",
        "vendor": "v",
        "cost_usd": cost,
        "ttft_ms": None,
    }
    return tuple(values.get(column, 0) for column in COLUMNS)


async def started(store: Store, who: Key, clock: Clock) -> Limits:
    """Return limits as a start makes them."""
    limits = Limits(clock, store.writer.journal)
    store.writer.journal.meters = limits.take_meters
    late = await recover(limits, store, [who], clock)
    if late is not None:
        assert not who.quota, "a key with limits does not begin without what it used"
        assert not who.budgets
        await late
    return limits


def used(limits: Limits, who: Key, words: str) -> tuple[int, ...]:
    """Return tokens of the day, billionths of the day, week and month."""
    counts = limits.counts(who, at(words))
    return (counts["quota"][0], *(counts[name][0] for name in NAMES))


async def test_what_was_used_before_a_start_counts(store: Store) -> None:
    for number, (moment, tokens, cost) in enumerate(
        [
            ("2026-10-31 23:59:59", 1, "1"),
            ("2026-11-01 00:00", 2, "0.000000002"),
            ("2026-11-23 00:00", 4, "0.4"),
            ("2026-11-26 00:00", 8, "0.08"),
            ("2026-11-26 20:59:59", 16, None),
            ("2026-11-27 00:00", 32, "3.2"),
        ]
    ):
        store.writer.put_row(row(f"req_{number}", at(moment), tokens, cost))
        store.writer.put_row(row(f"req_x{number}", at(moment), 1000, "1000", "k_other"))
    await store.writer.flush()
    who = key(quota=1000, budgets=(("1", "day"),))
    limits = await started(store, who, Virtual("2026-11-26 21:00"))
    assert used(limits, who, "2026-11-26 21:00") == (24, nano("0.08"), nano("3.68"), nano("3.680000002"))


@pytest.mark.parametrize("wrong", ["1970-01-01 00:00", "2025-01-01 10:00", "2031-05-05 10:00"])
async def test_a_start_with_a_wrong_clock_gives_no_budget_twice(store: Store, wrong: str) -> None:
    store.writer.put_row(row("req_1", at("2026-11-26 20:00"), 100, "1"))
    await store.writer.flush()
    clock, who = Virtual(wrong), key(quota=100, budgets=(("1", "month"),))
    limits = await started(store, who, clock)
    limits.settle(limits.admit(who, "req_2", tokens=5), tokens=5, nano_usd=None)
    clock.set_to("2026-11-26 20:30")
    with pytest.raises(QuotaExceeded):
        limits.admit(who, "req_3", tokens=1)
    assert used(limits, who, "2026-11-26 20:30")[3] == nano("1")


@pytest.mark.parametrize("limited", [{}, {"quota": 1000}])
async def test_rows_of_a_release_without_sums_count_and_forgotten_rows_too(
    store: Store, tmp_path: Path, limited: dict[str, int]
) -> None:
    words = ", ".join(COLUMNS)
    connection = sqlite3.connect(tmp_path / "flock.db")
    for number in range(10):
        values = row(f"old_{number}", at("2026-11-26 10:00") + number, 3, "0.1")
        connection.execute(f"INSERT INTO usage ({words}) VALUES ({', '.join('?' * len(values))})", values)
    connection.execute("INSERT INTO marks VALUES ('unsummed', 10)")
    connection.commit()
    store.writer.put_row(row("new", at("2026-11-26 10:00:05"), 5, "0.5"))
    await store.writer.flush()
    who, clock = key(**limited), Virtual("2026-11-26 21:00")
    expected = (35, nano("1.5"), nano("1.5"), nano("1.5"))
    assert used(await started(store, who, clock), who, "2026-11-26 21:00") == expected
    while connection.execute("SELECT count(*) FROM marks").fetchone() != (0,):
        await store.writer.hours.tend()
    assert used(await started(store, who, clock), who, "2026-11-26 21:00") == expected
    connection.execute("DELETE FROM usage")
    connection.commit()
    connection.close()
    assert used(await started(store, who, clock), who, "2026-11-26 21:00") == expected


def hold(number: int, words: str = "2026-11-26 20:00") -> HoldEntry:
    return HoldEntry(f"req_{number}", at(words) + number, "alice", "k_1", "m", "chat", "openai", 40, nano("0.25"))


async def test_what_a_crash_left_becomes_a_row_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2):
        await store.writer.journal.hold(hold(number))
    store.writer.put_row(row("req_2", hold(2).at, 7, "0.01"))  # its row came, and the crash before its reserve went
    await store.writer.flush()
    who = key(quota=1000, budgets=(("1", "day"),))
    limits = await started(store, who, Virtual("2026-11-26 21:00"))
    assert used(limits, who, "2026-11-26 21:00") == (47, nano("0.26"), nano("0.26"), nano("0.26"))
    assert await store.ledger.holds() == []
    kept = {found.request_id: found for found in await store.usage.recent(10)}
    assert set(kept) == {"req_1", "req_2"}
    assert (kept["req_1"].outcome, kept["req_1"].estimated, kept["req_1"].cost_usd) == ("partial", True, "0.25")
    assert kept["req_1"].at == "2026-11-26T20:00:01.000Z"
    assert "2 requests held money when flock ended" in caplog.text
    again = await started(store, who, Virtual("2026-11-26 21:00"))
    assert used(again, who, "2026-11-26 21:00") == (47, nano("0.26"), nano("0.26"), nano("0.26"))


async def killed(mode: str, path: Path, last: str | int) -> list[str]:
    """Run the child, kill it at its line `last` or after so many lines; return the ids of what it reserved."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.core.holding_child", mode, str(path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(60):
        while len(said) < last if isinstance(last, int) else last not in said:
            said.append((await child.stdout.readline()).decode().strip())
    child.send_signal(signal.SIGKILL)
    rest = (await child.stdout.read()).decode()
    await child.wait()
    said += [line.strip() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in said if line.startswith("req_")]


def either_or(path: Path, ids: list[str]) -> bool:
    """Return whether each of these requests has its reserve or its row, and none has both."""
    connection = sqlite3.connect(path)
    holds, rows = (
        {found for (found,) in connection.execute(f"SELECT request_id FROM {table}")} for table in ("holds", "usage")
    )
    connection.close()
    return not holds & rows and set(ids) <= holds | rows


async def test_a_kill_between_reserve_and_settle_counts_the_reserve(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    ids = await killed("between", path, 3)
    assert len(ids) == 3
    assert either_or(path, ids)
    store, who = await Store.open(path, SystemClock()), holder()
    limits = await started(store, who, SystemClock())
    kept = {found.request_id: found for found in await store.usage.recent(10)}
    assert set(kept) == set(ids)
    assert (kept[ids[2]].cost_usd, kept[ids[2]].outcome, kept[ids[2]].vendor) == ("0.5", "partial", "v")
    settled = sum(found.outcome == "ok" for found in kept.values())
    crashed = 3 - settled
    spent = limits.counts(who, SystemClock().now())["month"]
    assert spent == (settled * nano(COST) + crashed * nano("0.5"), 0)
    assert await compare(limits, store, [who], SystemClock()) == (1, [])
    await store.close()


@pytest.mark.parametrize("after", [1, 40, 150])
async def test_a_kill_at_any_moment_leaves_the_reserve_or_the_row(tmp_path: Path, after: int) -> None:
    path = tmp_path / "flock.db"
    ids = await killed("busy", path, after)
    assert either_or(path, ids)
    store, who = await Store.open(path, SystemClock()), holder()
    limits = await started(store, who, SystemClock())
    rows = await store.usage.recent(100_000)
    assert len(rows) == len(set(ids) | {found.request_id for found in rows})
    assert limits.counts(who, SystemClock().now())["month"] == (sum(nano(r.cost_usd or "0") for r in rows), 0)
    assert await store.ledger.holds() == []
    assert await compare(limits, store, [who], SystemClock()) == (1, [])
    await store.close()


async def test_a_reserve_that_goes_in_another_transaction_than_its_row_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    assert not either_or(path, await killed("apart", path, "apart"))


async def test_without_recovery_the_money_of_a_crash_is_given_again(tmp_path: Path) -> None:
    path, who, clock = tmp_path / "flock.db", holder(), SystemClock()
    who.budgets = (("0.5", "month"),)
    await killed("between", path, 3)
    store = await Store.open(path, clock)
    empty, full = Limits(clock), await started(store, who, clock)
    for limits, passes in ((empty, True), (full, False)):
        asking = limits.spend(
            *(limits.admit(who, "req_x", tokens=1), who, "req_x"),
            model="m",
            endpoint="chat",
            vendor="v",
            tokens=1,
            nano_usd=nano("0.1"),
        )
        if passes:
            await asking
        else:
            with pytest.raises(BudgetExceeded):
                await asking
    await store.close()


async def test_a_counter_that_is_not_what_the_ledger_says_is_named(store: Store) -> None:
    clock, who = SystemClock(), key(quota=1000, budgets=(("1", "day"), ("5", "month")))
    limits = await started(store, who, clock)
    running = limits.admit(who, "req_1", tokens=100)
    await limits.spend(running, who, "req_1", model="m", endpoint="chat", vendor="v", tokens=100, nano_usd=nano("0.25"))
    done = limits.admit(who, "req_2", tokens=100)
    assert done is not None
    limits.settle(done, tokens=9, nano_usd=nano("0.1"))
    store.writer.put_row(row("req_2", done.at, 9, "0.1"))
    assert await compare(limits, store, [who, key("k_2")], clock) == (1, [])

    limits.begin(who, "day", done.at, tokens=5, nano_usd=3)
    await store.writer.journal.hold(hold(7))
    _, found = await compare(limits, store, [who], clock)
    assert found == [
        "the key 'alice' counts 14 tokens today, and its usage rows 9",
        f"the key 'alice' counts ${dollars(nano('0.1') + 3)} this day, and its usage rows $0.1",
        "the key 'alice' counts $0.25 as reserved, and the table holds $0.5",
    ]


async def test_counters_are_compared_while_requests_run(store: Store) -> None:
    clock, who = SystemClock(), key(quota=10**9, budgets=(("1000", "day"),))
    limits = await started(store, who, clock)

    async def one(number: int) -> None:
        for step in range(10):
            name = f"req_{number}_{step}"
            held = limits.admit(who, name, tokens=100)
            assert held is not None
            await limits.spend(
                held, who, name, model="m", endpoint="chat", vendor="v", tokens=100, nano_usd=nano("0.01")
            )
            limits.settle(held, tokens=9, nano_usd=nano("0.001"))
            store.writer.put_row(row(name, held.at, 9, "0.001"))

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(one(number))
        await compare(limits, store, [who], clock)
    assert await compare(limits, store, [who], clock) == (1, [])
    assert limits.counts(who, clock.now())["day"] == (200 * nano("0.001"), 0)
