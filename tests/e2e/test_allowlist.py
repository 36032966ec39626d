"""What a key may ask for, in every dialect: a refusal is the dialect's own, and no list shows what is not the key's.

Also keys that end: their running requests go on, and the next one is refused with the command that mends it.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.parts import Client, Told, ask, call
from tests.e2e.vendor_doors import DOORS, Door
from tests.e2e.vendor_standing import VERSION, Standing, standing
from tests.running import wait_for

LOCAL, PAID = "flock-smoke", "gpt-4o-mini"
ALIASES = f'router:\n  aliases: "nice={LOCAL},paid={PAID}"\n'
BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Standing]:
    with standing("openai", config=ALIASES) as found:
        yield found


@pytest.fixture
def on(vendor: Standing) -> Standing:
    vendor.forget()
    return vendor


@pytest.fixture(scope="module")
def secret(vendor: Standing) -> str:
    """A key that may ask for models of a vendor alone."""
    made = vendor.flock.json("token", "create", "listed", "--vendors", "openai", "--models", "gpt-4o*,nice")
    return str(made["token"])


def asked(on: Standing, secret: str, door: Door, model: str) -> Told:
    path, body = door.asked(model, stream=False)
    return ask(on.flock.port, secret, body, path, door.headers)


@pytest.mark.parametrize("name", DOORS)
def test_every_dialect_refuses_a_model_that_is_not_the_keys(on: Standing, secret: str, name: str) -> None:
    door = DOORS[name]
    for model, meant in ((LOCAL, LOCAL), ("nice", LOCAL), (f"claude-flock-{LOCAL}", LOCAL), ("made-up", "made-up")):
        told = asked(on, secret, door, model)
        assert told.status == 403, told.body
        words = door.error(told)
        assert repr(meant) in words
        assert "gpt-4o*, nice" in words
        assert told.headers["x-should-retry"] == "false"
    for model in (PAID, f"openai/{PAID}", "paid"):
        assert asked(on, secret, door, model).status == 200
    assert len(on.seen("openai")) == 3


def test_each_dialects_own_word_for_a_refusal(on: Standing, secret: str) -> None:
    found = {name: asked(on, secret, door, LOCAL).json for name, door in DOORS.items()}
    for name in ("openai", "responses"):
        error = found[name]["error"]
        assert (error["type"], error["code"]) == ("permission_error", "model_not_allowed")
    assert found["anthropic"]["error"]["type"] == "permission_error"
    assert found["gemini"]["error"]["status"] == "PERMISSION_DENIED"
    assert set(found["ollama"]) == {"error"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": LOCAL, "input": "hi"}),
        ("/v1/rerank", {"model": LOCAL, "query": "a", "documents": ["b"]}),
        ("/v1/audio/speech", {"model": LOCAL, "input": "hi", "voice": "alloy"}),
        ("/v1/images/generations", {"model": LOCAL, "prompt": "a cat"}),
        ("/v1/completions", {"model": LOCAL, "prompt": "hi"}),
        ("/v1/messages/count_tokens", {"model": LOCAL, **BODY}),
        (f"/v1beta/models/{LOCAL}:countTokens", {"contents": [{"parts": [{"text": "hi"}]}]}),
        ("/api/show", {"model": LOCAL}),
        ("/api/embed", {"model": LOCAL, "input": "hi"}),
    ],
)
def test_every_other_way_refuses_it_too(on: Standing, secret: str, path: str, body: dict[str, Any]) -> None:
    told = ask(on.flock.port, secret, body, path, {"anthropic-version": VERSION} if "messages" in path else {})
    assert (told.status, b"may not ask for" in told.body) == (403, True)
    assert on.seen("openai") == []


def test_what_is_chosen_for_a_request_is_chosen_of_what_its_key_may_ask_for(on: Standing, secret: str) -> None:
    """There is but one model here, so that nothing is left."""
    own = on.flock.json("token", "create", "own", "--models", "flock*")["token"]
    for model in ("", "auto"):
        mine = ask(on.flock.port, own, BODY | {"model": model})
        assert (mine.status, mine.headers["x-flock-model"]) == (200, LOCAL)
        told = ask(on.flock.port, secret, BODY | {"model": model})
        assert (told.status, told.error["code"]) == (403, "model_not_allowed")


def test_no_list_shows_what_is_not_the_keys(on: Standing, secret: str) -> None:
    on.flock.run("vendor", "test", "openai")  # its list is known from then on
    shapes: dict[str, dict[str, str]] = {
        "/v1/models": {},
        "/v1/models?shape=anthropic": {"anthropic-version": VERSION},
        "/v1beta/models": {},
        "/api/tags": {},
        "/api/ps": {},
    }
    for path, headers in shapes.items():
        mine = call(on.flock.port, "GET", path, secret, headers=headers)
        all_of_them = call(on.flock.port, "GET", path, on.flock.key, headers=headers)
        assert (mine.status, all_of_them.status) == (200, 200)
        assert LOCAL.encode() not in mine.body
        if path != "/api/ps" or LOCAL.encode() in all_of_them.body:
            assert LOCAL.encode() in all_of_them.body
    assert call(on.flock.port, "GET", f"/v1/models/{LOCAL}", secret).status == 403
    assert call(on.flock.port, "GET", f"/v1/models/{LOCAL}", on.flock.key).status == 200


def test_who_tries_again_and_again_leaves_one_row(on: Standing) -> None:
    secret = on.flock.json("token", "create", "stubborn", "--models", "gpt-4o*")["token"]
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: ask(on.flock.port, secret, BODY | {"model": LOCAL}), range(60)))
    assert {one.status for one in told} == {403}
    rows = [row for row in on.flock.json("audit", "--limit", "200") if row["actor"] == "stubborn"]
    assert 1 <= len(rows) <= 2  # a minute may have ended meanwhile
    assert (rows[0]["action"], rows[0]["target"], rows[0]["outcome"]) == ("request", LOCAL, "model_not_allowed")
    assert rows[0]["details"]["asked"] == LOCAL


# -- keys that end


def test_a_key_that_ends_is_refused_and_its_running_request_goes_on(on: Standing) -> None:
    made = on.flock.json("token", "create", "brief", "--vendors", "openai")
    on.faults("openai", {"kind": "slow", "times": 1})
    with contextlib.closing(Client(on.flock.port, made["token"])) as client:
        client.send(BODY | {"model": PAID, "stream": True})
        wait_for(lambda: on.seen("openai"), "the vendor is asked")
        on.flock.ok("token", "expire", made["id"])
        for name, door in DOORS.items():
            told = asked(on, made["token"], door, PAID)
            assert (told.status, "expired" in door.error(told)) == (401, True), name
        hint = asked(on, made["token"], DOORS["openai"], PAID).error["hint"]
        on.call("openai", "/go")
        assert client.tell().done
    assert f"flock token renew {made['id']}" in hint
    on.flock.ok("token", "renew", made["id"], "--ttl", "1h")
    assert ask(on.flock.port, made["token"], BODY | {"model": PAID}).status == 200
