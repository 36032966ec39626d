"""Keys changed through their operations, on a real store: what stays, what is refused, what is lost to nobody."""

import asyncio
import stat
from typing import Any

import pytest

from flock.contract.op import Op
from flock.contract.tokens import (
    CreateToken,
    EditToken,
    ExpireToken,
    ListTokens,
    RenewToken,
    RevokeToken,
    RotateToken,
    ShowToken,
)
from flock.core.key_file import write_key
from flock.errors import Conflict, InvalidKey, InvalidRequest, NotFound
from flock.policy.keys import Keys
from tests.unit.core.key_bench import DAY, NOON, Bench


async def test_a_key_is_made_with_all_it_may_have(bench: Bench) -> None:
    made = await bench.create(
        "alice",
        owner="ada",
        note="the build server",
        ttl="7d",
        models="qwen3-8b,claude-*",
        vendors="groq,nono",
        rpm=60,
        tpm=10_000,
        quota=200_000,
        budget=("$100/month", "5/day"),
        tag=("team=web",),
        share=3,
    )
    assert made.expires_at == "2026-11-28T12:00:00.000Z"
    assert made.warnings == (
        "no model here has a name like 'claude-*' now",
        "no vendor is called 'nono': flock vendor ls --all",
    )
    key = bench.keys.authenticate(made.token)
    assert (key.user, key.rpm, key.tpm, key.quota, key.share) == ("ada", 60, 10_000, 200_000, 3)
    assert key.budgets == (("5", "day"), ("100", "month"))
    assert key.models == ("qwen3-8b", "claude-*")
    shown = await bench.do(ShowToken(id="alice"))
    assert [m.name for m in shown.meters] == ["rpm", "tpm", "quota", "budget/day", "budget/month"]
    assert (shown.token.note, shown.token.tags, shown.token.state) == ("the build server", ("team=web",), "active")
    # the row outlives the daemon
    again = Keys(bench.clock, required=True)
    again.load(await bench.store.keys.all())
    assert again.authenticate(made.token) == key
    assert made.token not in repr(bench.before)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"ttl": "7x"}, "--ttl '7x'"),
        ({"ttl": "0"}, "never be good"),
        ({"quota": -1}, "--quota -1"),
        ({"rpm": -1}, "--rpm -1"),
        ({"tpm": 10**10}, "--tpm 10000000000"),
        ({"budget": ("5",)}, "--budget '5'"),
        ({"budget": ("/day",)}, "--budget '/day'"),
        ({"budget": ("1/day", "2/day")}, "two budgets of one day"),
        ({"tag": ("x",)}, "--tag 'x'"),
        ({"share": 0}, "--share 0"),
        ({"vendors": "gr oq"}, "'gr oq'"),
        ({"models": "a b"}, "'a b'"),
        ({"owner": "a\x07"}, "owner"),
        ({"note": "a\nb"}, "--note"),
        ({"name": " "}, "' '"),
    ],
)
async def test_bad_input_makes_no_key(bench: Bench, bad: dict[str, Any], words: str) -> None:
    error = await bench.refused(CreateToken(**{"name": "zed", **bad}), InvalidRequest)
    assert words in error.sentence
    assert error.hint
    assert await bench.store.keys.all() == []
    assert bench.keys.ids() == []


async def test_an_edit_changes_what_it_names_and_running_requests_know(bench: Bench) -> None:
    made = await bench.create("alice", models="qwen3-8b", rpm=60, budget=("5/day",), tag=("a=1", "b=2"))
    held = bench.keys.authenticate(made.token)
    done = await bench.do(EditToken(id="alice", rpm=0, add_models="gemma*,x", remove_models="qwen3-8b", tag=("b=",)))
    assert bench.keys.authenticate(made.token) is held
    assert (held.rpm, held.models, held.budgets) == (0, ("gemma*", "x"), (("5", "day"),))
    assert (done.token.tags, done.warnings) == (("a=1",), ("no model here has a name like 'x' now",))
    assert bench.before["was"] == {"models": "qwen3-8b", "rpm": 60, "tags": {"a": "1", "b": "2"}}
    await bench.do(EditToken(id=made.id, budget=("none",), name="Alice", owner="ada", models=""))
    assert (held.budgets, held.name, held.user, held.models) == ((), "Alice", "ada", ())
    assert (await bench.do(ShowToken(id="Alice"))).token.owner == "ada"


