"""Creating, listing, changing and revoking API keys."""

import asyncio
import dataclasses
from dataclasses import replace

from flock.clock import rfc3339
from flock.contract.op import Scope
from flock.contract.tokens import (
    CreateToken,
    EditToken,
    ExpireToken,
    ListTokens,
    RenewToken,
    RevokeToken,
    RotateToken,
    ShowToken,
    Token,
    TokenCreated,
    TokenDetails,
    TokenEdited,
)
from flock.core import token_words as words
from flock.core.context import Actor, Context
from flock.core.key_changes import change, ends_at, fields_of, insert, meant, namesakes, token_of
from flock.core.key_file import holds, write_key
from flock.core.operations import handles
from flock.core.undoing import note
from flock.errors import Conflict, InvalidRequest, StorageFailed
from flock.policy.keys import digest_of, globs, new_entry, new_secret
from flock.policy.spans import seconds_of
from flock.policy.windows import bounds
from flock.store.entries import KeyEntry
from flock.store.key_usage import KeySum

KIND = "token"
FOR_EVER = "never"


@handles(CreateToken)
async def create_token(context: Context, op: CreateToken, actor: Actor) -> TokenCreated:
    """Store a fresh key's hash and hand out the secret, once."""
    now, secret = context.clock.now(), new_secret()
    name, scope = words.read_name(op.name), Scope.ADMIN if op.admin else Scope.USER
    models, vendors = words.read_models(op.models), words.read_vendors(op.vendors)
    entry = replace(
        new_entry(name, scope, secret, now, ",".join(vendors)),
        owner=words.read_name(op.owner, "owner") if op.owner.strip() else "",
        note=words.read_note(op.note),
        expires_at=_end(now, op.ttl) if op.ttl.strip() else None,
        models=",".join(models),
        rpm=words.read_count(op.rpm, "--rpm"),
        tpm=words.read_count(op.tpm, "--tpm"),
        quota=words.read_count(op.quota, "--quota"),
        budgets=words.read_budgets(op.budget),
        tags=words.read_tags(op.tag),
        share=words.read_share(op.share),
    )
    await insert(context, entry)
    note(actor, KIND, entry.id, {"active": False}, {"active": True})
    return _created(entry, secret, (*_warnings(context, models, vendors), *await namesakes(context, entry)))


@handles(ListTokens)
async def list_tokens(context: Context, op: ListTokens, _actor: Actor) -> list[Token]:
    """Return the keys with what they used today, newest first."""
    entries, used = await _entries(context)
    now = context.clock.now()
    if op.tag:
        entries = [e for e in entries if words.has_tag(e.tags, op.tag)]
    shown = [e for e in entries if op.all or ends_at(e) > now]
    return [token_of(e, now, used.get(e.id, KeySum())) for e in sorted(shown, key=lambda e: e.created_at, reverse=True)]


@handles(ShowToken)
async def show_token(context: Context, op: ShowToken, _actor: Actor) -> TokenDetails:
    """Return one key, its limits and how much of them is used."""
    entries, used = await _entries(context)
    now = context.clock.now()
    entry = meant(entries, op.id, now)
    key = context.keys.get(entry.id)
    meters = context.limits.meters(key) if key is not None else ()
    return TokenDetails(token_of(entry, now, used.get(entry.id, KeySum())), meters)


@handles(EditToken)
async def edit_token(context: Context, op: EditToken, actor: Actor) -> TokenEdited:
    """Change what was named of a key, and nothing else."""
    if all(getattr(op, f.name) == f.default for f in dataclasses.fields(op) if f.name != "id"):  # pyright: ignore[reportArgumentType]
        raise InvalidRequest("nothing to change was named", hint=f"flock token edit {op.id} --rpm 60")
    was, entry = await change(context, op.id, lambda before: _edited(before, op))
    note(actor, KIND, entry.id, fields_of(was), fields_of(entry))
    models = tuple(glob for glob in globs(entry.models) if glob not in globs(was.models))
    vendors = tuple(glob for glob in globs(entry.vendors) if glob not in globs(was.vendors))
    same = await namesakes(context, entry) if entry.name != was.name else ()
    return TokenEdited(token_of(entry, context.clock.now()), (*_warnings(context, models, vendors), *same))


