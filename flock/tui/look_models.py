"""How models look on the screen: in memory, installed, in the catalog, being fetched.

Owns the formats of the models' page; those that all pages share are `look.py`'s. Refuses to know a widget.
"""

from dataclasses import fields

from textual.content import Content

from flock.contract.catalog import CatalogModel, ModelInfo
from flock.contract.jobs import Job
from flock.contract.models import Model, ModelConfig, Residents
from flock.contract.plans import AddPlan
from flock.show import catalog as catalog_view
from flock.show import job as job_view
from flock.show import plan as plan_view
from flock.text import clean
from flock.tui import look, look_engines

# What fills the part of a model in the bar of memory: another colour and another cell for each neighbour, so that they
# can be told apart without colours too
_FILLS = (("█", "$primary"), ("▓", "$accent"), ("█", "$secondary"), ("▓", "$success"))
_FREE = "░"


def memory(held: Residents | None, width: int) -> Content:
    """Return the bar of what models may take in memory, a piece for each, and what is free of it; one line."""
    if held is None:
        return look.dim("memory: not known yet")
    words = f" {look.size(held.used_bytes)} of {look.size(held.budget_bytes)}"
    room = max(10, width - len(words))
    budget = max(held.budget_bytes, held.used_bytes, 1)
    pieces: list[tuple[str, str]] = []
    left = room
    for at, model in enumerate(held.models):
        if not model.memory_bytes or left <= 0:
            continue
        cells = min(left, max(1, round(model.memory_bytes / budget * room)))
        fill, tone = _FILLS[at % len(_FILLS)]
        pieces.append((fill * cells, tone))
        left -= cells
    return Content.assemble(*pieces, (_FREE * max(0, left), "$panel-lighten-2"), (words, "bold"))


def legend(held: Residents | None, width: int) -> Content:
    """Return whose the pieces of the bar are and what is free; what has no room is counted."""
    if held is None:
        return Content("")
    free = look.dim(f"{_FREE} {look.size(held.free_bytes)} free")
    parts: list[Content] = []
    taken = free.cell_length
    for at, model in enumerate(held.models):
        fill, tone = _FILLS[at % len(_FILLS)]
        part = Content.assemble((f"{fill} ", tone), clean(model.id), (f" {taken_memory(model)}", "$text-muted"))
        if taken + part.cell_length + 2 > width - 9:
            parts.append(look.dim(f"+{len(held.models) - at} more"))
            break
        parts.append(part)
        taken += part.cell_length + 2
    return Content("  ").join([*parts, free])


def taken_memory(model: Model) -> str:
    """Return what a model takes in memory ("7.3 GB"); what was not measured is an estimate ("~5.0 GB")."""
    if model.memory_bytes is None:
        return look.NONE
    return look.size(model.memory_bytes) if model.measured else f"~{look.size(model.memory_bytes)}"


def state(model: Model, job: Job | None) -> Content:
    """Return the state of a model, with how far it is while it loads."""
    progress = model.progress if job is None or job.progress is None else job.progress
    if model.state != "starting" or progress is None:
        return look.dot(model.state)
    return Content.assemble(
        look.styled("◐ ", "$text-warning"), look.bar(progress, 6, "$warning"), look.styled(f" {progress:.0%}", "")
    )


def share(model: Model, budget: int | None, cells: int) -> Content:
    """Return a model's memory as a bar within the budget; of one that is not in memory only the figure, dim."""
    words = f"{taken_memory(model):>8}"
    if model.memory_bytes is None or not budget:
        return look.dim(" " * (cells + 1) + words)
    if model.state == "stopped":
        return Content.assemble((" " * cells, ""), (f" {words}", "$text-muted"))
    return Content.assemble(look.bar(model.memory_bytes / budget, cells), f" {words}")


def context(model: Model) -> str:
    """Return the window a model has, in tokens."""
    return f"{model.context:,}" if model.context else look.NONE


def busy(model: Model) -> Content:
    """Return how many requests run and wait ("2 +1")."""
    if not model.running and not model.queued:
        return look.dim("0")
    waiting = (f" +{model.queued}", "$text-warning") if model.queued else ("", "")
    return Content.assemble((str(model.running), "$text-success"), waiting)


def idle(model: Model, now: float) -> str:
    """Return since when nothing has asked for a model."""
    return "in use" if model.running else look.ago(model.last_used_at, now)


def marks(model: Model) -> Content:
    """Return whether a model answers those who name none, and whether it stays in memory."""
    words = [word for word, so in (("default", model.default), ("pinned", model.pinned)) if so]
    return look.styled(" ".join(words), "$text-accent")


