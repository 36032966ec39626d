"""Keys: looked up by hash, revoked at once, never kept in clear."""

from dataclasses import replace

import pytest

from flock.clock import SystemClock
from flock.contract.op import Scope
from flock.errors import InvalidKey, MissingKey, NotAllowed, NotFound
from flock.policy.keys import ANYONE, PREFIX, Keys, digest_of, new_entry, new_secret, require


def keys(required: bool = True) -> tuple[Keys, str, str]:
    secret = new_secret()
    entry = new_entry("alice", Scope.USER, secret, 1.0)
    found = Keys(SystemClock(), required=required)
    found.load([entry])
    return found, secret, entry.id


def test_a_key_is_found_and_its_use_remembered() -> None:
    live, secret, key_id = keys()
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 32
    assert live.authenticate(secret).name == "alice"
    assert set(live.take_touched()) == {key_id}
    assert live.take_touched() == {}


@pytest.mark.parametrize("wrong", ["sk-orc-nope", "ä", "\udcff", "x" * 100_000])
def test_a_wrong_key_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidKey):
        keys()[0].authenticate(wrong)


def test_no_key_is_refused_unless_keys_are_not_required() -> None:
    with pytest.raises(MissingKey):
        keys()[0].authenticate(None)
    assert keys(required=False)[0].authenticate("") is ANYONE


def test_revocation_holds_at_once_and_is_announced() -> None:
    live, secret, key_id = keys()
    heard: list[str] = []
    live.on_revoked = heard.append
    live.revoke(key_id)
    assert heard == [key_id]
    with pytest.raises(InvalidKey):
        live.authenticate(secret)
    with pytest.raises(NotFound):
        live.revoke(key_id)


def test_a_stored_row_does_not_let_anyone_in() -> None:
    secret = new_secret()
    entry = new_entry("a", Scope.ADMIN, secret, 1.0)
    assert secret not in repr(entry)
    assert entry.digest == digest_of(secret)
    assert secret.endswith(entry.hint)


def test_scopes() -> None:
    live, secret, _ = keys()
    user = live.authenticate(secret)
    require(user, Scope.USER)
    with pytest.raises(NotAllowed, match=r"scope user.*needs admin"):
        require(user, Scope.ADMIN)


def test_a_changed_row_is_the_same_key() -> None:
    live, secret, key_id = keys()
    held = live.authenticate(secret)
    entry = new_entry("alice", Scope.USER, new_secret(), 1.0)
    turned = replace(entry, id=key_id, rpm=5, old_digest=digest_of(secret), old_until=SystemClock().now() + 3600.0)
    assert live.add(turned) is held
    assert (live.authenticate(secret).rpm, live.ids()) == (5, [key_id])
    live.add(replace(turned, old_digest=None, old_until=None))
    with pytest.raises(InvalidKey):
        live.authenticate(secret)
    live.revoke(key_id)
    assert live.get(key_id) is None
    assert live.add(replace(turned, revoked_at=2.0)) is None