@handles(RenewToken)
async def renew_token(context: Context, op: RenewToken, actor: Actor) -> Token:
    """Let a key be good until a new time, or for ever."""
    end = _end(context.clock.now(), op.ttl)
    was, entry = await change(context, op.id, lambda e: replace(_alive(e), expires_at=end), expired=True)
    note(actor, KIND, entry.id, fields_of(was), fields_of(entry))
    return token_of(entry, context.clock.now())


@handles(ExpireToken)
async def expire_token(context: Context, op: ExpireToken, actor: Actor) -> Token:
    """Let a key end, now or after a while; what runs with it ends by itself."""
    now = context.clock.now()
    end = now + (seconds_of(op.after, "--after", "2h") if op.after.strip() else 0.0)

    def ended(entry: KeyEntry) -> KeyEntry:
        if ends_at(_alive(entry)) <= now:
            raise Conflict(
                f"{entry.id} ({entry.name}) expired at {rfc3339(ends_at(entry))}",
                hint=f"flock token renew {entry.id} --ttl 30d",
            )
        return replace(entry, expires_at=end)

    was, entry = await change(context, op.id, ended)
    note(actor, KIND, entry.id, fields_of(was), fields_of(entry))
    return token_of(entry, context.clock.now())


@handles(RotateToken)
async def rotate_token(context: Context, op: RotateToken, _actor: Actor) -> TokenCreated:
    """Give a key a new secret; the one before goes on for the grace. The file of the admin key follows."""
    now, secret = context.clock.now(), new_secret()
    grace = seconds_of(op.grace, "--grace", "1h") if op.grace.strip() else 0.0

    def rotated(entry: KeyEntry) -> KeyEntry:
        old = (entry.digest, now + grace) if grace else (None, None)
        digest, hint = digest_of(secret), secret[-4:]
        return replace(_alive(entry), digest=digest, hint=hint, old_digest=old[0], old_until=old[1])

    was, entry = await change(context, op.id, rotated)
    warnings: list[str] = []
    if was.old_digest is not None and (was.old_until or 0.0) > now:
        warnings.append("the secret before the last one was still in its grace, and ends now")
    if ends_at(entry) <= now:
        warnings.append(f"the key has expired: flock token renew {entry.id} --ttl 30d")
    return _created(entry, secret, (*warnings, *await _follow(context, was, secret)))


@handles(RevokeToken)
async def revoke_token(context: Context, op: RevokeToken, actor: Actor) -> Token:
    """Revoke a key in the store, then in memory; its running streams end with a typed error."""
    now = context.clock.now()
    was, entry = await change(context, op.id, lambda e: e if e.revoked_at is not None else replace(e, revoked_at=now))
    note(actor, KIND, entry.id, fields_of(was), fields_of(entry))
    return token_of(entry, now)


def _edited(entry: KeyEntry, op: EditToken) -> KeyEntry:
    _alive(entry)
    counts = {"rpm": op.rpm, "tpm": op.tpm, "quota": op.quota}
    return replace(
        entry,
        name=entry.name if op.name is None else words.read_name(op.name),
        owner=entry.owner if op.owner is None else words.read_name(op.owner, "owner") if op.owner.strip() else "",
        note=entry.note if op.note is None else words.read_note(op.note),
        vendors=entry.vendors if op.vendors is None else ",".join(words.read_vendors(op.vendors)),
        models=_models(entry, op),
        budgets=words.read_budgets(op.budget) if op.budget else entry.budgets,
        tags=words.read_tags(op.tag, entry.tags) if op.tag else entry.tags,
        share=entry.share if op.share is None else words.read_share(op.share),
        **{name: words.read_count(number, f"--{name}") for name, number in counts.items() if number is not None},
    )


