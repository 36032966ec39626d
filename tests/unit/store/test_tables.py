"""What goes in comes out: every table on a real file, and after a reopening."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.errors import Conflict, NotFound
from flock.store.audit import Wanted
from flock.store.entries import EngineEntry, KeyEntry, ModelEntry, VendorEntry
from flock.store.store import Store
from flock.store.usage import COLUMNS
from tests.unit.store.conftest import Request

ALICE = KeyEntry("k_1", "alice", "user", b"\x00\xff" * 16, "abcd", 10.0, None, None)
BOB = KeyEntry("k_2", "bob", "admin", b"\x01\xfe" * 16, "efgh", 11.0, 12.5, 13.5)


async def test_keys(store: Store, path: Path) -> None:
    await store.keys.insert(BOB)
    await store.keys.insert(ALICE)
    assert await store.keys.all() == [ALICE, BOB]
    await store.keys.touch({"k_1": 99.0, "k_unknown": 1.0})
    await store.keys.update(replace(ALICE, revoked_at=100.0))
    again = await Store.open(path, SystemClock())
    (alice, _) = await again.keys.all()
    await again.close()
    assert (alice.last_used_at, alice.revoked_at) == (99.0, 100.0)


async def test_a_key_that_is_not_there_is_not_changed(store: Store) -> None:
    with pytest.raises(NotFound, match="'k_1'"):
        await store.keys.update(ALICE)


async def test_one_digest_one_key(store: Store) -> None:
    await store.keys.insert(ALICE)
    twin = KeyEntry("k_3", "eve", "admin", ALICE.digest, "abcd", 12.0, None, None)
    with pytest.raises(Conflict) as caught:
        await store.keys.insert(twin)
    assert ALICE.digest.hex() not in str(caught.value).lower()
    assert await store.keys.all() == [ALICE]


async def test_models_and_engines(store: Store) -> None:
    model = ModelEntry("qwen3", "/models/ä b.gguf", 1.0)
    engine = EngineEntry("vllm", "http://127.0.0.1:8000", 2.0)
    await store.models.insert(model)
    await store.engines.insert(engine)
    assert await store.models.all() == [model]
    assert await store.engines.all() == [engine]
    with pytest.raises(Conflict):
        await store.models.insert(model)
    await store.models.delete("qwen3")
    await store.models.delete("qwen3")
    await store.engines.delete("vllm")
    assert await store.models.all() == []
    assert await store.engines.all() == []


async def test_vendors(store: Store) -> None:
    groq = VendorEntry("groq", {"base": "https://groq.example/v1", "tags": ["ä"]}, 2, 3.0)
    await store.vendors.put(VendorEntry("azure", {}, 0, 4.0))
    await store.vendors.put(VendorEntry("groq", {}, 1, 3.0))
    await store.vendors.put(groq)
    assert await store.vendors.all() == [groq, VendorEntry("azure", {}, 0, 4.0)]
    await store.vendors.delete("azure")
    await store.vendors.delete("azure")
    assert await store.vendors.all() == [groq]


async def test_what_keys_and_engines_say_of_vendors_and_keys(store: Store) -> None:
    may = KeyEntry("k_3", "eve", "user", b"\x02\xfd" * 16, "ijkl", 12.0, None, None, "groq,open*")
    await store.keys.insert(may)
    assert await store.keys.all() == [may]
    engine = EngineEntry("vllm", "http://127.0.0.1:8000", 2.0, has_key=True)
    await store.engines.insert(engine)
    assert await store.engines.all() == [engine]


async def test_usage_newest_first_and_by_user(store: Store) -> None:
    for number in range(5):
        store.writer.put(Request(number, user="bob" if number % 2 else "alice"))
    await store.writer.flush()
    rows = await store.usage.recent(3)
    assert [r.request_id[-1] for r in rows] == ["4", "3", "2"]
    assert [r.request_id[-1] for r in await store.usage.recent(50, "bob")] == ["3", "1"]
    assert await store.usage.recent(50, "nobody") == []
    newest = rows[0]
    assert newest.at == "2096-10-02T07:06:44.000Z"
    assert (newest.input_tokens, newest.output_tokens, newest.estimated, newest.stream) == (12, 45, False, True)
    assert (newest.latency_ms, newest.ttft_ms, newest.status, newest.outcome) == (1234.5, 56.7, 200, "ok")


def test_usage_columns_match_the_row() -> None:
    assert len(COLUMNS) == len(Request(1).usage_row())


async def test_audit(store: Store) -> None:
    store.writer.audit("root", "token.create", "ci", "ok", {"scope": "admin", "wörd": "\udcff"})
    store.writer.audit("ci", "model.remove", "qwen3", "forbidden", {})
    await store.writer.flush()
    rows = await store.audit.recent(10)
    assert [(r.actor, r.action, r.target, r.outcome) for r in rows] == [
        ("ci", "model.remove", "qwen3", "forbidden"),
        ("root", "token.create", "ci", "ok"),
    ]
    assert rows[1].details == {"scope": "admin", "wörd": "\udcff"}
    assert [r.actor for r in await store.audit.recent(10, Wanted(actor="root"))] == ["root"]


async def test_decisions(store: Store) -> None:
    for number in range(3):
        store.writer.put(Request(number))
    await store.writer.flush()
    assert await store.decisions.get(Request(1).id) == b'{"id":"req_0000000000000001"}'
    assert await store.decisions.get("req_none") is None
    assert await store.decisions.latest(2) == [Request(2).decision()[2], Request(1).decision()[2]]


async def test_the_files_are_private(store: Store, path: Path) -> None:
    store.writer.put(Request(1))
    await store.writer.flush()
    modes = {p.name: stat.S_IMODE(os.stat(p).st_mode) for p in path.parent.glob("flock.db*")}
    assert modes == {"flock.db": 0o600, "flock.db-wal": 0o600, "flock.db-shm": 0o600}


async def test_a_loose_file_is_tightened(path: Path) -> None:
    path.touch(0o644)
    os.chmod(path, 0o644)
    store = await Store.open(path, SystemClock())
    await store.close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


async def test_nothing_is_left_beside_the_file_after_closing(path: Path) -> None:
    store = await Store.open(path, SystemClock())
    store.writer.put(Request(1))
    await store.close()
    assert [p.name for p in path.parent.iterdir()] == ["flock.db"]
    store = await Store.open(path, SystemClock())
    assert len(await store.usage.recent(10)) == 1
    await store.close()
