"""Creating, listing and revoking API keys."""

import difflib
import re

from flock.clock import rfc3339
from flock.contract.op import Scope
from flock.contract.tokens import CreateToken, ListTokens, RevokeToken, Token, TokenCreated
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.errors import InvalidRequest, NotFound
from flock.policy.keys import globs, new_entry, new_secret
from flock.store.entries import KeyEntry

# names of vendors (flock/vendors) with the wildcards of fnmatch
_GLOB = re.compile(r"[a-z0-9*?][a-z0-9._*?-]{0,99}")


@handles(CreateToken)
async def create_token(context: Context, op: CreateToken, _actor: Actor) -> TokenCreated:
    """Store a fresh key's hash and hand out the secret, once."""
    name = op.name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidRequest(
            f"a key's name has 1 to 100 printable characters, {op.name!r} has not", hint="flock token create alice"
        )
    secret = new_secret()
    scope = Scope.ADMIN if op.admin else Scope.USER
    entry = new_entry(name, scope, secret, context.clock.now(), _vendors(op.vendors))
    await context.store.keys.insert(entry)
    context.keys.add(entry)
    context.ids.keep("tokens", context.keys.ids())
    return TokenCreated(
        id=entry.id, name=name, scope=Scope(entry.scope), token=secret, created_at=rfc3339(entry.created_at)
    )


@handles(ListTokens)
async def list_tokens(context: Context, op: ListTokens, _actor: Actor) -> list[Token]:
    """Return the keys, newest first."""
    await context.store.writer.flush()  # last-use times ride in the writer's batches
    entries = await context.store.keys.all()
    shown = [e for e in entries if op.all or e.revoked_at is None]
    return [_token(e) for e in sorted(shown, key=lambda e: e.created_at, reverse=True)]


@handles(RevokeToken)
async def revoke_token(context: Context, op: RevokeToken, _actor: Actor) -> Token:
    """Revoke a key in the store, then in memory; its running streams end with a typed error."""
    entries = {e.id: e for e in await context.store.keys.all()}
    entry = entries.get(op.id)
    if entry is None:
        near = difflib.get_close_matches(op.id, [i for i, e in entries.items() if e.revoked_at is None], n=3)
        raise NotFound(f"there is no key {op.id!r}", hint="flock token ls", details={"nearest": near})
    if entry.revoked_at is None:
        await context.store.keys.revoke(op.id, context.clock.now())
        context.keys.revoke(op.id)
        context.ids.keep("tokens", context.keys.ids())
    entry = next(e for e in await context.store.keys.all() if e.id == op.id)
    return _token(entry)


def _vendors(text: str) -> str:
    """Return globs of vendors as they are stored. Raises InvalidRequest for what can be no vendor's name."""
    words = globs(text)
    for word in words:
        if not _GLOB.fullmatch(word):
            raise InvalidRequest(f"{word!r} can be no vendor's name", hint="flock vendor ls")
    return ",".join(words)


def _token(entry: KeyEntry) -> Token:
    return Token(
        id=entry.id,
        name=entry.name,
        scope=Scope(entry.scope),
        hint=entry.hint,
        created_at=rfc3339(entry.created_at),
        last_used_at=rfc3339(entry.last_used_at) if entry.last_used_at else None,
        revoked_at=rfc3339(entry.revoked_at) if entry.revoked_at else None,
        vendors=("*",) if entry.scope == Scope.ADMIN.value else globs(entry.vendors),
    )