def installed(model: Model, now: float, width: int) -> Content:
    """Return all that is known of an installed model, one to a line."""
    rows: list[tuple[str, object]] = [
        ("state", state(model, None)),
        ("engine", model.engine),
        ("kind", model.kind or look.NONE),
        ("context", f"{context(model)} tokens × {model.slots or 1}"),
        ("quant", model.quant or look.NONE),
        ("size", look.size(model.size_bytes)),
        ("memory", f"{taken_memory(model)} {'measured' if model.measured else 'estimated'}"),
        ("requests", f"{model.running} running, {model.queued} queued"),
        ("rate", f"{look.number(model.requests_per_minute)} rpm · {look.rate(model.tokens_per_second)}"),
        ("last used", idle(model, now)),
        ("licence", model.license or look.NONE),
        ("source", model.source),
        ("priority", str(model.priority) + (", pinned" if model.pinned else "")),
    ]
    rows += [("settings", settings(model.config))] if model.config is not None else []
    told = [Content(""), look.styled(model.note, "$text-warning")] if model.note else []
    told += [Content(""), look.styled(model.error, "$text-error")] if model.error else []
    return Content("\n").join([title(model.id), look_engines.pairs(rows, width), *told])


def title(words: str) -> Content:
    """Return what a part is about."""
    return look.styled(words, "bold $text-accent")


def settings(config: ModelConfig) -> str:
    """Return what was set for a model, as its command spells it ("context 32768, slots 2")."""
    none = ModelConfig()
    chosen = [
        f"{item.name.replace('_', '-')} {value if not isinstance(value, bool) else 'on'}"
        for item in fields(ModelConfig)
        if (value := getattr(config, item.name)) != getattr(none, item.name)
    ]
    return ", ".join(chosen) or "all left to flock"


def brief(model: Model, now: float) -> Content:
    """Return what a narrow list leaves out of a model, in two lines."""
    parts = [
        model.engine,
        model.quant or f"quant {look.NONE}",
        look.size(model.size_bytes),
        f"{context(model)} tokens",
        look.rate(model.tokens_per_second),
        idle(model, now),
    ]
    second = look.styled(model.error, "$text-error") if model.error else look.dim(model.note or model.source)
    return Content("\n").join([look.plain(" · ".join(parts)), second.first_line])


# -- the catalog


def fits(entry: CatalogModel) -> Content:
    """Return whether an entry suits this machine, by mark, word and colour."""
    if entry.installed:
        return look.styled("● added", "$text-accent")
    if entry.sharded:
        return look.styled("◇ several", "$text-muted")
    if entry.fits:
        return look.styled("✓ fits", "$text-success")
    # what has no engine here is not too large: nothing serves it
    return look.styled("✗ too big" if entry.engine else "✗ not here", "$text-error")


def licence(entry: CatalogModel) -> Content:
    """Return a licence with whether a business may use it, by mark and colour."""
    return _licence(entry.license, entry.commercial)


def _licence(name: str, commercial: str) -> Content:
    mark, tone = {"yes": ("✓", "$text-success"), "no": ("✗", "$text-error"), "": ("?", "$text-muted")}.get(
        commercial, ("!", "$text-warning")
    )
    return look.styled(f"{mark} {name or 'unknown'}", tone)


def commercial(word: str) -> Content:
    """Return in words whether a business may use it."""
    if word == "yes":
        return look.styled("✓ commercial use", "$text-success")
    if word == "no":
        return look.styled("✗ no commercial use", "$text-error")
    if not word:
        return look.styled("? commercial use unknown", "$text-muted")
    return look.styled(f"! commercial use on conditions: {word}", "$text-warning")


def entry_name(entry: CatalogModel) -> Content:
    """Return an entry's id, with the star of those that come first."""
    return Content.assemble(clean(entry.id), (f" {catalog_view.STAR}", "$text-accent") if entry.top else "")


def can(entry: CatalogModel) -> str:
    """Return what an entry is able to do."""
    return " ".join(entry.capabilities)