async def test_edits_that_say_nothing_or_open_everything_are_refused(bench: Bench) -> None:
    made = await bench.create("alice", models="qwen3-8b")
    free = await bench.create("free")
    for op, words in (
        (EditToken(id=made.id), "nothing to change"),
        (EditToken(id=made.id, remove_models="qwen3-8b"), "means all models"),
        (EditToken(id=made.id, remove_models="other"), "not in the list"),
        (EditToken(id=free.id, add_models="qwen3-8b"), "all models already"),
        (EditToken(id=made.id, name=""), "1 to 100"),
        (EditToken(id=made.id, quota=-1), "--quota -1"),
    ):
        assert words in (await bench.refused(op, InvalidRequest)).sentence
    assert [key.models for key in bench.keys.all()] == [("qwen3-8b",), ()]


async def test_a_name_is_an_id_where_one_key_has_it(bench: Bench) -> None:
    one = await bench.create("bob", ttl="1h")
    two = await bench.create("bob")
    assert one.warnings == ()
    (said,) = two.warnings
    assert said.startswith("2 keys are called 'bob' now, and commands need the id: ")
    assert {one.id, two.id} == set(said.partition(": ")[2].split(", "))
    ada = await bench.create("ada")
    assert "3 keys are called 'bob'" in (await bench.do(EditToken(id=ada.id, name="bob"))).warnings[0]
    assert (await bench.do(EditToken(id=ada.id, name="ada"))).warnings == ()
    assert (await bench.do(EditToken(id=one.id, rpm=1))).warnings == ()
    error = await bench.refused(ShowToken(id="bob"), Conflict)
    assert set(error.details["ids"]) == {one.id, two.id}
    for op in (EditToken(id="bob", rpm=1), RevokeToken(id="bob"), RotateToken(id="bob"), ExpireToken(id="bob")):
        await bench.refused(op, Conflict)
    bench.clock.at += 3601.0
    # an expired one of the name stands back, but not where it is what may be meant
    assert (await bench.do(ShowToken(id="bob"))).token.id == two.id
    await bench.refused(RenewToken(id="bob", ttl="1d"), Conflict)
    await bench.do(RevokeToken(id=two.id))
    assert (await bench.do(ShowToken(id="bob"))).token.id == one.id
    near = await bench.refused(ShowToken(id="bobb"), NotFound)
    assert near.details["nearest"] == ["bob"]
    assert (await bench.refused(RevokeToken(id="k_000000000000"), NotFound)).exit_code == 5
    await bench.do(RevokeToken(id=one.id))
    assert "was revoked" in (await bench.refused(ShowToken(id="bob"), NotFound)).sentence


async def test_a_key_ends_and_is_renewed(bench: Bench) -> None:
    made = await bench.create("guest", ttl="7d")
    bench.clock.at += 7 * DAY - 1
    bench.keys.authenticate(made.token)
    bench.clock.at += 1
    with pytest.raises(InvalidKey, match="expired at 2026-11-28T12:00:00"):
        bench.keys.authenticate(made.token)
    assert await bench.do(ListTokens()) == []
    assert [k.state for k in await bench.do(ListTokens(all=True))] == ["expired"]
    await bench.refused(ExpireToken(id="guest"), Conflict)
    await bench.refused(RenewToken(id="guest", ttl="soon"), InvalidRequest)
    assert (await bench.do(RenewToken(id="guest", ttl="1d"))).state == "active"
    bench.keys.authenticate(made.token)
    assert (await bench.do(RenewToken(id="guest", ttl="never"))).expires_at is None
    assert (await bench.do(ExpireToken(id="guest", after="2h"))).state == "active"
    bench.keys.authenticate(made.token)
    assert (await bench.do(ExpireToken(id="guest"))).state == "expired"
    with pytest.raises(InvalidKey):
        bench.keys.authenticate(made.token)
    assert bench.ended == []  # what runs goes on


async def test_a_rotation_has_its_grace(bench: Bench) -> None:
    first = await bench.create("ci", rpm=60)
    held = bench.keys.authenticate(first.token)
    second = await bench.do(RotateToken(id="ci", grace="1h"))
    assert second.id == first.id
    assert second.old_until == "2026-11-21T13:00:00.000Z"
    assert bench.keys.authenticate(first.token) is bench.keys.authenticate(second.token) is held
    bench.clock.at += 3600.0
    with pytest.raises(InvalidKey, match="was replaced"):
        bench.keys.authenticate(first.token)
    with pytest.raises(InvalidKey, match="unknown"):  # and then nothing of it is known any more
        bench.keys.authenticate(first.token)
    third = await bench.do(RotateToken(id="ci", grace="0"))
    with pytest.raises(InvalidKey):
        bench.keys.authenticate(second.token)
    fourth = await bench.do(RotateToken(id="ci"))
    fifth = await bench.do(RotateToken(id="ci"))
    assert fifth.warnings == ("the secret before the last one was still in its grace, and ends now",)
    with pytest.raises(InvalidKey):
        bench.keys.authenticate(third.token)
    assert bench.keys.authenticate(fourth.token).rpm == bench.keys.authenticate(fifth.token).rpm == 60
    assert bench.before == {}, "a rotation cannot be taken back"
    # the grace survives a restart, and what is over is not loaded
    again = Keys(bench.clock, required=True)
    again.load(await bench.store.keys.all())
    again.authenticate(fourth.token)
    bench.clock.at += 3600.0
    bench.keys.take_touched()
    late = Keys(bench.clock, required=True)
    late.load(await bench.store.keys.all())
    for keys in (bench.keys, again, late):
        with pytest.raises(InvalidKey):
            keys.authenticate(fourth.token)
    await bench.refused(RotateToken(id="ci", grace="x"), InvalidRequest)


