"""Jobs: work that outlives the call that started it."""

from dataclasses import dataclass

from flock.contract.op import Op, arg, inner, operation


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of long work. `state` is running, done, failed or cancelled; `progress` 0…1 or null when unknown.

    `revision` grows with every change, so that a watcher can wait for the next one.
    """

    id: str
    kind: str
    target: str
    state: str
    message: str
    progress: float | None
    revision: int
    started_at: str
    ended_at: str | None = None
    error: str = ""
    hint: str = ""


@operation("job.ls", "job ls", "GET /admin/v1/jobs", examples=("job ls",))
class ListJobs(Op[list[Job]]):
    """List jobs since the daemon started, newest first."""


@operation("job.show", "job show", "GET /admin/v1/jobs/{id}", examples=("job show j_5d0c1f2a3b4c",))
class ShowJob(Op[Job]):
    """Show one job."""

    id: str = arg("the job's id, from `flock job ls`")
    after: int = inner(-1)
    wait_seconds: float = inner(0.0)
