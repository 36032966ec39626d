"""The things that can be set to what they were: API keys, settings, the default model, prices.

Owns what undoing an act on each would do, in words, and that it is done by the rules of whoever sets the thing
otherwise. Refuses to choose what to undo (history.py). The handlers of settings call `change_setting` to have their act
noted.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from flock.clock import rfc3339
from flock.config import Config
from flock.contract.settings import SettingChanged
from flock.core.context import Actor, Context
from flock.core.key_changes import change, fields_of, with_fields
from flock.core.listing import listed
from flock.core.undoing import KINDS, Fields, Note, note, undoes
from flock.errors import Conflict, ModelNotFound
from flock.store.entries import KeyEntry, PriceEntry

TOKEN, SETTING, DEFAULT, PRICE = "token", "setting", "default model", "price"
DEFAULT_KEY = "router.default_model"


# fields as people call them
_NAMES = {"expires_at": "the end", "value": "the value", "model": "the model", "card": "the price"}


def enter() -> None:
    """Enter every kind; once is enough."""
    for name, kind in ((TOKEN, _Tokens()), (SETTING, _Settings()), (DEFAULT, _Default()), (PRICE, _Prices())):
        if name not in KINDS:
            undoes(name, kind)


def unchanged(made: Note, current: Fields, show: str) -> None:
    """Check that a thing is as an act left it. Raises Conflict naming the fields that were changed since."""
    other = [_NAMES.get(field, field) for field, value in made.now.items() if current.get(field) != value]
    if "active" in other:
        raise Conflict(f"{made.id} {'is active again' if current['active'] else 'was revoked since'}", hint=show)
    if other:
        raise Conflict(
            f"{_listed(other)} of {made.id} {'was' if len(other) == 1 else 'were'} changed since: undo the later act "
            "first, or set it by hand",
            hint=show,
        )


class _Tokens:
    async def restore(self, context: Context, made: Note) -> None:
        now = context.clock.now()

        def make(entry: KeyEntry) -> KeyEntry:
            unchanged(made, fields_of(entry), f"flock token show {made.id}")
            return with_fields(entry, made.was, now)

        await change(context, made.id, make)

    def words(self, made: Note) -> str:
        if "active" in made.was:
            return f"let {made.id} in again, with the secret it had" if made.was["active"] else f"revoke {made.id}"
        values = [f"{_label(field)} {_value(field, value)}" for field, value in made.was.items()]
        return f"set {made.id} back: {', '.join(values)}"


class _Settings:
    async def restore(self, context: Context, made: Note) -> None:
        value = await asyncio.to_thread(context.config.in_file, made.id)
        unchanged(made, {"value": value}, f"flock config get {made.id}")
        await asyncio.to_thread(_put, context.config, made)

    def words(self, made: Note) -> str:
        value = made.was["value"]
        if value is None:
            return f"take {made.id} out of the configuration file, for the next start"
        return f"set {made.id} back to {_plain(value)}, for the next start"


class _Default:
    async def restore(self, context: Context, made: Note) -> None:
        names = context.inference.names
        current = {"value": await asyncio.to_thread(context.config.in_file, DEFAULT_KEY), "model": names.default_model}
        unchanged(made, current, "flock model ls")
        model = str(made.was.get("model", names.default_model))
        near = [row.id for row in listed(context)]
        if model and model != "auto" and "/" not in model and model not in near:
            raise ModelNotFound(
                f'"{model}", the default before, is here no more', hint="flock model ls", details={"nearest": near[:5]}
            )
        if "value" in made.was:
            await asyncio.to_thread(_put, context.config, made)
        names.default_model = model

    def words(self, made: Note) -> str:
        model = made.was.get("model", made.was.get("value"))
        return f"let {model} answer again where no model is named" if model else "have no default model set"


class _Prices:
    """Prices that were set; the id is "vendor/model", "local/" for that of power, and `card` their figures."""

    async def restore(self, context: Context, made: Note) -> None:
        vendor, _, model = made.id.partition("/")
        async with context.pricing.changing:
            unchanged(made, {"card": await card_of(context, made.id)}, "flock price ls")
            if made.was["card"] is None:
                await context.store.prices.delete(vendor, model)
            else:
                await context.store.prices.put(PriceEntry(vendor, model, made.was["card"], context.clock.now()))
            context.pricing.load(await context.store.prices.all())

    def words(self, made: Note) -> str:
        name, figures = made.id.removesuffix("/"), made.was["card"]
        if figures is None:
            return f"forget the price of {name}"
        return f"set the price of {name} back: {', '.join(f'{key} {value}' for key, value in figures.items())}"


async def card_of(context: Context, id: str) -> Fields | None:
    """Return the figures of a price that was set, by "vendor/model"; None where none is."""
    entries = await context.store.prices.all()
    return next((dict(e.card) for e in entries if f"{e.vendor}/{e.model}" == id), None)


async def change_setting(context: Context, actor: Actor, key: str, act: Callable[[], SettingChanged]) -> SettingChanged:
    """Carry out an act on the configuration file, off the loop, and note what the file said of `key` before.

    Raises what the act raises, and then notes nothing.
    """
    was, changed, now = await asyncio.to_thread(around, context.config, key, act)
    note(actor, SETTING, key, {"value": was}, {"value": now})
    return changed


def around(config: Config, key: str, act: Callable[[], SettingChanged]) -> tuple[Any, SettingChanged, Any]:
    """Return what the file says of a setting before an act, what the act returns, and what the file says then."""
    was = config.in_file(key)
    changed = act()
    return was, changed, config.in_file(key)


def _put(config: Config, made: Note) -> None:
    config.put_in_file(DEFAULT_KEY if made.kind == DEFAULT else made.id, made.was["value"])


def _label(field: str) -> str:
    return {"expires_at": "expires"}.get(field, field)


def _value(field: str, value: Any) -> str:
    if field == "expires_at":
        return "never" if value is None else rfc3339(value)[:19] + "Z"
    if field in ("rpm", "tpm", "quota"):
        return f"{value:,}" if value else "none"
    if field == "budgets":
        return ", ".join(f"${usd}/{window}" for usd, window in value) or "none"
    if field == "tags":
        return ", ".join(f"{key}={word}" for key, word in sorted(value.items())) or "none"
    if field == "models":
        return value or "all"
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value != "" else "''"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
