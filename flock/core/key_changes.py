"""Changing API keys: one change at a time, stored first, then in memory, then told to whoever counts.

Owns which key a word means, the rule that an admin key stays, and how a key looks to callers. Refuses to read what
people write (token_words.py) and to know what a change is for. Called by core/tokens.py and by undoing.
"""

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from flock.clock import rfc3339
from flock.contract.op import Scope
from flock.contract.tokens import Budget, Token
from flock.core.context import Context
from flock.errors import Conflict, NotFound
from flock.policy.keys import globs
from flock.policy.money import dollars
from flock.store.entries import KeyEntry
from flock.store.key_usage import KeySum

# what of a key an act may set and an undo set back; never a digest
FIELDS = (
    *("name", "owner", "note", "vendors", "models", "rpm", "tpm", "quota", "budgets", "tags", "share"),
    "expires_at",
)


async def insert(context: Context, entry: KeyEntry) -> None:
    """Store a fresh key and let it in. Raises Conflict, StorageFailed."""
    async with context.keys.changing:
        await context.store.keys.insert(entry)
        _tell(context, entry)


async def change(
    context: Context, word: str, make: Callable[[KeyEntry], KeyEntry], *, expired: bool = False
) -> tuple[KeyEntry, KeyEntry]:
    """Change the key that `word` means into what `make` makes of it; return it as it was and as it is.

    With `expired` a name means expired keys as much as active ones. Of two changes at once each sees what the other
    wrote. Raises NotFound, Conflict for a name of several and where no admin key would be left, StorageFailed, and what
    `make` raises.
    """
    async with context.keys.changing:
        entries = await context.store.keys.all()
        now = context.clock.now()
        was = meant(entries, word, now, expired=expired)
        entry = make(was)
        if entry != was:
            _keep_an_admin(entries, was, entry, now)
            await context.store.keys.update(entry)
            _tell(context, entry)
    return was, entry


def _tell(context: Context, entry: KeyEntry) -> None:
    """Let memory, limits and the shell's list know how a key is now."""
    key = context.keys.add(entry)
    if key is not None:
        context.limits.changed(key)
    elif context.keys.get(entry.id) is not None:
        context.keys.revoke(entry.id)
        context.limits.forget(entry.id)
    context.ids.keep("tokens", context.keys.ids())


async def namesakes(context: Context, entry: KeyEntry) -> tuple[str, ...]:
    """Return a sentence where other keys that are good have a key's name: from now on commands need an id."""
    now = context.clock.now()
    ids = [e.id for e in await context.store.keys.all() if e.name == entry.name and ends_at(e) > now]
    if len(ids) < 2:
        return ()
    return (f"{len(ids)} keys are called {entry.name!r} now, and commands need the id: {', '.join(ids)}",)


def meant(entries: Sequence[KeyEntry], word: str, now: float, *, expired: bool = False) -> KeyEntry:
    """Return the key with the id `word`, or the only one of that name: an active one before an expired one.

    Raises Conflict naming the ids where several have the name, NotFound with the nearest ids and names.
    """
    for entry in entries:
        if entry.id == word:
            return entry
    here = [e for e in entries if e.revoked_at is None]
    named = [e for e in here if e.name == word]
    if not expired:
        named = [e for e in named if ends_at(e) > now] or named
    if len(named) == 1:
        return named[0]
    if named:
        ids = [e.id for e in named]
        raise Conflict(
            f"{len(named)} keys are called {word!r}: {', '.join(ids)}; say which by its id",
            hint=f"flock token show {ids[-1]}",
            details={"ids": ids},
        )
    revoked = any(e.name == word for e in entries)
    near = difflib.get_close_matches(word, [*(e.id for e in here), *dict.fromkeys(e.name for e in here)], n=3)
    raise NotFound(
        f"the key {word!r} was revoked" if revoked else f"there is no key {word!r}",
        hint="flock token ls --all" if revoked else "flock token ls",
        details={"nearest": near},
    )


def ends_at(entry: KeyEntry) -> float:
    """Return until when a key lets its holder in, infinity for one without an end."""
    end = math.inf if entry.expires_at is None else entry.expires_at
    return end if entry.revoked_at is None else min(end, entry.revoked_at)


def _keep_an_admin(entries: Sequence[KeyEntry], was: KeyEntry, entry: KeyEntry, now: float) -> None:
    """Refuse what leaves no admin key: the web page and every program beyond this machine would be locked out.

    Another one must still be good when this one ends; a key that gains time, or has ended, may be anything. Raises
    Conflict.
    """
    end = max(ends_at(entry), now)
    if was.scope != Scope.ADMIN.value or ends_at(was) <= now or end >= ends_at(was):
        return
    if not any(e.id != was.id and e.scope == Scope.ADMIN.value and ends_at(e) > end for e in entries):
        raise Conflict(
            f"{was.id} ({was.name}) is the last admin key: without it nobody could administer flock from elsewhere",
            hint="flock token create admin --admin",
        )


def fields_of(entry: KeyEntry) -> dict[str, Any]:
    """Return the FIELDS of a key as JSON values, and whether it is `active` (not revoked)."""
    plain: dict[str, Any] = {name: getattr(entry, name) for name in FIELDS}
    budgets = [list(budget) for budget in entry.budgets]
    return plain | {"budgets": budgets, "tags": dict(entry.tags), "active": entry.revoked_at is None}


def with_fields(entry: KeyEntry, fields: Mapping[str, Any], now: float) -> KeyEntry:
    """Return a key with what `fields_of` gave set again, as far as it is there."""
    values = {name: fields[name] for name in FIELDS if name in fields}
    if "budgets" in values:
        pairs = cast("list[list[str]]", values["budgets"])
        values["budgets"] = tuple((usd, window) for usd, window in pairs)
    if "active" in fields:
        values["revoked_at"] = None if fields["active"] else (entry.revoked_at or now)
    return dataclasses.replace(entry, **values)


def token_of(entry: KeyEntry, now: float, used: KeySum | None = None) -> Token:
    """Return how a key looks; `used` is what it used today, None where that is not told."""
    state = "revoked" if entry.revoked_at is not None else "active" if ends_at(entry) > now else "expired"
    return Token(
        id=entry.id,
        name=entry.name,
        scope=Scope(entry.scope),
        hint=entry.hint,
        created_at=rfc3339(entry.created_at),
        last_used_at=_time(entry.last_used_at),
        revoked_at=_time(entry.revoked_at),
        vendors=("*",) if entry.scope == Scope.ADMIN.value else globs(entry.vendors),
        state=state,
        owner=entry.owner,
        note=entry.note,
        expires_at=_time(entry.expires_at),
        models=globs(entry.models),
        rpm=entry.rpm or None,
        tpm=entry.tpm or None,
        quota=entry.quota or None,
        budgets=tuple(Budget(usd, window) for usd, window in entry.budgets),
        tags=tuple(f"{key}={value}" for key, value in sorted(entry.tags.items())),
        share=entry.share,
        old_until=_time(entry.old_until if entry.old_digest and (entry.old_until or 0.0) > now else None),
        requests_today=None if used is None else used.requests,
        tokens_today=None if used is None else used.tokens,
        cost_today_usd=None if used is None or used.nano_usd is None else dollars(used.nano_usd),
    )


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
