"""Keys from their creation to their end, by the command line and on the wire, on a real daemon."""

import json
import stat
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from flock.client.blocking import Client
from flock.contract.tokens import EditToken
from tests.e2e.parts import ask, body, call, environment
from tests.running import Flock, flock_home

ME = "/admin/v1/me"
SEED = "sk-orc-" + "Seed5eed" * 4


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        flock.ok("up")
        yield flock


def refused(flock: Flock, *words: str, code: int, **variables: str) -> str:
    """Run a command that must fail with an exit code, and return what it said."""
    kept = dict(flock.environment)
    flock.environment.update(variables)
    try:
        done = flock.run(*words)
    finally:
        flock.environment = kept
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def answers(flock: Flock, key: str) -> int:
    """Return the status of a request with a key."""
    return ask(flock.port, key, body("flock-smoke")).status


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ttl", "7x"], "--ttl '7x' is no length of time"),
        (["--quota", "-1"], "--quota -1"),
        (["--rpm", "-1"], "--rpm -1"),
        (["--budget", "5"], "--budget '5' has no window"),
        (["--budget", "/day"], "--budget '/day' has no amount"),
        (["--budget", "5/hour"], "unknown window 'hour'"),
        (["--budget", "1/day", "--budget", "2/day"], "two budgets of one day"),
        (["--tag", "team"], "--tag 'team' is not KEY=VALUE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_makes_no_key(flock: Flock, words: list[str], said: str) -> None:
    before = flock.ok("token", "ls", "--all", "--quiet")
    assert said in refused(flock, "token", "create", "zed", *words, code=2)
    assert flock.ok("token", "ls", "--all", "--quiet") == before


def test_unknown_models_are_allowed_and_warned_of(flock: Flock) -> None:
    done = flock.run("token", "create", "globs", "--models", "flock-smoke,nothing-*", "--json")
    made = json.loads(done.stdout)
    assert made["warnings"] == ["no model here has a name like 'nothing-*' now"]
    assert answers(flock, made["token"]) == 200
    told = flock.run("token", "create", "globs2", "--models", "nothing-*")
    assert told.stdout.startswith("sk-orc-")
    assert "no model here has a name like 'nothing-*' now" in told.stderr
    assert answers(flock, told.stdout.strip()) == 403


def test_a_key_ends_is_renewed_and_rotated(flock: Flock) -> None:
    made = flock.json("token", "create", "guest", "--ttl", "7d")
    assert answers(flock, made["token"]) == 200
    assert flock.json("token", "expire", "guest")["state"] == "expired"
    gone = ask(flock.port, made["token"], body("flock-smoke"))
    assert (gone.status, gone.error["code"]) == (401, "invalid_api_key")
    assert "expired at" in gone.error["message"]
    assert made["id"] not in flock.ok("token", "ls", "--quiet").split()
    assert flock.json("token", "renew", "guest", "--ttl", "never")["expires_at"] is None
    assert answers(flock, made["token"]) == 200
    turned = flock.json("token", "rotate", "guest")
    assert turned["id"] == made["id"]
    assert answers(flock, made["token"]) == answers(flock, turned["token"]) == 200
    last = flock.run("token", "rotate", made["id"], "--grace", "0")
    assert answers(flock, turned["token"]) == 401
    assert answers(flock, last.stdout.strip()) == 200
    # all of it outlives the daemon
    flock.ok("down")
    flock.ok("up")
    assert [answers(flock, key) for key in (made["token"], turned["token"], last.stdout.strip())] == [401, 401, 200]


def test_keys_are_meant_by_id_or_by_a_name_of_their_own(flock: Flock) -> None:
    one, two = flock.json("token", "create", "twin"), flock.json("token", "create", "twin")
    said = refused(flock, "token", "revoke", "twin", code=1)
    assert one["id"] in said
    assert two["id"] in said
    flock.ok("token", "edit", one["id"], "--name", "first")
    assert flock.json("token", "show", "twin")["token"]["id"] == two["id"]
    assert "nearest: first" in refused(flock, "token", "revoke", "frist", code=5)
    refused(flock, "token", "revoke", code=2)
    flock.ok("token", "revoke", "first")
    refused(flock, "token", "show", "first", code=5)


def test_the_last_admin_key_stays(flock: Flock) -> None:
    for words in (["revoke", "admin"], ["expire", "admin"], ["renew", "admin", "--ttl", "1d"]):
        assert "flock token create admin --admin" in refused(flock, "token", *words, code=1)
    assert call(flock.port, "GET", "/admin/v1/tokens", flock.key).status == 200
    other = flock.json("token", "create", "second", "--admin")
    flock.ok("token", "expire", "second")
    refused(flock, "token", "revoke", "admin", code=1)
    flock.ok("token", "revoke", other["id"])


def test_the_file_of_the_admin_key_follows_its_rotation(flock: Flock) -> None:
    before, file = flock.key, flock.home / "admin.key"
    done = flock.run("token", "rotate", "admin", "--grace", "0")
    assert done.returncode == 0
    assert flock.key == done.stdout.strip() != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in done.stderr
    assert call(flock.port, "GET", "/admin/v1/tokens", before).status == 401
    assert call(flock.port, "GET", "/admin/v1/tokens", flock.key).status == 200


def test_renames_at_once_lose_nothing(flock: Flock) -> None:
    made = flock.json("token", "create", "racer", "--rpm", "5")
    ops = [EditToken(id=made["id"], name=f"name-{i}") for i in range(8)]
    ops += [EditToken(id=made["id"], quota=11), EditToken(id=made["id"], note="kept"), EditToken(id=made["id"], tpm=9)]
    failed: list[BaseException] = []

    def edit(op: EditToken) -> None:
        try:
            Client(flock.home / "run" / "flock.sock").call(op)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=edit, args=(op,)) for op in ops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    token = flock.json("token", "show", made["id"])["token"]
    assert token["name"].startswith("name-")
    assert (token["rpm"], token["quota"], token["note"], token["tpm"]) == (5, 11, "kept", 9)


