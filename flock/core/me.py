"""`flock me`: what the holder of a key may know of it."""

from flock.contract.tokens import Me, ShowMe
from flock.core.context import Actor, Context
from flock.core.key_changes import token_of
from flock.core.operations import handles
from flock.errors import InvalidKey, MissingKey
from flock.policy.keys import Key
from flock.policy.money import dollars
from flock.policy.windows import bounds
from flock.store.key_usage import KeySum


@handles(ShowMe)
async def show_me(context: Context, _op: ShowMe, actor: Actor) -> Me:
    """Return the caller's key, its limits, the models it may ask for, and what it used today and this month."""
    key = actor.key
    if key is None or not key.id:
        raise MissingKey(
            "this is about your own key, and none came along",
            hint="set FLOCK_TOKEN to your key; an admin makes one: flock token create NAME",
        )
    await context.store.writer.flush()
    entry = next((e for e in await context.store.keys.all() if e.id == key.id), None)
    if entry is None or entry.revoked_at is not None:  # between the check and now
        raise InvalidKey("this API key is unknown or was revoked", hint="make one: flock token create")
    now, usage = context.clock.now(), context.store.key_usage
    today = (await usage.since(bounds("day", now)[0], key.id)).get(key.id, KeySum())
    month = (await usage.since(bounds("month", now)[0], key.id)).get(key.id, KeySum())
    return Me(
        token=token_of(entry, now, today),
        meters=context.limits.meters(key),
        models=tuple(models_of(context, key)),
        requests_today=today.requests,
        tokens_today=today.tokens,
        cost_today_usd=_cost(today),
        requests_month=month.requests,
        tokens_month=month.tokens,
        cost_month_usd=_cost(month),
    )


def _cost(used: KeySum) -> str | None:
    return None if used.nano_usd is None else dollars(used.nano_usd)


def models_of(context: Context, key: Key) -> list[str]:
    """Return the ids a key may ask for, as far as the lists of vendors are known: nobody is asked here."""
    reach, here = context.inference.reach, context.registry.table
    paid = [model.id for model in context.vendors.known() if model.id not in here]
    return [*reach.table(key), *(model for model in paid if reach.paid(key, model))]
