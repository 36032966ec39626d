"""How Home's lists look: models and memory, engines, what runs, what has happened lately.

Owns their arrangement; how a state looks is look.py's. Pure: what is known in, text out. Called by `screens/home.py`.
"""

from collections.abc import Sequence

from textual.content import Content

from flock.contract.engines import Engine
from flock.contract.jobs import Job
from flock.contract.models import Model, Residents
from flock.tui import look
from flock.tui.state import Activity, Live

# What counts most stands first: what is in trouble or in memory before what rests
_ORDER = ("failed", "crashloop", "unreachable", "starting", "ready", "busy", "queued", "stopping", "stopped")
_TONES = {"good": ("●", "$text-success"), "bad": ("✗", "$text-error"), "warn": ("◐", "$text-warning")}
_CLOCK = 9


def models(found: Sequence[Model] | None, memory: Residents | None, width: int, height: int) -> Content:
    """Return the models, what is in trouble or in memory first, under a bar of the memory that they take."""
    lines = [] if memory is None else [_memory(memory, width)]
    if found is None:
        return Content("\n").join([*lines, look.dim("asking …")])
    if not found:
        return Content("\n").join([*lines, look.dim("no model yet"), look.command("flock model picks")])
    rows = [_model(model, width) for model in sorted(found, key=lambda m: (_rank(m.state), m.id))]
    return Content("\n").join([*lines, *_cut(rows, height - len(lines), width)])


def _memory(memory: Residents, width: int) -> Content:
    part = memory.used_bytes / memory.budget_bytes if memory.budget_bytes else 0.0
    words = look.dim(f" {look.size(memory.used_bytes)} of {look.size(memory.budget_bytes)}")
    tone = "$warning" if part > 0.9 else "$primary"
    return Content.assemble(look.bar(part, max(4, width - words.cell_length), tone), words)


def _model(model: Model, width: int) -> Content:
    left = Content.assemble(look.mark(model.state), " ", look.styled(model.id, "bold" if model.default else ""))
    if model.default and width >= 50:
        left = Content.assemble(left, ("  default", "$text-muted"))
    return look.apart(left, _of_model(model), width)


def _of_model(model: Model) -> Content:
    if model.error:
        return look.styled(model.state, look.TONES.get(model.state, ""))
    if model.progress is not None and model.state != "ready":
        return Content.assemble(look.bar(model.progress, 8, "$warning"), look.dim(f" {look.percent(model.progress)}"))
    if model.state != "ready":
        return look.state(model.state)
    speed = f"{look.rate(model.tokens_per_second)}  " if model.tokens_per_second is not None else ""
    return look.dim(f"{speed}{look.size(model.memory_bytes)}")


def engines(found: Sequence[Engine] | None, width: int, height: int) -> Content:
    """Return the engines, those in trouble first, each with what it serves."""
    if found is None:
        return look.dim("asking …")
    if not found:
        return Content("\n").join([look.dim("no engine yet"), look.command("flock engine ls")])
    rows = [_engine(engine, width) for engine in sorted(found, key=lambda e: (_rank(e.state), e.name))]
    return Content("\n").join(_cut(rows, height, width))


def _engine(engine: Engine, width: int) -> Content:
    left = Content.assemble(look.mark(engine.state), " ", look.plain(engine.name))
    if width >= 50 and engine.kind not in engine.name:
        left = Content.assemble(left, (f"  {engine.kind} {engine.version}", "$text-muted"))
    right = look.state(engine.state)
    if engine.memory_bytes is not None:
        right = Content.assemble(look.dim(f"{look.size(engine.memory_bytes)}  "), right)
    return look.apart(left, right, width)


def troubled(found: Sequence[Engine] | None) -> str:
    """Return how many engines there are and how many of them are in trouble, for a narrow place."""
    if not found:
        return ""
    bad = sum(1 for engine in found if look.TONES.get(engine.state) == "$text-error")
    words = f"{len(found)} engine{'' if len(found) == 1 else 's'}"
    return f"{words}, {bad} in trouble" if bad else words


def running(first: Sequence[Live], elapsed_ms: dict[str, float], count: int, width: int, height: int) -> Content:
    """Return the `first` of `count` requests that run."""
    if not first:
        return Content("\n").join([look.dim("nothing runs"), look.command("flock run 'Hello'")])
    rows: list[Content] = []
    wide = min(12, max(len(live.user) for live in first))
    for live in first:
        who = look.fit(live.user, wide)
        left = Content.assemble(look.fit(look.dot(live.stage), 13), who, "  ", look.plain(live.model))
        figures = look.dim(f"{look.number(live.output_tokens):>6} tok {look.took(elapsed_ms[live.id])}")
        rows.append(look.apart(left, figures, width))
    return Content("\n").join(_cut(rows, height, width, count))


def activity(
    jobs: Sequence[Job], told: Sequence[Activity], ended: Sequence[Live], now: float, width: int, height: int
) -> Content:
    """Return the jobs under way, then what has happened, newest first: engines, models, jobs, requests."""
    rows = [_job(job, width) for job in jobs if job.state == "running"][:height]
    room = height - len(rows)
    found = [(one.at, _told(one, now, width)) for one in list(told)[:room]]
    # a failed request is told of already
    known = {one.at for one in told}
    found += [(live.at, _ended(live, now, width)) for live in ended[:room] if live.at not in known]
    rows += [line for _, line in sorted(found, key=lambda pair: pair[0], reverse=True)[:room]]
    if not rows:
        return Content("\n").join([look.dim("nothing has happened yet"), look.command("flock run 'Hello'")])
    return Content("\n").join(rows)


def _job(job: Job, width: int) -> Content:
    wide = max(6, min(24, width // 5))
    bar = look.bar(job.progress, wide, "$accent") if job.progress is not None else look.dim("…".ljust(wide))
    left = "" if job.eta_seconds is None or width < 60 else f", {look.seconds(job.eta_seconds)} left"
    words = f" {look.percent(job.progress):>5}" + (f" {job.message}{left}" if width >= 50 else "")
    return look.apart(look.plain(job.target), Content.assemble(bar, look.dim(words)), width)


def _told(one: Activity, now: float, width: int) -> Content:
    sign, tone = _TONES.get(one.tone, ("·", "$text-muted"))
    words = Content.assemble((f"{sign} ", tone), look.plain(one.subject), " ", look.styled(one.words, tone))
    return look.fit(Content.assemble(_at(one.at, now), words), width)


def _ended(live: Live, now: float, width: int) -> Content:
    words = Content.assemble(look.outcome(live.outcome, short=True), " ", look.plain(f"{live.user} {live.model}"))
    figures = look.dim(
        f"{look.number(live.output_tokens)} tok" + (f" {look.took(live.elapsed_ms)}" if width > 48 else "")
    )
    return look.apart(Content.assemble(_at(live.at, now), words), figures, width)


def _at(at: str, now: float) -> Content:
    words = look.clock(at, now)
    # of another day its date alone
    return look.dim(f"{words if len(words) < _CLOCK else words[:5]:<{_CLOCK}}")


def _rank(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)


def _cut(rows: list[Content], height: int, width: int, all_of_them: int = 0) -> list[Content]:
    """Return the rows that fit, the last place telling how many more there are."""
    count = max(all_of_them, len(rows))
    if count <= height:
        return rows
    shown = rows[: max(0, height - 1)]
    return [*shown, look.fit(look.dim(f"and {count - len(shown)} more"), width)]
