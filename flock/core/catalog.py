"""The catalog of models: searching it, one of its models in full, and the three that suit this machine.

Owns what is asked of the catalog and how its entries become rows; which way a model would be had is models/choose.py's.
Refuses words it does not know, naming those it does. Called by daemon/control.py, and by core/ for what is added.
"""

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any

from flock.contract.catalog import (
    CAPABILITIES,
    SORTS,
    CatalogModel,
    ListPicks,
    ModelInfo,
    SearchCatalog,
    ShowModelInfo,
)
from flock.contract.models import Model
from flock.core.context import Actor, Context
from flock.core.fitting import Here, here
from flock.core.listing import listed
from flock.core.operations import handles
from flock.errors import InvalidRequest, NotFound
from flock.models.choose import Choice, Wish, choose
from flock.models.entry import GB, Entry
from flock.models.picks import picks, strength
from flock.models.shelf import nearest
from flock.text import closest, did_you_mean

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
# the word of `--sort` → what is compared; the newest, the smallest, the first in the alphabet come first
_SORTS: dict[str, Callable[[CatalogModel], Any]] = {
    "name": lambda row: row.id,
    "released": lambda row: [-int(part) for part in row.released.split("-")] if row.released else [0],
    "size": lambda row: (row.size_bytes is None, row.size_bytes or 0, row.id),
}


@handles(SearchCatalog)
async def search_catalog(context: Context, op: SearchCatalog, _actor: Actor) -> list[CatalogModel]:
    """Return the entries that are meant, what suits this machine first unless another order was asked for."""
    if op.sort and op.sort not in _SORTS:
        raise InvalidRequest(
            f"{op.sort!r} is no order: it is one of {', '.join(SORTS)}{did_you_mean(op.sort, SORTS)}",
            hint=f"flock model search --sort {closest(op.sort, SORTS) or 'released'}",
        )
    if op.capability and op.capability not in CAPABILITIES:
        raise InvalidRequest(
            f"{op.capability!r} is no capability: it is one of {', '.join(CAPABILITIES)}"
            f"{did_you_mean(op.capability, CAPABILITIES)}",
            hint=f"flock model search --capability {closest(op.capability, CAPABILITIES) or 'chat'}",
        )
    since = _day(op.since)
    known = (await context.shelf.look()).entries
    # for the shells; here, since the catalog is read when somebody asks for it and not at the start
    context.ids.keep("catalog", known)
    entries = [
        entry
        for entry in known.values()
        if _meant(entry, op.query)
        and (not op.capability or op.capability in entry.capabilities)
        and (not since or _last_day(entry.released) >= since)
    ]
    entries.sort(key=lambda entry: (entry.shards > 1, not entry.top, -strength(entry)))
    rows = await _rows(context, entries)
    rows = [row for row in rows if row.fits or not op.fits]
    return sorted(rows, key=_SORTS[op.sort] if op.sort else lambda row: not row.fits)


@handles(ShowModelInfo)
async def show_model_info(context: Context, op: ShowModelInfo, _actor: Actor) -> ModelInfo:
    """Return everything known of a model of the catalog, or of one that is installed."""
    entries = (await context.shelf.look()).entries
    models = listed(context)
    entry = entries.get(op.id) or entries.get(op.id.lower())
    model = next((model for model in models if model.id == op.id or (entry and _is_of(model, entry))), None)
    if entry is None:
        if model is None:
            near = nearest(op.id, [*entries, *(model.id for model in models)])
            raise NotFound(
                f"there is no model {op.id!r}, neither in the catalog nor installed"
                + (f"; there is {', '.join(near)}" if near else ""),
                hint=f"flock model info {near[0]}" if near else "flock model search",
                details={"nearest": near},
            )
        return ModelInfo(model.id, None, model)
    around = await here(context)
    choice = _choice(entry, around)
    return ModelInfo(
        id=entry.id,
        entry=_row(entry, choice, models),
        installed=model,
        variants=choice.variants,
        license_url=entry.license_url,
        fallback=entry.fallback,
        unsure=tuple(f"{field}: {word}" for field, word in entry.unsure.items()),
        catalog_file=entry.file,
    )


@handles(ListPicks)
async def list_picks(context: Context, _op: ListPicks, _actor: Actor) -> list[CatalogModel]:
    """Return the three models that suit this machine, the best first; fewer where fewer fit."""
    entries = (await context.shelf.look()).entries
    around = await here(context)
    found = picks(entries.values(), around.seen, around.budget_bytes, around.engines, around.preferred)
    models = listed(context)
    return [_row(pick.entry, pick.choice, models, pick.purpose) for pick in found]


async def _rows(context: Context, entries: Sequence[Entry]) -> list[CatalogModel]:
    around, models = await here(context), listed(context)
    return [_row(entry, _choice(entry, around), models) for entry in entries]


def _choice(entry: Entry, around: Here) -> Choice:
    wish = Wish(preferred=around.preferred)
    return choose(entry.candidate, around.seen, around.budget_bytes, around.engines, wish)


def _row(entry: Entry, choice: Choice, models: Sequence[Model], purpose: str = "") -> CatalogModel:
    way = choice.way or (entry.ways[0] if entry.ways else None)
    floor = entry.min_memory_gb
    return CatalogModel(
        id=entry.id,
        name=entry.name,
        family=entry.family,
        released=entry.released,
        license=entry.license,
        commercial=entry.commercial,
        capabilities=entry.capabilities,
        params_billions=entry.params_billions,
        active_billions=entry.active_billions,
        context=entry.context,
        size_bytes=way.size_bytes if way else None,
        min_memory_bytes=round(floor * GB) if floor else None,
        needs_bytes=choice.least_bytes,
        fits=choice.fits,
        engine=choice.engine,
        top=entry.top,
        sharded=entry.shards > 1,
        installed=any(_is_of(model, entry) for model in models),
        superseded_by=entry.superseded_by,
        note=entry.note,
        quant=way.quant if way else "",
        verdict=choice.why,
        purpose=purpose,
    )


def _is_of(model: Model, entry: Entry) -> bool:
    """Whether an installed model came from an entry, under whatever id."""
    return model.id == entry.id or model.source == f"catalog:{entry.id}"


def _meant(entry: Entry, query: str) -> bool:
    """Whether every word of a query stands in what people call the model."""
    told = " ".join((entry.id, entry.name, entry.family, entry.license, *entry.capabilities)).lower()
    return all(word in told for word in query.lower().split())


def _day(words: str) -> str:
    """Return a day, month or year as it is compared. Raises InvalidRequest for what is none."""
    found = words.strip()
    if not found:
        return ""
    try:
        if not _DATE.fullmatch(found):
            raise ValueError(found)
        datetime.date.fromisoformat(found + "-01-01"[len(found) - 4 :])
    except ValueError:
        raise InvalidRequest(
            f"{words!r} is no date: a day, a month or a year such as 2026-01-31, 2026-01 or 2026",
            hint="flock model search --since 2026-01-01",
        ) from None
    return found


def _last_day(released: str) -> str:
    """Return the last day that a release may have been: one of which the month is known counts to its end."""
    return released + "-12-31"[len(released) - 4 :] if released else ""