def test_me_at_both_doors(flock: Flock) -> None:
    made = flock.json("token", "create", "holder", "--models", "flock-smoke", "--quota", "100000")
    assert answers(flock, made["token"]) == 200
    flock.environment["FLOCK_TOKEN"] = made["token"]
    try:
        mine: dict[str, Any] = flock.json("me")
        shown = flock.ok("me")
    finally:
        del flock.environment["FLOCK_TOKEN"]
    assert (mine["token"]["id"], mine["models"]) == (made["id"], ["flock-smoke"])
    assert (mine["requests_today"], mine["requests_month"], mine["cost_today_usd"]) == (1, 1, None)
    assert mine["tokens_today"] == mine["tokens_month"] == int(mine["meters"][0]["used"]) > 0
    assert "tokens/day" in shown
    over_tcp = call(flock.port, "GET", ME, made["token"])
    assert (over_tcp.status, over_tcp.json["token"]["id"]) == (200, made["id"])
    # without one of your own it is that of this machine's admin
    assert flock.json("me")["token"]["name"] == "admin"
    assert "it is from FLOCK_TOKEN" in refused(flock, "me", code=4, FLOCK_TOKEN="sk-orc-wrong")
    for odd in ("ü€", "a\nb", "x" * 5000):
        refused(flock, "me", code=4, FLOCK_TOKEN=odd)
    # a user's key is no admin's at the public door, and makes none at the private one
    assert call(flock.port, "GET", "/admin/v1/tokens", made["token"]).status == 403
    # of the machine's own user it takes no right
    assert flock.json("token", "ls")


def test_no_key_at_all_is_said(flock: Flock) -> None:
    file = flock.home / "admin.key"
    kept = file.read_text()
    file.unlink()
    try:
        assert "none came along" in refused(flock, "me", code=4)
    finally:
        file.write_text(kept)
        file.chmod(0o600)


def test_acts_on_keys_are_audited_without_secrets(flock: Flock) -> None:
    made = flock.json("token", "create", "seen", "--rpm", "3")
    flock.ok("token", "edit", "seen", "--rpm", "4")
    turned = flock.json("token", "rotate", "seen")
    flock.ok("token", "revoke", "seen")
    text = flock.ok("audit", "--json", "--limit", "50")
    rows = [row for row in json.loads(text) if row["target"] == "seen"]
    assert [row["action"].partition(".")[2] for row in reversed(rows)] == ["create", "edit", "rotate", "revoke"]
    for secret in (made["token"], turned["token"]):
        assert secret not in text
        for path in (flock.home / "data", flock.home / "logs"):
            assert all(secret.encode() not in p.read_bytes() for p in path.rglob("*") if p.is_file())


# an admin key that an installer brings along


def test_a_seeded_key_is_the_admin_key_and_lies_nowhere() -> None:
    with flock_home(**environment(), FLOCK_ADMIN_TOKEN=SEED) as flock:
        flock.ok("up")
        assert call(flock.port, "GET", "/admin/v1/tokens", SEED).status == 200
        assert answers(flock, SEED) == 200  # the engine is there by now
        assert not (flock.home / "admin.key").exists()
        assert all(SEED.encode() not in p.read_bytes() for p in flock.home.rglob("*") if p.is_file())
        children = psutil.Process(flock.pid).children(recursive=True)
        assert children
        for process in children:
            assert SEED not in str(process.environ())
        assert [k["name"] for k in flock.json("token", "ls")] == ["admin"]
        refused(flock, "me", code=4)
        # at later starts another one changes nothing
        flock.ok("down")
        flock.environment["FLOCK_ADMIN_TOKEN"] = "nonsense"
        flock.ok("up")
        assert call(flock.port, "GET", "/admin/v1/tokens", SEED).status == 200


def test_a_seeded_key_comes_from_a_file() -> None:
    with flock_home(**environment()) as flock:
        file = flock.home.parent / "seed"
        file.write_text(SEED + "\n")
        flock.environment["FLOCK_ADMIN_TOKEN_FILE"] = str(file)
        flock.ok("up")
        assert call(flock.port, "GET", "/admin/v1/tokens", SEED).status == 200


def test_what_can_be_no_key_starts_nothing() -> None:
    seed = "secret-word"
    with flock_home(**environment(), FLOCK_ADMIN_TOKEN=seed) as flock:
        said = refused(flock, "up", code=1)
        assert "FLOCK_ADMIN_TOKEN has no API key of flock's" in said
        assert seed not in said
        assert all(seed.encode() not in p.read_bytes() for p in flock.home.rglob("*") if p.is_file())
        flock.environment["FLOCK_ADMIN_TOKEN"] = SEED
        flock.ok("up")
