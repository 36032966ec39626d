"""Rows of older releases before the chain, and what retention takes from its oldest end."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flock.store.chain import MOST_PRUNED, Chain
from flock.store.writer import PRUNE_SECONDS
from tests.unit.store.chained import DAY, NOW, Opened, older, sql, whole


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Opened]:
    made = Opened(path)
    yield made
    await made.close()


# -- rows of releases without a chain


async def test_rows_of_older_releases_stand_before_the_chain_and_are_covered_by_it(path: Path) -> None:
    older(path, 1203)
    opened = Opened(path)
    walk = await opened.walk()
    assert (whole(walk), walk.rows, walk.unchained) == (True, 1203, 1203)
    await opened.act(4)
    walk = await opened.walk()
    assert (whole(walk), walk.rows, walk.unchained) == (True, 1207, 1203)
    opened.sql("UPDATE audit SET target = 'other' WHERE id = 700")
    walk = await opened.walk()
    assert walk.broken_at == 1204
    assert "one of the 1203 of an older release before it was changed or taken out" in walk.problem
    await opened.close()


async def test_a_row_cannot_pass_for_one_of_an_older_release(opened: Opened) -> None:
    await opened.act(8)
    opened.sql("UPDATE audit SET hash = '' WHERE id < 5")
    walk = await opened.walk()
    assert (walk.broken_at, walk.unchained) == (5, 4)


# -- retention


async def pruned(opened: Opened, days: int) -> None:
    opened.writer.audit_days = days
    opened.clock.seconds += PRUNE_SECONDS + 1
    await opened.act(1, "model.load")
    await opened.writer.flush()


async def test_retention_leaves_a_chain_that_can_be_checked(opened: Opened) -> None:
    await opened.act(10)
    old = (await opened.walk()).head.hash
    opened.clock.time += 20 * DAY
    await opened.act(5)
    await pruned(opened, 10)
    marker = opened.sql("SELECT actor, action, outcome, details FROM audit ORDER BY id DESC LIMIT 1")[0]
    assert marker[:3] == ("flock", "audit.pruned", "ok")
    assert json.loads(marker[3]) == {"rows": 10, "first": 11, "before": old, "days": 10}
    walk = await opened.walk()
    assert (whole(walk), walk.rows, walk.pruned) == (True, 7, 10)
    assert whole(await opened.walk(old))
    opened.sql("DELETE FROM audit WHERE id = 11")
    assert (await opened.walk()).broken_at == 12


async def test_retention_again_and_again_and_after_a_start(path: Path) -> None:
    for turn in range(4):
        opened = Opened(path, NOW + turn * 20 * DAY)
        await opened.act(3)
        await pruned(opened, 10)
        walk = await opened.walk()
        assert whole(walk), walk.problem
        assert walk.pruned == sql(path, "SELECT min(id) FROM audit")[0][0] - 1
        await opened.close()


async def test_when_everything_is_old_only_the_row_that_says_so_stays(opened: Opened) -> None:
    await opened.act(10)
    opened.clock.time += 20 * DAY
    async with opened.database.writing() as connection:
        assert await opened.writer.chain.prune(connection, opened.clock.now(), 10) == 10
    opened.writer.chain.committed()
    walk = await opened.walk()
    assert (whole(walk), walk.rows, walk.pruned) == (True, 1, 10)
    await opened.act(3)
    assert opened.sql("SELECT id FROM audit ORDER BY id") == [(11,), (12,), (13,), (14,)]
    assert whole(await opened.walk())


async def test_rows_of_older_releases_are_forgotten_too(path: Path) -> None:
    older(path, 30)
    opened = Opened(path)
    await opened.act(2)
    assert whole(await opened.walk())
    await pruned(opened, 10)
    walk = await opened.walk()
    assert (whole(walk), walk.unchained, walk.pruned) == (True, 0, 30)
    await opened.close()


async def test_a_cut_takes_a_bounded_number_and_the_next_goes_on(path: Path) -> None:
    older(path, MOST_PRUNED + 70)
    opened = Opened(path)
    await pruned(opened, 30)
    walk = await opened.walk()
    assert (whole(walk), walk.pruned, walk.unchained) == (True, MOST_PRUNED, 70)
    await pruned(opened, 30)
    walk = await opened.walk()
    assert (whole(walk), walk.pruned, walk.unchained) == (True, MOST_PRUNED + 70, 0)
    await opened.close()


async def test_a_clock_that_was_ahead_keeps_rows_longer_and_one_behind_forgets_none(opened: Opened) -> None:
    await opened.act(3)
    opened.clock.time = NOW + 300 * DAY
    await opened.act(1)
    opened.clock.time = NOW + 20 * DAY
    await opened.act(2)
    await pruned(opened, 10)
    assert opened.sql("SELECT min(id) FROM audit") == [(4,)]
    opened.clock.time = NOW - 4000 * DAY
    await pruned(opened, 10)
    assert opened.sql("SELECT min(id) FROM audit") == [(4,)]
    assert whole(await opened.walk())


async def test_without_days_nothing_is_forgotten(opened: Opened) -> None:
    await opened.act(3)
    opened.clock.time += 4000 * DAY
    await pruned(opened, 0)
    assert opened.sql("SELECT count(*) FROM audit") == [(4,)]


async def test_a_prune_that_fails_forgets_nothing(opened: Opened) -> None:
    await opened.act(3)
    chain = Chain()

    async def fail() -> None:
        async with opened.database.writing() as connection:
            assert await chain.prune(connection, NOW + 20 * DAY, 10) == 3
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        await fail()
    chain.lost()
    assert whole(await opened.walk())
    assert opened.sql("SELECT count(*) FROM audit") == [(3,)]
