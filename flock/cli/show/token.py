"""How API keys look; the secret itself is shown by `created` alone."""

from typing import Any, cast

from flock.cli.show.view import Line, Pairs, View, or_none, since, table
from flock.contract.op import Op
from flock.contract.tokens import Token, TokenCreated


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the keys, a new one, or one that was revoked."""
    if isinstance(value, TokenCreated):
        return created(value)
    if isinstance(value, Token):
        return View((Line(f"{value.id} ({value.name}) is revoked; what still streams with it ends within a second"),))
    keys = cast("list[Token]", value)
    rows: list[tuple[str, ...]] = [
        (
            k.id,
            k.name,
            k.scope.value,
            f"…{k.hint}",
            since(k.created_at, now),
            since(k.last_used_at, now),
            or_none(", ".join(k.vendors)),
            "revoked" if k.revoked_at else "valid",
        )
        for k in keys
    ]
    return table("id name scope key created last_used vendors state", rows, "no API key; `flock token create NAME`")


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the keys' ids; the key itself for a new one, since no other chance comes."""
    if isinstance(value, TokenCreated):
        return [value.token]
    return [] if isinstance(value, Token) else [k.id for k in cast("list[Token]", value)]


def created(key: TokenCreated) -> View:
    """Show a new key with all that must be known about it."""
    pairs = Pairs((("key", key.token), ("id", key.id), ("name", key.name), ("scope", key.scope.value)))
    return View((pairs,), (Line("The key is shown once: only its hash is kept.", "warn"), Line(_undo(key), "dim")))


def beside_the_key(key: TokenCreated) -> list[str]:
    """Return what is said on stderr while the key alone goes to stdout."""
    return [f"{key.scope.value} key {key.id} for {key.name}, shown once: only its hash is kept", _undo(key)]


def _undo(key: TokenCreated) -> str:
    return f"to revoke it: flock token revoke {key.id}"
