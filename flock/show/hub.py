"""How the hub's models look."""

from typing import Any, cast

from flock import text
from flock.contract.hub import HubModel, HubRepository
from flock.contract.op import Op
from flock.show.view import NONE, Line, Pairs, Table, View, or_none, since, table

# Files beyond this are counted and not listed; `--json` has them all
FILES = 40


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show what was found, or one repository."""
    if isinstance(value, HubRepository):
        return _repository(value)
    found = cast("list[HubModel]", value)
    rows: list[tuple[str, ...]] = [
        (
            m.repo,
            or_none(None if m.downloads is None else f"{m.downloads:,}"),
            or_none(None if m.likes is None else f"{m.likes:,}"),
            since(m.updated, now),
            "gated" if m.gated else "",
        )
        for m in found
    ]
    shown = table("repo downloads likes updated terms", rows, "the hub has no model of these words", "likes updated")
    return View(shown.blocks, (Line(f"next: flock hub show {found[0].repo}", "dim"),) if found else ())


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the repositories' names."""
    return [value.repo] if isinstance(value, HubRepository) else [m.repo for m in cast("list[HubModel]", value)]


def _repository(found: HubRepository) -> View:
    terms = "to be accepted first" if found.gated else "none to accept"
    pairs = Pairs((("repository", found.repo), ("licence", found.license or NONE), ("terms", terms)))
    variants: list[tuple[str, ...]] = [
        (
            v.quant or NONE,
            v.engine or NONE,
            NONE if v.size_bytes is None else text.size(v.size_bytes),
            NONE if v.needs_bytes is None else text.size(v.needs_bytes),
            "yes" if v.fits else "no",
            "flock would take it" if v.chosen else v.note,
            v.source,
        )
        for v in found.variants
    ]
    ways = Table(
        ("quant", "engine", "size", "needs", "fits", "note", "source"),
        tuple(variants),
        "none of its files is a model that an engine of flock loads",
        ("note", "needs"),
    )
    files = Table(
        ("file", "size"),
        tuple((f.path, NONE if f.size_bytes is None else text.size(f.size_bytes)) for f in found.files[:FILES]),
        "it has no files",
    )
    left = len(found.files) - FILES
    aside = (
        [Line(f"and {text.count(left, 'more file')}: flock hub show {found.repo} --json", "dim")] if left > 0 else []
    )
    chosen = next((v for v in found.variants if v.chosen), None)
    aside += [Line(f"next: flock model add {chosen.source}", "dim")] if chosen else []
    return View((pairs, Line(), ways, Line(), files), tuple(aside))
