"""How jobs look."""

from typing import Any, cast

from flock import text
from flock.contract.jobs import Job
from flock.contract.op import Op
from flock.show.view import NONE, Line, Pairs, View, since, table

# The width of the bar; what stands beside it needs about 60 of a terminal's 80 columns
_BAR = 16


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the jobs, or one of them in full."""
    if isinstance(value, Job):
        return one(value, now)
    rows: list[tuple[str, ...]] = [
        (j.id, j.state, j.kind, j.target, progress(j), left(j), since(j.started_at, now), j.error or j.message)
        for j in cast("list[Job]", value)
    ]
    empty = "no job since the daemon started"
    return table("id state kind target progress left started message", rows, empty, "kind left progress")


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the jobs' ids."""
    return [value.id] if isinstance(value, Job) else [j.id for j in cast("list[Job]", value)]


def one(job: Job, now: float) -> View:
    """Show a job in full; how to mend a failed one stands beside it on stderr."""
    rows = [("id", job.id), ("job", f"{job.kind} {job.target}"), ("state", job.state), ("progress", progress(job))]
    rows += [("message", job.message)] if job.message else []
    rows += [("bytes", moved(job))] if job.done_bytes is not None else []
    rows += [("left", left(job))] if job.eta_seconds is not None else []
    if job.plan is not None:
        rows += [("source", job.plan.source), ("engine", job.plan.engine or NONE)]
    rows += [("started", since(job.started_at, now)), ("ended", since(job.ended_at, now))]
    rows += [("error", job.error)] if job.error else []
    aside = [Line(f"hint: {job.hint}")] if job.hint else []
    aside += [Line(f"stop it: flock job cancel {job.id}", "dim")] if job.state == "running" else []
    return View((Pairs(tuple(rows)),), tuple(aside))


def progress(job: Job) -> str:
    """Return how far a job is, NONE when that is unknown."""
    return NONE if job.progress is None else f"{job.progress:.0%}"


def moved(job: Job) -> str:
    """Return how many bytes are there, of how many, and how fast they come."""
    of = f" of {text.size(job.total_bytes)}" if job.total_bytes else ""
    speed = f", {text.size(job.bytes_per_second)}/s" if job.bytes_per_second is not None else ""
    return f"{text.size(job.done_bytes or 0)}{of}{speed}"


def left(job: Job) -> str:
    """Return how long a job will take, NONE when that is unknown."""
    return NONE if job.eta_seconds is None else text.duration(job.eta_seconds)


def under_way(job: Job) -> str:
    """Return a running job in one line: what is done, how far it is, how fast, and how long it will take."""
    words = [f"{job.target}:"]
    if job.progress is not None:
        filled = round(min(max(job.progress, 0.0), 1.0) * _BAR)
        words.append(f"{job.progress:.0%} [{'#' * filled}{'.' * (_BAR - filled)}]")
    if job.done_bytes is not None:
        of = f" of {text.size(job.total_bytes)}" if job.total_bytes else ""
        words.append(f"{text.size(job.done_bytes)}{of}")
    if job.bytes_per_second is not None:
        words.append(f"{text.size(job.bytes_per_second)}/s")
    if job.eta_seconds is not None:
        words.append(f"{text.duration(max(1.0, round(job.eta_seconds)))} left")
    return " ".join([*words, job.message])
