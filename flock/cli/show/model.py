"""How models look."""

from typing import Any, cast

from flock import text
from flock.cli.show import job
from flock.cli.show.view import NONE, Line, View, or_none, table
from flock.contract.jobs import Job
from flock.contract.models import Model
from flock.contract.op import Op


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the models, one that was removed, or the job that adds one."""
    if isinstance(value, Job):
        return job.human(op, value, now) if value.state == "running" else added(value)
    if isinstance(value, Model):
        return View((Line(f"removed {value.id}; its file stays where it is"),))
    return models(cast("list[Model]", value))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the models' ids; nothing for one that was removed."""
    if isinstance(value, Job):
        return [value.target]
    return [] if isinstance(value, Model) else [m.id for m in cast("list[Model]", value)]


def models(found: "list[Model] | tuple[Model, ...]") -> View:
    """Show a table of models; what a user must know of one stands beside it on stderr."""
    rows = [
        (m.id, m.state, or_none(m.kind), m.engine, _context(m), _size(m), "default" if m.default else "", m.source)
        for m in found
    ]
    shown = table(
        "id state kind engine context size default source",
        list(rows),
        "no model; `flock model add file:PATH.gguf`",
        "engine size context kind",
    )
    notes = [Line(f"{m.id}: {m.note}", "dim") for m in found if m.note]
    notes += [Line(f"{m.id}: {m.error}", "bad") for m in found if m.error]
    return View(shown.blocks, tuple(notes))


def added(done: Job) -> View:
    """Say that a model was added."""
    return View((Line(f"{done.target} is ready", "good"),), (Line("next: flock model ls", "dim"),))


def _context(model: Model) -> str:
    """Say the window it has; where its engine loads it anew for larger prompts, also the one it could have."""
    if not model.largest_context or model.largest_context == model.context:
        return f"{model.context:,}" if model.context else NONE
    largest = f"{model.largest_context:,}"
    return f"{model.context:,} of {largest}" if model.context else f"up to {largest}"


def _size(model: Model) -> str:
    return text.size(model.size_bytes) if model.size_bytes is not None else or_none(None)
