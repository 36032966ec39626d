"""How jobs look."""

from typing import Any, cast

from flock.cli.show.view import NONE, Line, Pairs, View, since, table
from flock.contract.jobs import Job
from flock.contract.op import Op


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the jobs, or one of them in full."""
    if isinstance(value, Job):
        return one(value, now)
    rows: list[tuple[str, ...]] = [
        (j.id, j.state, j.kind, j.target, progress(j), since(j.started_at, now), j.error or j.message)
        for j in cast("list[Job]", value)
    ]
    return table(
        "id state kind target progress started message", rows, "no job since the daemon started", "kind progress"
    )


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the jobs' ids."""
    return [value.id] if isinstance(value, Job) else [j.id for j in cast("list[Job]", value)]


def one(job: Job, now: float) -> View:
    """Show a job in full; how to mend a failed one stands beside it on stderr."""
    rows = [("id", job.id), ("job", f"{job.kind} {job.target}"), ("state", job.state), ("progress", progress(job))]
    rows += [("message", job.message)] if job.message else []
    rows += [("started", since(job.started_at, now)), ("ended", since(job.ended_at, now))]
    rows += [("error", job.error)] if job.error else []
    return View((Pairs(tuple(rows)),), (Line(f"hint: {job.hint}"),) if job.hint else ())


def progress(job: Job) -> str:
    """Return how far a job is, NONE when that is unknown."""
    return NONE if job.progress is None else f"{job.progress:.0%}"
