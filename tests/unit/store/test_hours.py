"""Sums by the hour are the sums of the rows: whatever comes in whichever batches, fails, was there before, or goes."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.clock import SystemClock
from flock.store.edges import unsummed
from flock.store.hours import GROUP, GROUPS_KEPT, ROWS_A_STEP, stored_sums
from flock.store.reckoning import Reckoned, Wanted
from flock.store.store import Store
from flock.store.sums import Sums
from tests.unit.store.usage_rows import BEGIN, HOUR, Row, reckoned, rows

DAY = int(BEGIN // 86400)


def hours(path: Path) -> dict[tuple[Any, ...], Sums]:
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("SELECT * FROM usage_hours").fetchall()
    finally:
        connection.close()
    return {row[: len(GROUP)]: stored_sums(row) for row in found}


def grouped(many: list[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], Sums]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in many:
        groups.setdefault(key(row), []).append(row)
    return {group: reckoned(found) for group, found in groups.items()}


def group_of(row: Row) -> tuple[Any, ...]:
    return int(row.at // HOUR), row.user, row.key_id, row.model, row.vendor


def same(found: dict[tuple[Any, ...], Sums], wanted: dict[tuple[Any, ...], Sums]) -> None:
    assert found.keys() == wanted.keys()
    for group, sums in found.items():
        assert sums.equals(wanted[group]), (group, sums.plain(), wanted[group].plain())


def parts(answer: Reckoned) -> dict[tuple[Any, ...], Sums]:
    """Return the groups with their histograms."""
    found: dict[tuple[Any, ...], Sums] = {}
    for key, sums in answer.parts.items():
        found[key] = Sums(sums.plain())
        found[key].latency, found[key].ttft = answer.durations(key)
    return found


async def put(store: Store, *batches: list[Row]) -> None:
    for batch in batches:
        for row in batch:
            store.writer.put(row)
        await store.writer.flush()


@given(st.lists(st.lists(rows(), max_size=12), max_size=4), st.booleans())
@settings(max_examples=20, deadline=None)
def test_hours_are_the_sums_of_any_rows_in_any_batches(batches: list[list[Row]], restart: bool) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "flock.db"
            store = await Store.open(path, SystemClock())
            await put(store, *batches[:2])
            if restart:
                await store.close()
                store = await Store.open(path, SystemClock())
            await put(store, *batches[2:])
            everything = [row for batch in batches for row in batch]
            same(hours(path), grouped(everything, group_of))
            found = await store.reckoning.compare(DAY)
            assert (found.rows, found.summed, found.differing) == (len(everything), len(everything), [])
            await store.close()

    asyncio.run(run())


MOMENT = st.integers(0, 7 * 3600).map(lambda second: BEGIN - 1800 + second + 0.5) | st.integers(-1, 7).map(
    lambda hour: BEGIN + hour * HOUR
)


@given(
    st.lists(rows(), max_size=30),
    st.lists(st.tuples(MOMENT, MOMENT), min_size=1, max_size=6),
    st.sampled_from(["", "hour", "day", "month"]),
    st.lists(st.sampled_from(["user", "model", "vendor", "key_id"]), unique=True, max_size=4),
    st.sampled_from(["", "alice"]),
    st.sampled_from(["", "gpt-5"]),
)
@settings(max_examples=20, deadline=None)
def test_an_answer_is_exact_between_any_two_moments(
    many: list[Row], spans: list[tuple[float, float]], bucket: str, by: list[str], user: str, model: str
) -> None:
    def start(row: Row) -> float | None:
        return {"": None, "hour": row.at // HOUR * HOUR, "day": BEGIN, "month": BEGIN}[bucket]

    async def run() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            store = await Store.open(Path(scratch) / "flock.db", SystemClock())
            await put(store, many)
            for since, until in (sorted(span) for span in spans):
                inside = [
                    row
                    for row in many
                    if since <= row.at < until and user in ("", row.user) and model in ("", row.model)
                ]
                wanted = Wanted(since, until, tuple(by), bucket, user, model)
                answer = await store.reckoning.reckon(wanted)
                same(parts(answer), grouped(inside, lambda r: (start(r), *(getattr(r, name) for name in by))))
                assert (answer.since, answer.until) == (since, until)
                summed = await store.reckoning.sum_up(replace(wanted, by=(), bucket=""), 24)
                assert summed.total.equals(reckoned(inside))
                assert sum(summed.over_time) == len(inside)
                assert {name: sums.requests for name, sums in summed.users.items()} == {
                    name: sums.requests for (name,), sums in grouped(inside, lambda r: (r.user,)).items()
                }
            await store.close()

    asyncio.run(run())


async def test_parts_of_less_than_an_hour_are_counted_by_rows(store: Store) -> None:
    await put(store, [Row(at=BEGIN + second) for second in range(0, 3600, 100)])
    summed = await store.reckoning.sum_up(Wanted(BEGIN, BEGIN + HOUR), 6)
    assert summed.over_time == [6] * 6


async def test_a_row_that_comes_late_is_added_to_its_own_hour(store: Store, path: Path) -> None:
    first, late = Row(), Row(at=BEGIN - 5 * HOUR + 1)
    await put(store, [first, late], [Row(at=BEGIN + HOUR)], [late, first], [late])
    many = [first, late, Row(at=BEGIN + HOUR), late, first, late]
    same(hours(path), grouped(many, group_of))


async def test_rows_that_do_not_fit_are_in_no_sum(store: Store, path: Path) -> None:
    good = [Row(at=BEGIN + number) for number in range(300)]
    bad = [Row(model=2**70), Row(user="\ud800"), Row(at=None)]  # type: ignore[arg-type]
    await put(store, good[:150] + bad[:2] + good[150:] + bad[2:])
    assert store.writer.dropped == 3
    same(hours(path), grouped(good, group_of))


async def test_what_a_failed_batch_added_is_not_remembered(store: Store, path: Path) -> None:
    await put(store, [Row()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("ALTER TABLE decisions RENAME TO elsewhere")
    await put(store, [Row(), Row()])
    other.execute("ALTER TABLE elsewhere RENAME TO decisions")
    other.close()
    await put(store, [Row()])
    same(hours(path), grouped([Row()] * 4, group_of))


async def test_more_groups_than_are_remembered(store: Store, path: Path) -> None:
    many = [Row(user=f"user-{number}") for number in range(GROUPS_KEPT * 2)]
    await put(store, many, many[::2])
    same(hours(path), grouped(many + many[::2], group_of))


async def test_costs_that_no_release_wrote_are_not_known(store: Store, path: Path) -> None:
    await put(store, [Row(vendor="openai", cost_usd="a lot"), Row(vendor="openai", cost_usd="1e40")])
    ((_, sums),) = hours(path).items()
    assert (sums.nano_usd, sums.priced, sums.unpriced) == (0, 0, 2)


async def test_a_damaged_histogram_costs_no_row(store: Store, path: Path) -> None:
    await put(store, [Row()])
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE usage_hours SET latency = X'0909'")
    connection.commit()
    connection.close()
    again = await Store.open(path, SystemClock())
    await put(again, [Row()])
    ((_, sums),) = hours(path).items()
    assert (sums.requests, sum(sums.latency.values()), sum(sums.ttft.values())) == (2, 1, 2)
    found = await again.reckoning.compare(DAY)
    assert found.differing == [(int(BEGIN // HOUR), "alice", "k_1", "qwen3-8b", "")]
    await again.close()


# -- rows of releases that kept no sums


async def as_of_an_older_release(path: Path, many: list[Row]) -> None:
    store = await Store.open(path, SystemClock())
    await put(store, many)
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM usage_hours")
    connection.execute("INSERT INTO marks SELECT 'unsummed', max(id) FROM usage")
    connection.commit()
    connection.close()


async def all_summed(store: Store) -> None:
    async with asyncio.timeout(60):
        while True:
            async with store.reckoning.snapshot() as connection:
                if not await unsummed(connection):
                    return
            await asyncio.sleep(0.01)


async def test_rows_of_an_older_release_are_summed_up_while_flock_runs(path: Path) -> None:
    old = [Row(at=BEGIN + number % 40 * HOUR / 4, user=f"u{number % 3}") for number in range(ROWS_A_STEP * 3 + 7)]
    new = [Row(at=BEGIN + 9 * HOUR + 5), Row(at=BEGIN + 2, user="u1")]
    await as_of_an_older_release(path, old)
    store = await Store.open(path, SystemClock())
    everything = old + new
    whole = Wanted(BEGIN, BEGIN + 24 * HOUR, ("user",), "hour")

    def wanted() -> dict[tuple[Any, ...], Sums]:
        return grouped(everything, lambda r: (r.at // HOUR * HOUR, r.user))

    same(parts(await store.reckoning.reckon(whole)), grouped(old, lambda r: (r.at // HOUR * HOUR, r.user)))
    await put(store, new)
    # right at any moment on the way, and at the end
    same(parts(await store.reckoning.reckon(whole)), wanted())
    await all_summed(store)
    same(parts(await store.reckoning.reckon(whole)), wanted())
    same(hours(path), grouped(everything, group_of))
    assert (await store.reckoning.compare(DAY)).differing == []
    await store.close()


async def test_summing_up_goes_on_after_a_stop(path: Path) -> None:
    old = [Row(at=BEGIN + number) for number in range(ROWS_A_STEP * 6)]
    await as_of_an_older_release(path, old)
    for _ in range(3):
        store = await Store.open(path, SystemClock())
        await put(store, [Row()])
        old.append(Row())
        found = await store.reckoning.sum_up(Wanted(BEGIN - 1, BEGIN + 24 * HOUR), 24)
        assert found.total.equals(reckoned(old))
        await store.close()
    store = await Store.open(path, SystemClock())
    await all_summed(store)
    same(hours(path), grouped(old, group_of))
    await store.close()


# -- retention


class At(SystemClock):
    """The machine's clock, but for the time of day."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


