"""How the catalog of models looks: a list of entries, one in full, the three that suit this machine."""

from typing import Any, cast

from flock import text
from flock.contract.catalog import CatalogModel, ModelInfo, Variant
from flock.contract.op import Op
from flock.show.view import NONE, Line, Pairs, Table, View, or_none, table

STAR = "★"


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show entries, one model, or the picks."""
    if isinstance(value, ModelInfo):
        return _info(value)
    found = cast("list[CatalogModel]", value)
    return _picks(found) if op.spec.name == "catalog.picks" else _list(found)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the models' ids."""
    return [value.id] if isinstance(value, ModelInfo) else [m.id for m in cast("list[CatalogModel]", value)]


def badge(m: CatalogModel) -> str:
    """Return a licence with what it means for a business: nothing behind it where there is nothing to heed."""
    mark = {"yes": "", "no": ", not commercial", "": ""}.get(m.commercial, ", conditions")
    return (m.license or "licence unknown") + mark


def _list(found: list[CatalogModel]) -> View:
    rows: list[tuple[str, ...]] = [
        (
            m.id,
            STAR if m.top else "",
            _can(m),
            or_none(None if m.context is None else f"{m.context:,}"),
            _size(m.size_bytes),
            _size(m.needs_bytes),
            _fit(m),
            m.engine or NONE,
            m.released,
            badge(m),
        )
        for m in found
    ]
    shown = table(
        f"id {STAR} can context size needs fits engine released licence",
        rows,
        "no model of the catalog is meant; `flock model search` lists all of them",
        "released context engine can needs licence",
    )
    told = (Line(f"{STAR} the ones we would pick first; next: flock model info ID, flock model add ID", "dim"),)
    return View(shown.blocks, told if found else ())


def _picks(found: list[CatalogModel]) -> View:
    if not found:
        return View((Line("no model of the catalog fits this machine"),), (Line("see why: flock model search", "dim"),))
    rows: list[tuple[str, ...]] = [
        (
            m.id,
            m.purpose,
            STAR if m.top else "",
            _can(m),
            _size(m.size_bytes),
            m.verdict,
            m.engine,
            badge(m),
        )
        for m in found
    ]
    shown = table(f"id for {STAR} can size memory engine licence", rows, "", "engine can size licence")
    return View(shown.blocks, (Line(f"next: flock model add {found[0].id}", "dim"),))


def _info(info: ModelInfo) -> View:
    m = info.entry
    if m is None:
        return _installed_only(info)
    rows = [
        ("id", m.id + (f" {STAR}" if m.top else "")),
        ("name", m.name),
        ("can", _can(m)),
        ("parameters", _parameters(m)),
        ("context", NONE if m.context is None else f"{m.context:,} tokens"),
        ("released", m.released or NONE),
        ("licence", " ".join(filter(None, (badge(m), info.license_url)))),
        ("commercial use", {"": "unknown", "yes": "yes", "no": "no"}.get(m.commercial, m.commercial)),
        ("machine", NONE if m.min_memory_bytes is None else f"{m.min_memory_bytes / 1e9:g} GB or more"),
        ("here", _here(m)),
        ("state", info.installed.state if info.installed else "not added"),
        ("when it fails", ", ".join(info.fallback) or NONE),
    ]
    rows += [("superseded by", m.superseded_by)] if m.superseded_by else []
    rows += [("written in", info.catalog_file)] if info.catalog_file else []
    ways = Table(
        ("source", "quant", "size", "needs", "fits", "engine", "note"),
        tuple(_way(variant) for variant in info.variants),
        "no way to have it is known",
        ("note", "quant", "needs"),
    )
    told = [Line(m.note, "warn", hang=1)] if m.note else []
    told += [Line(f"not confirmed: {words}", "dim", hang=1) for words in info.unsure]
    if info.installed is None and not m.sharded:
        told.append(Line(f"next: flock model add {m.id}", "dim"))
    return View((Pairs(tuple(rows)), Line(), ways), tuple(told))


def _installed_only(info: ModelInfo) -> View:
    m = info.installed
    if m is None:
        return View((Line(f"nothing is known of {info.id}"),))
    rows = (
        ("id", m.id),
        ("state", m.state),
        ("kind", or_none(m.kind)),
        ("engine", m.engine),
        ("context", NONE if m.context is None else f"{m.context:,} tokens"),
        ("size", _size(m.size_bytes)),
        ("quantisation", or_none(m.quant)),
        ("licence", or_none(m.license)),
        ("source", m.source),
    )
    return View((Pairs(rows),), (Line("it is in no catalog: this is what its files and its engine say", "dim"),))


def _way(v: Variant) -> tuple[str, ...]:
    fits = ("yes" if v.fits else "no") + (", chosen" if v.chosen else "")
    return v.source, or_none(v.quant), _size(v.size_bytes), _size(v.needs_bytes), fits, v.engine or NONE, v.note


def _here(m: CatalogModel) -> str:
    if m.sharded:
        return m.verdict
    by = f"; {m.engine}" if m.engine else ""
    quant = f", {m.quant}" if m.quant else ""
    return f"{'fits' if m.fits else 'does not fit'}: {m.verdict}{by}{quant}"


def _fit(m: CatalogModel) -> str:
    if m.installed:
        return "added"
    return "yes" if m.fits else "several machines" if m.sharded else "no"


def _can(m: CatalogModel) -> str:
    return ", ".join(m.capabilities)


def _parameters(m: CatalogModel) -> str:
    if m.params_billions is None:
        return NONE
    at_work = f", {m.active_billions:g} at work on a token" if m.active_billions else ""
    return f"{m.params_billions:g} billion{at_work}"


def _size(count: int | None) -> str:
    return NONE if count is None else text.size(count)
