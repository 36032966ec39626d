"""How fetched files look."""

import dataclasses
from typing import Any, cast

from flock import text
from flock.contract.files import CachedFile, PruneCache, Pruned
from flock.contract.jobs import Job
from flock.contract.op import Op, to_argv
from flock.paths import short
from flock.show import job
from flock.show.view import Line, View, listed, or_none, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the files, what was or would be deleted, or the job that fetches one."""
    if isinstance(value, Job):
        return job.human(op, value, now) if value.state == "running" else _fetched(value)
    if isinstance(value, Pruned):
        return _pruned(op, value, now)
    found = cast("list[CachedFile]", value)
    shown = _files(found, now, "flock has fetched nothing")
    in_all = f"{text.count(len(found), 'file')}, {text.size(sum(f.size_bytes for f in found))}"
    return View(shown.blocks, (Line(in_all, "dim"),) if found else ())


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the files' paths; of a job its target."""
    if isinstance(value, Job):
        return [value.target]
    found = value.files if isinstance(value, Pruned) else cast("list[CachedFile]", value)
    return [file.path for file in found]


def _files(found: "list[CachedFile]", now: float, empty: str) -> View:
    rows: list[tuple[str, ...]] = [
        (short(f.path), text.size(f.size_bytes), f.state, listed(f.models), since(f.used_at, now), or_none(f.source))
        for f in found
    ]
    return table("path size state models used source", rows, empty, "source used models state")


def _pruned(op: Op[Any], value: Pruned, now: float) -> View:
    size = text.size(value.freed_bytes)
    if not value.files:
        return View((Line("there is nothing that no model needs"),))
    shown = _files(list(value.files), now, "")
    if not value.dry_run:
        return View(shown.blocks, (Line(f"deleted {text.count(len(value.files), 'file')}, {size}", "good"),))
    again = " ".join(["flock", *to_argv(dataclasses.replace(op, delete=True))]) if isinstance(op, PruneCache) else ""
    return View(shown.blocks, (Line(f"{size} would be freed; nothing was deleted: {again}"),))


def _fetched(done: Job) -> View:
    return View((Line(f"{done.target.partition(':')[2]} is here", "good"),), (Line("next: flock cache ls", "dim"),))
