"""The chain through the audit, on a real file: every change shows, and what flock does itself does not."""

import asyncio
import hashlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from flock.store.chain import HASHED, Head, Walk, digest
from tests.unit.store.chained import DAY, NOW, Opened, sql, whole
from tests.unit.store.conftest import Request

COLUMNS = (*(column.name for column in HASHED), "hash")


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Opened]:
    made = Opened(path)
    yield made
    await made.close()


async def test_what_flock_writes_is_whole(opened: Opened) -> None:
    assert whole(await opened.walk())
    await opened.act()
    await opened.act(700)
    walk = await opened.walk()
    assert (whole(walk), walk.rows, walk.unchained, walk.pruned) == (True, 701, 0, 0)
    assert opened.sql("SELECT hash FROM audit ORDER BY id DESC LIMIT 1") == [(walk.head.hash,)]
    assert walk.head == opened.writer.chain.head


async def test_the_hash_is_that_of_the_row_and_the_hash_before() -> None:
    row = (1, NOW, "root", "token.create", "k_1", "ok", "{}", "")
    words = f'["0a",1,{NOW},"root","token.create","k_1","ok","{{}}",""]'
    assert digest("0a", row) == hashlib.sha256(words.encode()).hexdigest()


async def test_a_start_goes_on_from_the_last_row(path: Path) -> None:
    heads: list[Head | None] = []
    for _ in range(3):
        opened = Opened(path)
        await opened.act(2)
        heads.append(opened.writer.chain.head)
        await opened.close()
    opened = Opened(path)
    walk = await opened.walk()
    assert (whole(walk), walk.rows) == (True, 6)
    assert whole(await opened.walk(heads[0].hash if heads[0] else "-"))
    await opened.close()


async def test_rows_that_are_given_up_leave_no_gap(opened: Opened) -> None:
    for number in range(40):
        opened.writer.audit("root", "token.edit", "\ud800" if number in (0, 17, 39) else "k_1", "ok", {})
    await opened.writer.flush()
    await opened.act()
    walk = await opened.walk()
    assert (whole(walk), walk.rows, opened.writer.dropped) == (True, 38, 3)


async def test_a_usage_row_that_is_given_up_takes_no_act_along(opened: Opened) -> None:
    opened.writer.put(Request(1, model="\ud800"))
    await opened.act(3)
    opened.writer.put(Request(2))
    await opened.act(3)
    walk = await opened.walk()
    assert (whole(walk), walk.rows) == (True, 6)


async def test_acts_that_waited_for_the_disk_are_chained_when_it_takes_them(opened: Opened) -> None:
    await opened.act(3)
    opened.sql("ALTER TABLE audit RENAME TO aside")
    await opened.act(2)
    assert opened.writer.failing
    assert opened.writer.chain.head is None
    opened.sql("ALTER TABLE aside RENAME TO audit")
    await opened.act(2)
    walk = await opened.walk()
    assert (whole(walk), walk.rows, opened.writer.failing, opened.writer.dropped) == (True, 7, "", 0)


async def test_a_clock_that_jumps_does_not_break_it(opened: Opened) -> None:
    for jump in (0.0, -400 * DAY, 3650 * DAY, -0.0, 1e-9):
        opened.clock.time = NOW + jump
        await opened.act(2)
    walk = await opened.walk()
    assert (whole(walk), walk.rows) == (True, 10)


@pytest.mark.parametrize("now", [0.0, -0.0, 5, 1e16, 1e300, -12.5, 0.1 + 0.2])
async def test_every_time_reads_as_it_was_hashed(path: Path, now: float) -> None:
    opened = Opened(path, now)
    await opened.act(2)
    assert whole(await opened.walk())
    await opened.close()


# -- what others do to the file


VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    st.binary(max_size=4),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.sampled_from(["the same as a blob", "with a blank", "in capitals"]),
)
Change = Callable[[Path, Any], None]


def change_a_field(path: Path, draw: Any) -> None:
    """Give one field of one row another value, of any type that SQLite takes there."""
    id, name, value = draw(st.integers(1, 8)), draw(st.sampled_from(COLUMNS)), draw(VALUES)
    was = sql(path, f"SELECT {name}, typeof({name}) FROM audit WHERE id = ?", id)
    text = str(was[0][0])
    alike = {"the same as a blob": text.encode(), "with a blank": f"{text} ", "in capitals": text.upper()}
    value = alike.get(value, value) if isinstance(value, str) else value
    try:
        sql(path, f"UPDATE audit SET {name} = ? WHERE id = ?", value, id)
    except sqlite3.IntegrityError:  # a number of a row that is there, or none
        reject()
    assume(sql(path, f"SELECT {name}, typeof({name}) FROM audit ORDER BY id LIMIT 1 OFFSET ?", id - 1) != was)


def take_out(path: Path, draw: Any) -> None:
    """Take out a row that is not the last."""
    sql(path, "DELETE FROM audit WHERE id = ?", draw(st.integers(1, 7)))


def take_out_and_move_up(path: Path, draw: Any) -> None:
    """Take out a row and give the later ones its numbers."""
    id = draw(st.integers(1, 7))
    sql(path, "DELETE FROM audit WHERE id = ?", id)
    for later in range(id + 1, 9):
        sql(path, "UPDATE audit SET id = ? WHERE id = ?", later - 1, later)