async def test_the_file_of_the_admin_key_follows_its_rotation(bench: Bench) -> None:
    admin, other = await bench.create("admin", admin=True), await bench.create("other", admin=True)
    file = bench.home.admin_key
    write_key(file, admin.token)
    assert (await bench.do(RotateToken(id=other.id))).warnings == ()
    assert file.read_text().strip() == admin.token
    turned = await bench.do(RotateToken(id=admin.id))
    assert file.read_text() == turned.token + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in turned.warnings[0]
    assert sorted(p.name for p in file.parent.glob("*admin.key*")) == ["admin.key"]
    file.write_bytes(b"\xff\xfe")
    assert (await bench.do(RotateToken(id=admin.id))).warnings == (
        "the secret before the last one was still in its grace, and ends now",
    )


async def test_the_last_admin_key_stays(bench: Bench) -> None:
    admin = await bench.create("admin", admin=True)
    await bench.create("alice")
    for op in (
        RevokeToken(id="admin"),
        ExpireToken(id="admin"),
        ExpireToken(id="admin", after="9w"),
        RenewToken(id="admin", ttl="1d"),
    ):
        error = await bench.refused(op, Conflict)
        assert "last admin key" in error.sentence
        assert error.hint == "flock token create admin --admin"
    bench.keys.authenticate(admin.token)
    # one that ends does not stand in for one that would end later
    short = await bench.create("short", admin=True, ttl="1h")
    await bench.refused(ExpireToken(id="admin", after="2h"), Conflict)
    await bench.do(ExpireToken(id="admin", after="30m"))
    await bench.do(RenewToken(id="admin", ttl="never"))
    await bench.do(RevokeToken(id="short"))
    await bench.refused(RevokeToken(id="admin"), Conflict)
    # an expired one does not count either
    late = await bench.create("late", admin=True, ttl="1h")
    bench.clock.at += 3600.0
    await bench.refused(RevokeToken(id="admin"), Conflict)
    await bench.do(RevokeToken(id="late"))
    await bench.create("new", admin=True)
    await bench.do(RevokeToken(id="admin"))
    assert bench.ended == [short.id, late.id, admin.id]


async def test_what_was_revoked_stays_so(bench: Bench) -> None:
    made = await bench.create("alice")
    assert (await bench.do(RevokeToken(id=made.id))).state == "revoked"
    assert bench.before["was"] == {"active": True}
    again = await bench.do(RevokeToken(id=made.id))
    assert (again.state, again.revoked_at) == ("revoked", "2026-11-21T12:00:00.000Z")
    assert (bench.before, bench.ended) == ({}, [made.id])
    for op in (EditToken(id=made.id, rpm=1), RenewToken(id=made.id, ttl="1d"), RotateToken(id=made.id)):
        assert "for good" in (await bench.refused(op, Conflict)).sentence


async def test_of_two_changes_at_once_neither_loses_a_field(bench: Bench) -> None:
    made = await bench.create("alice")
    edits: list[Op[Any]] = [
        EditToken(id=made.id, name="one"),
        EditToken(id=made.id, name="two"),
        EditToken(id=made.id, rpm=7),
        EditToken(id=made.id, quota=8),
        EditToken(id=made.id, tag=("a=1",)),
        EditToken(id=made.id, tag=("b=2",)),
        EditToken(id=made.id, models="qwen3-8b"),
        RotateToken(id=made.id),
        RenewToken(id=made.id, ttl="1d"),
    ]
    await asyncio.gather(*(bench.do(edit) for edit in edits))
    (entry,) = await bench.store.keys.all()
    assert (entry.name, entry.rpm, entry.quota, entry.models) == ("two", 7, 8, "qwen3-8b")
    assert (dict(entry.tags), entry.expires_at) == ({"a": "1", "b": "2"}, NOON + DAY)
    assert entry.old_digest is not None
    bench.keys.authenticate(made.token)
