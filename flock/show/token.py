"""How API keys look; the secret itself is shown by `created` alone."""

from typing import Any, cast

from flock.contract.op import Op
from flock.contract.tokens import (
    ExpireToken,
    ListTokens,
    RenewToken,
    RotateToken,
    Token,
    TokenCreated,
    TokenDetails,
    TokenEdited,
)
from flock.show.meters import left, limits, meters, until, used
from flock.show.view import Line, Pairs, View, or_none, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the keys, one of them, a new one, or what became of one."""
    if isinstance(value, TokenCreated):
        return created(value, again=isinstance(op, RotateToken))
    if isinstance(value, TokenDetails):
        return View((unmetered(value.token, now), Line(), meters(value.meters, now)))
    if isinstance(value, TokenEdited):
        return View((pairs(value.token, now),), tuple(Line(w, "warn") for w in value.warnings))
    if isinstance(value, Token):
        back = (Line(f"to take that back: flock token renew {value.id} --ttl never", "dim"),)
        return View((Line(_became(op, value, now), hang=2),), back if isinstance(op, ExpireToken) else ())
    rows: list[tuple[str, ...]] = [
        (
            k.id,
            k.name,
            k.scope.value,
            k.state if k.state != "active" or not k.expires_at else f"active, {left(k.expires_at, now)}",
            limits(k),
            used(k.requests_today, k.tokens_today, k.cost_today_usd),
            since(k.last_used_at, now),
        )
        for k in cast("list[Token]", value)
    ]
    return table(
        "id name scope state limits used_today last_use",
        rows,
        "no API key like that" if isinstance(op, ListTokens) and op.tag else "no API key; `flock token create NAME`",
        "scope last_use used_today limits",
    )


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the keys' ids; the key itself for a new one, since no other chance comes."""
    if isinstance(value, TokenCreated):
        return [value.token]
    if isinstance(value, TokenDetails | TokenEdited):
        return [value.token.id]
    return [value.id] if isinstance(value, Token) else [k.id for k in cast("list[Token]", value)]


def pairs(key: Token, now: float) -> Pairs:
    """Show all there is to know of a key, without what it does not have."""
    rows = [
        ("id", key.id),
        ("name", key.name),
        ("owner", key.owner),
        ("note", key.note),
        ("scope", key.scope.value),
        ("state", key.state),
        ("key", f"…{key.hint}"),
        ("created", since(key.created_at, now)),
        ("last use", since(key.last_used_at, now)),
        ("expires", until(key.expires_at, now) if key.expires_at else ""),
        ("old secret ends", until(key.old_until, now) if key.old_until else ""),
        ("revoked", since(key.revoked_at, now) if key.revoked_at else ""),
        ("models", ", ".join(key.models) or "all"),
        ("vendors", or_none(", ".join(key.vendors))),
        ("limits", limits(key)),
        ("tags", ", ".join(key.tags)),
        ("share", str(key.share) if key.share != 1 else ""),
        ("used today", used(key.requests_today, key.tokens_today, key.cost_today_usd) if _is_told(key) else ""),
    ]
    return Pairs(tuple((name, words) for name, words in rows if words))


def unmetered(key: Token, now: float) -> Pairs:
    """Show a key beside the table of its limits, which says them better."""
    return Pairs(tuple((name, words) for name, words in pairs(key, now).rows if name != "limits"))


def _is_told(key: Token) -> bool:
    return key.requests_today is not None


def _became(op: Op[Any], key: Token, now: float) -> str:
    """Say what an act made of a key."""
    if isinstance(op, RenewToken):
        return f"{key.id} ({key.name}) is good " + (f"until {key.expires_at}" if key.expires_at else "for ever")
    if isinstance(op, ExpireToken):
        return f"{key.id} ({key.name}) {'has expired' if key.state == 'expired' else _ends(key, now)}"
    return f"{key.id} ({key.name}) is revoked; what still streams with it ends within a second"


def _ends(key: Token, now: float) -> str:
    return f"ends {until(key.expires_at, now)}"


def created(key: TokenCreated, again: bool = False) -> View:
    """Show a new key, or a key's new secret, with all that must be known about it."""
    rows = [("key", key.token), ("id", key.id), ("name", key.name), ("scope", key.scope.value)]
    rows += [("expires", key.expires_at)] if key.expires_at else []
    rows += [("old key ends", key.old_until or "now")] if again else []
    asides = (Line("The key is shown once: only its hash is kept.", "warn"), *(Line(w, "warn") for w in key.warnings))
    return View((Pairs(tuple(rows)),), (*asides, Line(_undo(key), "dim")))


def beside_the_key(key: TokenCreated, again: bool = False) -> list[str]:
    """Return what is said on stderr while the key alone goes to stdout."""
    first = f"{key.scope.value} key {key.id} for {key.name}, shown once: only its hash is kept"
    old = [f"the old key ends {key.old_until or 'now'}"] if again else []
    return [first, *old, *key.warnings, _undo(key)]


def _undo(key: TokenCreated) -> str:
    return f"to revoke it: flock token revoke {key.id}"
