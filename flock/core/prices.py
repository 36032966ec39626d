"""Listing, setting, removing and updating prices. Called through the operations table."""

import difflib

from flock.clock import rfc3339
from flock.contract.prices import ListPrices, LocalPrice, ModelPrice, Prices, RemovePrice, SetPrice, UpdatePrices
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.core.price_words import known_vendor, missing, parse_card, parse_local, parse_model
from flock.core.pricing import LOCAL, price_of
from flock.core.undo_kinds import PRICE, card_of
from flock.core.undoing import note
from flock.errors import Conflict
from flock.store.entries import PriceEntry
from flock.upstream import Price


@handles(ListPrices)
async def list_prices(context: Context, op: ListPrices, _actor: Actor) -> Prices:
    """Return what was set and what was looked up so far; with a model, what counts for it now."""
    if op.model.strip():
        words = f"{op.vendor.strip()}/{op.model.strip()}" if op.vendor.strip() else op.model
        vendor, model = parse_model(context, words, "flock price ls --vendor openai --model gpt-5")
        price = await context.pricing.sure(vendor, model)
        served = context.vendors.bare(vendor, model)
        return _prices(context, () if price is None else (_row(vendor, served, price, None),))
    vendor = known_vendor(context, op.vendor.strip()) if op.vendor.strip() else ""
    entries = await context.store.prices.all()
    rows = [_row(e.vendor, e.model, price_of(e), e.created_at) for e in entries if e.vendor != LOCAL or e.model]
    tables = context.pricing.tables
    for owner, model, known in tables.known() if tables is not None else ():
        if known.price is not None:
            rows.append(_row(owner, model, known.price, known.at))
    return _prices(context, tuple(row for row in rows if not vendor or row.vendor == vendor))


@handles(SetPrice)
async def set_price(context: Context, op: SetPrice, actor: Actor) -> Prices:
    """Keep a price; requests that end from now on are reckoned by it."""
    if op.local:
        vendor, model, card = LOCAL, "", parse_local(op)
    else:
        vendor, model = parse_model(context, op.model)
        card = parse_card(op)
    id = f"{vendor}/{model}"
    async with context.pricing.changing:
        note(actor, PRICE, id, {"card": await card_of(context, id)}, {"card": dict(card)})
        await context.store.prices.put(PriceEntry(vendor, model, card, context.clock.now()))
        context.pricing.load(await context.store.prices.all())
    await keep_ids(context)
    return await list_prices(context, ListPrices(), actor)


async def keep_ids(context: Context) -> None:
    """Write the models with a price that was set down for the shells. Raises StorageFailed."""
    context.ids.keep("prices", [_words(entry) for entry in await context.store.prices.all()])


@handles(RemovePrice)
async def remove_price(context: Context, op: RemovePrice, actor: Actor) -> Prices:
    """Forget a price that was set."""
    said = op.model.strip()
    async with context.pricing.changing:
        entries = {_words(entry): entry for entry in await context.store.prices.all()}
        entry = entries.get(said)
        if entry is None and "/" in said:
            entry = entries.get("/".join(parse_model(context, said, "flock price ls")))
        if entry is None:
            raise missing(said, difflib.get_close_matches(said, entries))
        note(actor, PRICE, f"{entry.vendor}/{entry.model}", {"card": dict(entry.card)}, {"card": None})
        await context.store.prices.delete(entry.vendor, entry.model)
        context.pricing.load(await context.store.prices.all())
    await keep_ids(context)
    return await list_prices(context, ListPrices(), actor)


@handles(UpdatePrices)
async def update_prices(context: Context, _op: UpdatePrices, actor: Actor) -> Prices:
    """Fetch the newest tables; what they say counts for requests that end from now on."""
    if context.pricing.tables is None:
        raise Conflict(
            "prices.tables is false, so public tables of prices are not asked",
            hint="flock config set prices.tables true",
        )
    await context.pricing.tables.fetch()
    return await list_prices(context, ListPrices(), actor)


def _words(entry: PriceEntry) -> str:
    return LOCAL if entry.vendor == LOCAL and not entry.model else f"{entry.vendor}/{entry.model}"


def _row(vendor: str, model: str, price: Price, at: float | None) -> ModelPrice:
    return ModelPrice(
        vendor=vendor,
        model=model,
        input=price.input,
        cached=price.cached if price.cached is not None else price.input,
        written=price.written if price.written is not None else price.input,
        output=price.output,
        source=price.source,
        tiers=bool(price.tiers),
        at=rfc3339(at) if at is not None else None,
    )


def _prices(context: Context, rows: tuple[ModelPrice, ...]) -> Prices:
    pricing = context.pricing
    facts = pricing.tables.facts if pricing.tables is not None else None
    return Prices(
        prices=rows,
        local=LocalPrice(pricing.watts, pricing.usd_per_kwh),
        data=facts.name if facts is not None else "",
        data_at=rfc3339(facts.at) if facts is not None and facts.at is not None else None,
    )