def described(entry: CatalogModel, info: ModelInfo | None, width: int) -> Content:
    """Return all that is known of an entry: what it needs, what it may be used for, how it can be had."""
    params = look.NONE if entry.params_billions is None else f"{entry.params_billions:g} billion"
    params += f", {entry.active_billions:g} at work" if entry.active_billions else ""
    rows: list[tuple[str, object]] = [
        ("here", Content.assemble(fits(entry), f"  {entry.verdict}")),
        ("licence", licence(entry)),
        ("", commercial(entry.commercial)),
        ("can", ", ".join(entry.capabilities) or look.NONE),
        ("parameters", params),
        ("context", look.NONE if entry.context is None else f"{entry.context:,} tokens"),
        ("download", f"{look.size(entry.size_bytes)} {entry.quant}".rstrip()),
        ("in memory", look.size(entry.needs_bytes)),
        ("engine", entry.engine or look.NONE),
        ("released", entry.released or look.NONE),
    ]
    rows += [("replaced by", entry.superseded_by)] if entry.superseded_by else []
    rows += [("terms", info.license_url)] if info is not None and info.license_url else []
    parts = [title(entry.name), look_engines.pairs(rows, width)]
    parts += [Content(""), look.styled(entry.note, "$text-warning")] if entry.note else []
    if info is not None and info.variants:
        parts += [Content(""), title("ways to have it"), *(_way(info, at) for at in range(len(info.variants)))]
    return Content("\n").join(parts)


def _way(info: ModelInfo, at: int) -> Content:
    way = info.variants[at]
    mark = ("▸ ", "$text-accent") if way.chosen else ("  ", "")
    verdict = ("✓", "$text-success") if way.fits else ("✗", "$text-error")
    figures = f" {way.engine} {way.quant} {look.size(way.size_bytes)}, needs {look.size(way.needs_bytes)}"
    more = (f"\n    {clean(way.note)}", "$text-warning") if way.note else ""
    return Content.assemble(mark, verdict, figures, (f"\n    {clean(way.source)}", "$text-muted"), more)


def entry_brief(entry: CatalogModel) -> Content:
    """Return what a narrow list leaves out of an entry, in two lines."""
    first = Content.assemble(fits(entry), f" {entry.verdict} · ", commercial(entry.commercial))
    return Content("\n").join([first, look.dim(f"{entry.name}: {can(entry)}. {entry.note}").first_line])


def filters(sort: str, fit: bool, capability: str, hide: bool, shown: int, known: int) -> Content:
    """Return how the catalog is ordered and narrowed down, with the keys that change it."""
    parts = [
        _switch("s", {"": "best first", "released": "newest", "size": "smallest", "name": "by name"}[sort], bool(sort)),
        _switch("f", "fits", fit),
        _switch("k", capability or "can", bool(capability)),
        _switch("h", "new only", hide),
        look.dim(f"{shown}/{known}"),
    ]
    return Content(" ").join(parts)


def _switch(key: str, words: str, on: bool) -> Content:
    return Content.assemble((key, "bold"), (" ✓" if on else " ·"), (words, "$text-accent" if on else "$text-muted"))


# -- additions


def plan(found: AddPlan) -> Content:
    """Return in one look what an addition would mean: room, licence, what is to be fetched."""
    room = look.styled(f"✓ fits: {found.verdict}", "$text-success") if found.fits else None
    room = room or look.styled(f"✗ does not fit: {found.verdict}", "$text-error")
    engine = (
        look.plain(f"{found.engine} serves it")
        if found.engine_ready
        else look.styled(f"! {found.engine or 'its engine'} is not installed", "$text-warning")
    )
    terms = _licence(found.license or "licence unknown", found.commercial)
    return Content("\n").join([room, Content.assemble(terms, " · ", engine)])


def planned(found: AddPlan, width: int) -> Content:
    """Return the particulars of an addition, and what to know before."""
    rows = getattr(plan_view.view(found).blocks[0], "rows", ())
    kept: list[tuple[str, object]] = [row for row in rows if row[0] not in ("id", "fits", "licence")]
    told = [look.styled(f"! {warning}", "$text-warning") for warning in found.warnings]
    told += [look.command(found.engine_hint)] if found.engine_hint and not found.engine_ready else []
    return Content("\n").join([look_engines.pairs(kept, width), *told])


# -- jobs


def progress(job: Job) -> Content:
    """Return a job's bar and its share, or its state when it has ended."""
    if job.state != "running":
        return look.dot(job.state)
    if job.progress is None:
        return look.styled("◐ at work", "$text-warning")
    return Content.assemble(look.bar(job.progress, 8), f" {job.progress:>4.0%}")


def fetched(job: Job) -> str:
    """Return how much of a fetch is there."""
    if job.done_bytes is None:
        return ""
    return look.size(job.done_bytes) + (f" of {look.size(job.total_bytes)}" if job.total_bytes else "")


def speed(job: Job) -> str:
    """Return how fast a fetch goes."""
    return "" if job.bytes_per_second is None or job.state != "running" else f"{look.size(job.bytes_per_second)}/s"


def left(job: Job) -> str:
    """Return how long a job will take."""
    return job_view.left(job) if job.eta_seconds is not None and job.state == "running" else ""
