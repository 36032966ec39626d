"""API keys on the wire: every place one may stand, and what happens when one is revoked while it is in use."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.parts import CHAT, Client, Told, ask, body, call, environment, explained, seen, settings, usage
from tests.running import Flock, flock_home, wait_for

REVOKED_SECONDS = 1.0


@pytest.fixture(scope="module")
def flock(fake: int) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        # more wrong keys are shown here than an address may in a minute
        settings(flock, "log_level: debug\nauth:\n  bad_keys_per_minute: 0\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        yield flock


PLACES = {
    "bearer": ({"Authorization": "Bearer KEY"}, ""),
    "bearer in lower case": ({"authorization": "bearer KEY"}, ""),
    "bare authorization": ({"Authorization": "KEY"}, ""),
    "anthropic": ({"x-api-key": "KEY"}, ""),
    "google": ({"x-goog-api-key": "KEY"}, ""),
    "azure": ({"api-key": "KEY"}, ""),
    "query": ({}, "?key=KEY"),
    "query among others": ({}, "?alt=sse&key=KEY&x=1"),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_a_key_opens_every_route(flock: Flock, fake: int, place: str) -> None:
    headers, query = PLACES[place]

    def tell(key: str) -> Iterator[Told]:
        sent = {name: value.replace("KEY", key) for name, value in headers.items()}
        at = query.replace("KEY", key)
        yield call(flock.port, "POST", CHAT + at, value=body("ok"), headers=sent)
        yield call(flock.port, "POST", CHAT + at, value=body("ok", stream=True), headers=sent)
        yield call(flock.port, "POST", "/v1/completions" + at, value={"model": "ok", "prompt": "x"}, headers=sent)
        yield call(flock.port, "GET", "/v1/models" + at, headers=sent)
        yield call(flock.port, "GET", "/v1/models/ok" + at, headers=sent)
        yield call(flock.port, "GET", "/admin/v1/tokens" + at, headers=sent)

    assert [told.status for told in tell(flock.key)] == [200] * 6
    # it stays here
    assert flock.key not in str(seen(fake))
    for key in (
        "sk-orc-" + "x" * 32,
        "",
        flock.key[:-1],
        flock.key + "x",
        flock.key.upper(),
        "%C3%BC" if query else "ü",
    ):
        for told in tell(key):
            assert told.status == 401
            error = told.json["error"]
            # lists of models answer in the shape of who asks, and Google's errors have numbers for codes
            assert error["code"] in ("invalid_api_key", "missing_api_key") or error["status"] == "UNAUTHENTICATED"
            assert told.headers["x-should-retry"] == "false"
            if key:
                assert key not in told.body.decode()


def test_no_key_is_told_from_a_wrong_one(flock: Flock) -> None:
    for key, code in (("", "missing_api_key"), ("sk-orc-wrong", "invalid_api_key")):
        error = ask(flock.port, key, body("ok")).json["error"]
        assert (error["code"], error["type"]) == (code, "authentication_error")
        assert "flock token create" in error["hint"]


def revoke(flock: Flock, key_id: str) -> float:
    """Revoke a key and return the moment it was asked for."""
    start = time.monotonic()
    assert call(flock.port, "DELETE", f"/admin/v1/tokens/{key_id}", flock.key).status == 200
    return start


@pytest.mark.alone
@pytest.mark.parametrize("model", ["stalls", "silent", "flood"])
def test_a_revoked_key_ends_its_streams_and_no_others(flock: Flock, fake: int, model: str) -> None:
    """In mid-answer, before the first word, and while as much comes as goes through."""
    bad, good = (flock.json("token", "create", name) for name in ("bad", "good"))
    closed = seen(fake)["closed_early"]
    with (
        closing(Client(flock.port, bad["token"])) as ended,
        closing(Client(flock.port, good["token"])) as other,
    ):
        told = ended.send(body(model, stream=True)).head()
        still = other.send(body("waits-midway", stream=True)).head()
        start = revoke(flock, bad["id"])
        ended.rest(told)
        assert time.monotonic() - start < REVOKED_SECONDS
        assert (told.status, told.clean, told.done) == (200, True, False)
        assert told.error["code"] == "key_revoked"
        assert told.body.split(b"\n\n")[-2].startswith(b'data: {"error"')
        wait_for(lambda: seen(fake)["closed_early"] == closed + 1, "the engine is told to stop")
        call(fake, "GET", "/go")
        assert other.rest(still).done
    row = usage(flock)[told.id]
    assert (row["outcome"], row["user"]) == ("error" if model == "silent" else "partial", "bad")
    assert explained(flock, told.id)["error"] == "key_revoked"
    again = ask(flock.port, bad["token"], body("ok"))
    assert (again.status, again.error["code"], again.headers["x-should-retry"]) == (401, "invalid_api_key", "false")
    assert ask(flock.port, good["token"], body("ok")).status == 200


@pytest.mark.alone
def test_a_revoked_key_ends_its_plain_requests(flock: Flock, fake: int) -> None:
    bad = flock.json("token", "create", "bad")
    before = seen(fake)
    with closing(Client(flock.port, bad["token"])) as client:
        client.send(body("waits"))
        wait_for(lambda: seen(fake)["requests"] > before["requests"], "the engine works")
        start = revoke(flock, bad["id"])
        told = client.tell()
        assert time.monotonic() - start < REVOKED_SECONDS
    assert (told.status, told.error["code"], told.headers["x-should-retry"]) == (401, "key_revoked", "false")
    wait_for(lambda: seen(fake)["closed_early"] > before["closed_early"], "the engine is told to stop")


def test_a_revoked_key_ends_the_stream_of_a_client_that_does_not_read(flock: Flock, fake: int) -> None:
    bad = flock.json("token", "create", "bad")
    closed = seen(fake)["closed_early"]
    with closing(Client(flock.port, bad["token"], receive_buffer=4096)) as client:
        told = client.send(body("flood", stream=True)).head()
        readings: list[int] = []

        def still() -> bool:
            readings.append(seen(fake)["flooded"])
            return len(readings) > 20 and len(set(readings[-20:])) == 1

        wait_for(still, "the engine can send no more")
        revoke(flock, bad["id"])
        wait_for(lambda: seen(fake)["closed_early"] > closed, "the engine is told to stop")
        client.rest(told)
    assert (told.done, told.clean) == (False, False)  # a broken connection: it would not have read an error


def test_no_key_is_in_the_log(flock: Flock) -> None:
    """Everything above has been logged at the most talkative level there is."""
    made = flock.json("token", "create", "logged")
    for key in (flock.key, made["token"], "sk-orc-" + "w" * 32, "AIzaWrongKeyOfGoogle"):
        for path in ("/v1/models", CHAT, "/nowhere", "/admin/v1/tokens"):
            call(flock.port, "GET", f"{path}?key={key}")
            call(flock.port, "POST", f"{path}?key={key}", value=b"{")
    flock.ok("token", "revoke", made["id"])
    logged = b"".join(p.read_bytes() for p in (flock.home / "logs").rglob("*") if p.is_file())
    for secret in (flock.key, made["token"], "w" * 32, "AIzaWrongKeyOfGoogle"):
        assert secret.encode() not in logged
    database = b"".join(p.read_bytes() for p in (flock.home / "data").rglob("*") if p.is_file())
    for secret in (flock.key, made["token"]):
        assert secret.encode() not in database