def _models(entry: KeyEntry, op: EditToken) -> str:
    """Return the models of a key after an edit. Taking the last one away would allow all of them: that must be said."""
    listed = list(globs(entry.models) if op.models is None else words.read_models(op.models))
    more, less = words.read_models(op.add_models), words.read_models(op.remove_models)
    if more and not listed and op.models is None:
        raise InvalidRequest(
            f"{entry.name} may ask for all models already; naming some would take the others away",
            hint=f"flock token edit {entry.id} --models {','.join(more)}",
        )
    for glob in less:
        if glob not in listed:
            shown = ", ".join(listed) or "it may ask for all models"
            raise InvalidRequest(
                f"{glob!r} is not in the list of {entry.name}: {shown}", hint=f"flock token show {entry.id}"
            )
    kept = [glob for glob in dict.fromkeys((*listed, *more)) if glob not in less]
    if less and not kept:
        raise InvalidRequest(
            f"without {', '.join(less)} the list of {entry.name} is empty, which means all models",
            hint=f"flock token edit {entry.id} --models ''",
        )
    return ",".join(kept)


def _alive(entry: KeyEntry) -> KeyEntry:
    """Return a key that was not revoked. Raises Conflict."""
    if entry.revoked_at is not None:
        raise Conflict(
            f"{entry.id} ({entry.name}) was revoked at {rfc3339(entry.revoked_at)}, which is for good",
            hint="flock token create NAME",
        )
    return entry


def _end(now: float, ttl: str) -> float | None:
    """Return when a key that is good for `ttl` ends, None for never. Raises InvalidRequest."""
    if ttl.strip().lower() == FOR_EVER:
        return None
    seconds = seconds_of(ttl, "--ttl")
    if not seconds:
        raise InvalidRequest(f"--ttl {ttl}: the key would never be good", hint="--ttl 7d")
    return now + seconds


async def _entries(context: Context) -> tuple[list[KeyEntry], dict[str, KeySum]]:
    """Return every key and what each used today; what rides in the writer's batches is waited for."""
    await context.store.writer.flush()
    used = await context.store.key_usage.since(bounds("day", context.clock.now())[0])
    return await context.store.keys.all(), used


def _warnings(context: Context, models: tuple[str, ...], vendors: tuple[str, ...]) -> tuple[str, ...]:
    """Return a sentence for each glob that fits no model or vendor there is now: it may come later."""
    here, every = context.vendors.rows(), context.vendors.rows(off=True)
    names = [*context.registry.table, *(model.id for model in context.vendors.known())]
    names += [name for row in here for name in (row.name, f"{row.name}/", *row.prefixes, *row.patterns)]
    lost = [f"no model here has a name like {glob!r} now" for glob in words.fits_nothing(models, names)]
    unknown = words.fits_nothing(vendors, [row.name for row in every])
    return (*lost, *(f"no vendor is called {glob!r}: flock vendor ls --all" for glob in unknown))


async def _follow(context: Context, was: KeyEntry, secret: str) -> tuple[str, ...]:
    """Let the file of this machine's admin key follow a rotation of the key it holds; return what there is to say."""
    path = context.home.admin_key
    if not await asyncio.to_thread(holds, path, was.digest):
        return ()
    try:
        await asyncio.to_thread(write_key, path, secret)
    except StorageFailed as error:
        return (f"{error.sentence}: it still has the old key; write this one there",)
    return (f"this is the key of {path}, which has the new secret now",)


def _created(entry: KeyEntry, secret: str, warnings: tuple[str, ...]) -> TokenCreated:
    return TokenCreated(
        id=entry.id,
        name=entry.name,
        scope=Scope(entry.scope),
        token=secret,
        created_at=rfc3339(entry.created_at),
        expires_at=None if entry.expires_at is None else rfc3339(entry.expires_at),
        old_until=None if entry.old_until is None else rfc3339(entry.old_until),
        warnings=warnings,
    )