def put_in(path: Path, draw: Any) -> None:
    """Put in a row, a copy or one of its own, before, between or behind the others."""
    at, fresh = draw(st.integers(1, 9)), draw(st.booleans())
    for later in range(8, at - 1, -1):
        sql(path, "UPDATE audit SET id = ? WHERE id = ?", later + 1, later)
    like = draw(st.integers(1, 9).filter(lambda i: i != at))
    row = list(
        sql(path, "SELECT at, actor, action, target, outcome, details, before, hash FROM audit WHERE id = ?", like)[0]
    )
    if fresh:
        row[-1] = draw(st.sampled_from(["", "0" * 64]))
    sql(path, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", at, *row)


def swap(path: Path, draw: Any) -> None:
    """Let two rows trade places."""
    one, other = draw(st.lists(st.integers(1, 8), min_size=2, max_size=2, unique=True))
    sql(path, "UPDATE audit SET id = 99 WHERE id = ?", one)
    sql(path, "UPDATE audit SET id = ? WHERE id = ?", one, other)
    sql(path, "UPDATE audit SET id = ? WHERE id = 99", other)


CHANGES: list[Change] = [change_a_field, take_out, take_out_and_move_up, put_in, swap]


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with eight rows in a chain."""
    path = tmp_path_factory.mktemp("chain") / "flock.db"

    async def make() -> None:
        opened = Opened(path)
        await opened.act(8)
        await opened.close()

    asyncio.run(make())
    return path.read_bytes()


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_single_change_is_found(chained: bytes, change: Change, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flock.db"
        path.write_bytes(chained)
        change(path, data.draw)

        async def look() -> Walk:
            opened = Opened(path)
            walk = await opened.walk(known=False)
            await opened.close()
            return walk

        walk = asyncio.run(look())
        assert walk.broken_at is not None
        assert walk.problem


async def test_rows_behind_a_changed_one_are_not_looked_at(opened: Opened) -> None:
    await opened.act(8)
    opened.sql("UPDATE audit SET actor = 'bob' WHERE id = 4")
    walk = await opened.walk()
    assert (walk.broken_at, walk.rows) == (4, 4)
    assert walk.problem == "row 4 does not fit the one before: it was changed, put in, or swapped with another"


async def test_what_was_taken_out_is_named(opened: Opened) -> None:
    await opened.act(8)
    opened.sql("DELETE FROM audit WHERE id = 3")
    assert (await opened.walk()).problem == "row 3 was taken out"
    opened.sql("DELETE FROM audit WHERE id IN (4, 5)")
    walk = await opened.walk()
    assert (walk.broken_at, walk.problem) == (6, "rows 3 to 5 were taken out")
    opened.sql("DELETE FROM audit WHERE id < 7")
    walk = await opened.walk()
    words = "the oldest row is 7: those before were taken out, and no row says that retention did"
    assert (walk.broken_at, walk.problem) == (7, words)


async def test_a_cut_tail_is_found_while_flock_runs_and_with_a_noted_head(path: Path) -> None:
    opened = Opened(path)
    await opened.act(8)
    noted = (await opened.walk()).head.hash
    opened.sql("DELETE FROM audit WHERE id > 5")
    walk = await opened.walk()
    assert (walk.broken_at, walk.problem) == (8, "the newest rows were cut off: this flock wrote row 8")
    await opened.close()
    opened = Opened(path)
    assert whole(await opened.walk())
    await opened.act(5)
    assert whole(await opened.walk())
    walk = await opened.walk(noted)
    assert (walk.broken_at, walk.problem) == (
        None,
        f"no row has the hash {noted}: the newest rows were cut off and others written",
    )
    await opened.close()


async def test_what_is_written_after_a_cut_does_not_fit(opened: Opened) -> None:
    await opened.act(8)
    opened.sql("DELETE FROM audit WHERE id > 5")
    await opened.act(2)
    assert (await opened.walk(known=False)).broken_at == 6


async def test_a_chain_that_was_made_anew_is_found_while_flock_runs(opened: Opened) -> None:
    await opened.act(8)
    head = ""
    for row in opened.sql("SELECT id, at, actor, action, target, outcome, details, before FROM audit ORDER BY id"):
        made = (*row[:2], "bob", *row[3:]) if row[0] == 4 else row
        head = digest(head, made)
        opened.sql("UPDATE audit SET actor = ?, hash = ? WHERE id = ?", made[2], head, row[0])
    assert whole(await opened.walk(known=False))
    walk = await opened.walk()
    assert (walk.broken_at, walk.problem) == (
        8,
        "row 8 is not as flock wrote it: it or one before was made anew, hash and all",
    )


async def test_bytes_that_are_no_text_break_it_at_their_row(opened: Opened) -> None:
    await opened.act(1200)
    opened.sql("UPDATE audit SET target = CAST(x'ff00' AS TEXT) WHERE id = 777")
    walk = await opened.walk()
    assert (walk.broken_at, walk.problem) == (777, "row 777 was changed: it holds bytes that are no text")


async def test_acts_go_on_while_the_chain_is_checked(opened: Opened) -> None:
    await opened.act(3000)
    checking = asyncio.create_task(opened.walk())
    while not checking.done():
        await opened.act(1)
    assert whole(checking.result())
    assert whole(await opened.walk())