async def rows_left(store: Store, count: int) -> None:
    async with asyncio.timeout(60):
        while len(await store.usage.recent(10_000)) != count:  # noqa: ASYNC110 - the writer tells nobody
            await asyncio.sleep(0.01)


async def test_rows_are_forgotten_by_whole_hours_and_their_sums_stay(path: Path) -> None:
    many = [Row(at=BEGIN + number * 60) for number in range(48 * 60)]
    store = await Store.open(path, At(BEGIN + 2 * 86400 + 1800))
    await put(store, many)
    before = hours(path)
    store.writer.hours.usage_days = 1
    await put(store, [])
    # 24 hours and a half are younger; the hour that the limit is in stays whole
    await rows_left(store, 24 * 60)
    same(hours(path), before)
    exact = await store.reckoning.sum_up(Wanted(BEGIN, BEGIN + 2 * 86400), 24)
    assert exact.total.equals(reckoned(many))
    # of a forgotten hour only all is known, and the answer says so
    asked = Wanted(BEGIN + HOUR / 2, BEGIN + 5 * HOUR / 2)
    found = await store.reckoning.sum_up(asked, 24)
    assert (found.since, found.until, found.total.requests) == (BEGIN, BEGIN + 3 * HOUR, 180)
    inside = await store.reckoning.sum_up(Wanted(BEGIN + 60, BEGIN + 120), 24)
    assert (inside.since, inside.until, inside.total.requests) == (BEGIN, BEGIN + HOUR, 60)
    assert sum(inside.over_time) == 60
    assert await store.reckoning.begin() == BEGIN
    # the oldest day that is left may have lost some: nothing can be compared yet
    assert await store.reckoning.days(0.0) == []
    await store.close()


async def test_rows_that_are_not_summed_up_yet_are_not_forgotten(path: Path) -> None:
    many = [Row(at=BEGIN + number) for number in range(ROWS_A_STEP * 2)]
    await as_of_an_older_release(path, many)
    store = await Store.open(path, At(BEGIN + 10 * 86400))
    store.writer.hours.usage_days = 1
    await put(store, [Row(at=BEGIN + 10 * 86400)])
    await rows_left(store, 1)
    assert sum(sums.requests for sums in hours(path).values()) == len(many) + 1
    await store.close()


@pytest.mark.parametrize("days", [0, 400])
async def test_young_rows_stay(path: Path, days: int) -> None:
    store = await Store.open(path, At(BEGIN + 86400))
    store.writer.hours.usage_days = days
    await put(store, [Row()], [Row(at=BEGIN + 1)])
    assert not await store.writer.hours.tend()
    assert len(await store.usage.recent(10)) == 2
    await store.close()
