"""How models look: installed ones, those in memory, one that was changed, found files, findings. How an addition looks
is `plan.py`'s.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, cast

from flock import text
from flock.contract.jobs import Job
from flock.contract.models import Finding, FoundFile, Model, ModelConfig, Residents, Validation
from flock.contract.op import Op
from flock.show import job, plan
from flock.show.view import NONE, Line, Pairs, View, or_none, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the models, one of them, what is in memory, what was found, or the job that adds or loads one."""
    if isinstance(value, Job):
        return _job(op, value, now)
    if isinstance(value, Model):
        return _one(op, value)
    if isinstance(value, Residents):
        return _residents(value, now)
    if isinstance(value, Validation):
        return _validation(value)
    if op.spec.name == "model.scan":
        return _found(cast("list[FoundFile]", value))
    return models(cast("list[Model]", value))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the models' ids, or the paths that were found; nothing for one that was removed."""
    if isinstance(value, Job):
        return [value.target]
    if isinstance(value, Model):
        return [] if op.spec.name == "model.remove" else [value.id]
    if isinstance(value, Residents):
        return [m.id for m in value.models]
    if isinstance(value, Validation):
        return [value.id] if value.usable else []
    if op.spec.name == "model.scan":
        return [f.path for f in cast("list[FoundFile]", value) if not f.added and not f.error]
    return [m.id for m in cast("list[Model]", value)]


def models(found: "Sequence[Model]") -> View:
    """Show a table of models; what a user must know of one stands beside it on stderr."""
    rows: list[tuple[str, ...]] = [
        (
            m.id,
            _state(m),
            or_none(m.kind),
            m.engine,
            _context(m),
            _size(m.size_bytes),
            _memory(m),
            _rate(m.requests_per_minute),
            _rate(m.tokens_per_second),
            " ".join(word for word, is_so in (("default", m.default), ("pinned", m.pinned)) if is_so),
            m.node,
            m.source,
        )
        for m in found
    ]
    shown = table(
        "id state kind engine context size memory req/min tok/s marks node source",
        rows,
        "no model; `flock model search` lists what can be added",
        "node engine size context req/min tok/s memory kind source",
    )
    notes = [Line(f"{m.id}: {m.note}", "dim") for m in found if m.note]
    notes += [Line(f"{m.id}: {m.error}", "bad") for m in found if m.error]
    return View(shown.blocks, tuple(notes))


def _job(op: Op[Any], value: Job, now: float) -> View:
    if value.state == "planned" and value.plan is not None:
        return plan.view(value.plan)
    if value.state in ("running", "planned"):
        return job.human(op, value, now)
    if op.spec.name == "model.load":
        return View((Line(f"{value.target} is in memory", "good"),), (Line("next: flock model ps", "dim"),))
    loaded = getattr(op, "load", True)
    words = f"{value.target} is ready" if loaded else f"{value.target} is added; its first request loads it"
    return View((Line(words, "good"),), (Line("next: flock model ls", "dim"),))


def _one(op: Op[Any], m: Model) -> View:
    if op.spec.name == "model.remove":
        # what became of its files is said by whoever removed them
        return View((Line(f"removed {m.id}; {m.note or 'its file stays where it is'}"),))
    if op.spec.name == "model.unload":
        return View((Line(f"{m.id} is unloaded"),))
    if op.spec.name == "model.default":
        noted = (Line(m.note, "warn"),) if m.note else ()
        return View((Line(f"{m.id} answers requests that name no model", "good"),), noted)
    return _config(m)


def _config(m: Model) -> View:
    config = m.config or ModelConfig()
    rows = [("model", m.id), ("state", _state(m)), ("engine now", m.engine), ("window now", _context(m))]
    for item in fields(ModelConfig):
        value = getattr(config, item.name)
        shown = "auto" if value is None or value == "" else str(value)
        if isinstance(value, bool):
            shown = "on" if value else "off"
        rows.append((item.name.replace("_", " "), shown))
    return View((Pairs(tuple(rows)),), (Line(m.note, "dim"),) if m.note else ())


def _residents(value: Residents, now: float) -> View:
    rows: list[tuple[str, ...]] = [
        (
            m.id,
            _state(m),
            m.engine,
            _memory(m),
            or_none(m.slots),
            str(m.running),
            str(m.queued),
            since(m.last_used_at, now),
            "pinned" if m.pinned else str(m.priority) if m.priority else "",
        )
        for m in value.models
    ]
    shown = table(
        "id state engine memory slots running queued last_used marks",
        rows,
        "no model is in memory; the first request for one loads it",
        "slots engine queued",
    )
    room = f"{text.size(value.used_bytes)} of {text.size(value.budget_bytes)} taken, {text.size(value.free_bytes)} free"
    if value.resident_bytes is not None:
        room += f"; {text.size(value.resident_bytes)} in use just now"
    return View((*shown.blocks, Line(room)))


def _found(found: list[FoundFile]) -> View:
    rows: list[tuple[str, ...]] = [
        (f.path, f.format, or_none(f.kind), text.size(f.size_bytes), f.id, "added" if f.added else f.error or "new")
        for f in found
    ]
    shown = table("path format kind size id state", rows, "no model was found there", "kind format")
    new = next((f for f in found if not f.added and not f.error), None)
    if new is None:
        return shown
    from shlex import quote

    return View(shown.blocks, (Line(f"add one: flock model add {quote(f'file:{new.path}')}", "dim"),))


def _validation(value: Validation) -> View:
    rows: list[tuple[str, ...]] = [(f.check, f.level, f.sentence, f.fix or NONE) for f in value.findings]
    shown = table("check state finding fix", rows, "nothing to check", "fix")
    end = Line(f"{value.id} can be loaded", "good") if value.usable else Line(f"{value.id} cannot be loaded", "bad")
    return View((*shown.blocks, end), tuple(_mend(f) for f in value.findings if f.fix and f.level == "error"))


def _mend(finding: Finding) -> Line:
    return Line(f"{finding.check}: {finding.fix}")


def _state(m: Model) -> str:
    return f"{m.state} {m.progress:.0%}" if m.progress is not None and m.state == "starting" else m.state


def _memory(m: Model) -> str:
    """Say what it takes in memory; what was not measured is an estimate."""
    if m.memory_bytes is None:
        return NONE
    return text.size(m.memory_bytes) if m.measured else f"~{text.size(m.memory_bytes)}"


def _rate(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _context(model: Model) -> str:
    """Say the window it has; where its engine loads it anew for larger prompts, also the one it could have."""
    if not model.largest_context or model.largest_context == model.context:
        return f"{model.context:,}" if model.context else NONE
    largest = f"{model.largest_context:,}"
    return f"{model.context:,} of {largest}" if model.context else f"up to {largest}"


def _size(size: int | None) -> str:
    return text.size(size) if size is not None else NONE
