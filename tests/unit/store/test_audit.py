"""Reading the audit: by globs and times, as sums, and which acts are taken back."""

from pathlib import Path
from typing import Any

from flock.clock import SystemClock
from flock.store.audit import UNDO, Wanted
from flock.store.store import Store
from tests.unit.store.chained import sql


async def test_acts_are_found_by_globs_and_times(store: Store) -> None:
    for actor, action, outcome in (
        ("root", "token.create", "ok"),
        ("Root", "token.edit", "ok"),
        ("ci", "config.set", "not_allowed"),
        ("100%_x", "audit.pruned", "ok"),
    ):
        store.writer.audit(actor, action, "t", outcome, {})
    await store.writer.flush()

    async def found(**wanted: Any) -> list[int]:
        return [row.id for row in await store.audit.recent(10, Wanted(**wanted))]

    assert await found() == [4, 3, 2, 1]
    assert await found(actor="root") == [1]
    assert await found(actor="*oot") == [2, 1]
    assert await found(actor="[Rc]*") == [3, 2]
    assert await found(actor="100%_x") == [4]
    assert await found(actor="1%") == []
    assert await found(action="token.*") == [2, 1]
    assert await found(done=True) == [2, 1]
    now = SystemClock().now()
    assert await found(since=now + 60) == []
    assert await found(until=now - 3600) == []
    assert await found(since=now - 3600, until=now + 60, action="*.set") == [3]
    acts, refused, top = await store.audit.counts(Wanted())
    assert (acts, refused) == (4, 1)
    assert [(c.name, c.count) for c in top["outcome"]] == [("ok", 3), ("not_allowed", 1)]
    assert await store.audit.counts(Wanted(actor="nobody")) == (0, 0, {"actor": (), "action": (), "outcome": ()})


async def test_an_act_whose_undoing_was_undone_is_in_force(store: Store) -> None:
    for target in ("", "1", "2", "1"):  # act 1; 2 undoes 1; 3 undoes 2; 4 undoes 1 again
        store.writer.audit("root", UNDO if target else "token.edit", target, "ok", {})
        await store.writer.flush()
    assert await store.audit.undone(1) == {2: 3, 1: 4}
    store.writer.audit("root", UNDO, "4", "ok", {})
    store.writer.audit("root", UNDO, "3", "conflict", {})
    await store.writer.flush()
    assert await store.audit.undone(1) == {2: 3, 4: 5}
    assert await store.audit.undone(3) == {4: 5}


async def test_a_damaged_row_hides_no_other(store: Store, path: Path) -> None:
    for number in range(3):
        store.writer.audit("root", "token.edit", str(number), "ok", {"a": 1}, {"b": 2})
    await store.writer.flush()
    sql(path, "UPDATE audit SET details = '[', before = '[1]' WHERE id = 2")
    acts = await store.audit.acts(10, Wanted())
    assert [(act.row.details, act.before) for act in acts] == [({"a": 1}, {"b": 2}), ({}, None), ({"a": 1}, {"b": 2})]
