"""Jobs: work that outlives the call that started it."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, arg, inner, operation
from flock.contract.plans import AddPlan


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of long work. `state` is planned, running, done, failed or cancelled; `progress` 0…1, null when unknown.

    A planned one is the answer to `--dry-run`: nothing was started, and it is not listed. `revision` grows with every
    change, so that a watcher can wait for the next one. While something is fetched `done_bytes` of `total_bytes` are
    there, at `bytes_per_second`, and the rest takes `eta_seconds`; null otherwise. `plan` is what was decided before a
    model was added. `code` is the code of the error of a failed one.
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
    code: str = ""
    done_bytes: int | None = None
    total_bytes: int | None = None
    bytes_per_second: float | None = None
    eta_seconds: float | None = None
    plan: AddPlan | None = None


@operation("job.ls", "job ls", "GET /admin/v1/jobs", examples=("job ls",))
class ListJobs(Op[list[Job]]):
    """List jobs since the daemon started, newest first."""


@operation("job.show", "job show", "GET /admin/v1/jobs/{id}", examples=("job show j_5d0c1f2a3b4c",))
class ShowJob(Op[Job]):
    """Show one job."""

    id: str = arg("the job's id, from `flock job ls`")
    after: int = inner(-1)
    wait_seconds: float = inner(0.0)


@operation(
    "job.cancel",
    "job cancel",
    "POST /admin/v1/jobs/{id}/cancel",
    risk=Risk.CHANGE,
    examples=("job cancel j_5d0c1f2a3b4c",),
)
class CancelJob(Op[Job]):
    """Stop a job; what it has fetched stays, and the same command goes on from there."""

    id: str = arg("the job's id, from `flock job ls`")
