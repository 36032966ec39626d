"""Jobs: long work with progress that can be watched and that survives the caller's going away.

Owns the list since the daemon's start (the newest KEPT ended ones). A watcher waits for the next revision.
"""

import asyncio
import difflib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from flock.clock import Clock, rfc3339
from flock.contract.jobs import Job
from flock.errors import FlockError, InternalError, NotFound

log = logging.getLogger(__name__)

KEPT = 200

Report = Callable[[float | None, str], None]


class Jobs:
    """Running and ended jobs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed: dict[str, asyncio.Event] = {}

    def start(self, kind: str, target: str, work: Callable[[Report], Awaitable[object]]) -> Job:
        """Start `work` in the background and return its job; `work` gets a function to report progress with."""
        job = Job(
            id="j_" + secrets.token_hex(6),
            kind=kind,
            target=target,
            state="running",
            message="starting",
            progress=None,
            revision=0,
            started_at=rfc3339(self._clock.now()),
        )
        self._jobs[job.id] = job
        self._changed[job.id] = asyncio.Event()
        self._tasks[job.id] = asyncio.create_task(self._run(job.id, work))
        for old in [j.id for j in self._jobs.values() if j.state != "running"][:-KEPT]:
            del self._jobs[old], self._changed[old]
        return job

    async def _run(self, job_id: str, work: Callable[[Report], Awaitable[object]]) -> None:
        def report(progress: float | None, message: str) -> None:
            self._update(job_id, progress=progress, message=message)

        try:
            await work(report)
            self._end(job_id, state="done", progress=1.0, message="done")
        except FlockError as error:
            self._end(job_id, state="failed", message="failed", error=error.sentence, hint=error.hint)
        except asyncio.CancelledError:
            self._end(job_id, state="cancelled", message="cancelled")
            raise
        except Exception:
            log.exception("job %s failed", job_id)
            error = InternalError("flock failed on this job", hint="flock logs")
            self._end(job_id, state="failed", message="failed", error=error.sentence, hint=error.hint)
        finally:
            self._tasks.pop(job_id, None)

    def _end(self, job_id: str, **changes: object) -> None:
        self._update(job_id, ended_at=rfc3339(self._clock.now()), **changes)

    def _update(self, job_id: str, **changes: object) -> None:
        job = self._jobs[job_id]
        self._jobs[job_id] = replace(job, revision=job.revision + 1, **changes)  # pyright: ignore[reportArgumentType]
        waiting, self._changed[job_id] = self._changed[job_id], asyncio.Event()
        waiting.set()

    def all(self) -> list[Job]:
        """Return every job, newest first."""
        return list(reversed(self._jobs.values()))

    async def watch(self, job_id: str, after: int, wait_seconds: float) -> Job:
        """Return the job once its revision is above `after`, or when the wait is over. Raises NotFound."""
        job = self._find(job_id)
        if job.revision <= after and wait_seconds > 0 and job.state == "running":
            try:
                await asyncio.wait_for(self._changed[job_id].wait(), min(wait_seconds, 60.0))
            except TimeoutError:
                pass
        return self._find(job_id)

    def _find(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            near = difflib.get_close_matches(job_id, self._jobs, n=3)
            raise NotFound(f"there is no job {job_id!r}", hint="flock job ls", details={"nearest": near})
        return self._jobs[job_id]

    async def stop(self) -> None:
        """Cancel what still runs."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
