"""What keys used, in the list of them and in what the holder of one is told."""

import pytest

from flock.contract.op import Scope
from flock.contract.tokens import EditToken, ListTokens, RevokeToken, ShowMe
from flock.core.context import Actor
from flock.errors import InvalidKey, InvalidRequest, MissingKey
from tests.unit.core.key_bench import DAY, NOON, Bench, Settled


async def test_keys_are_listed_with_what_they_used_today(bench: Bench) -> None:
    old = await bench.create("old", tag=("team=web",))
    bench.clock.at += 1.0
    new = await bench.create("new")
    put = bench.store.writer.put
    put(Settled(old.id, NOON - DAY, 1000, "9"))
    put(Settled(old.id, NOON, 99, "0.000000001"))
    put(Settled(old.id, NOON, 99, "0.1"))
    put(Settled(new.id, NOON, 9))
    rows = await bench.do(ListTokens())
    assert [(k.name, k.requests_today, k.tokens_today, k.cost_today_usd) for k in rows] == [
        ("new", 1, 10, None),
        ("old", 2, 200, "0.100000001"),
    ]
    assert [k.name for k in await bench.do(ListTokens(tag="team"))] == ["old"]
    assert [k.name for k in await bench.do(ListTokens(tag="team=ops"))] == []
    await bench.refused(ListTokens(tag="="), InvalidRequest)


async def test_me(bench: Bench) -> None:
    made = await bench.create("alice", models="qwen*", quota=100)
    other = await bench.create("bob")
    key = bench.keys.authenticate(made.token)
    for at, tokens_in in ((NOON, 9), (NOON - 3 * DAY, 19), (NOON - 21 * DAY, 1000)):
        bench.store.writer.put(Settled(made.id, at, tokens_in, "0.5"))
    bench.store.writer.put(Settled(other.id, NOON, 5))
    mine = await bench.do(ShowMe(), Actor("alice", Scope.USER, key))
    assert (mine.token.id, mine.models, [m.name for m in mine.meters]) == (made.id, ("qwen3-8b",), ["quota"])
    assert (mine.requests_today, mine.tokens_today, mine.cost_today_usd) == (1, 10, "0.5")
    assert (mine.requests_month, mine.tokens_month, mine.cost_month_usd) == (2, 30, "1")
    await bench.do(EditToken(id=made.id, models="", vendors="groq"))
    mine = await bench.do(ShowMe(), Actor("alice", Scope.USER, key))
    assert mine.models == ("qwen3-8b", "gemma3", "groq/kimi")
    with pytest.raises(MissingKey, match="none came along"):
        await bench.do(ShowMe())
    await bench.do(RevokeToken(id=made.id))
    with pytest.raises(InvalidKey):
        await bench.do(ShowMe(), Actor("alice", Scope.USER, key))
