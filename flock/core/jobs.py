"""Jobs: long work with progress that can be watched, cancelled, and that survives the caller's going away.

Owns the list since the daemon's start (the newest KEPT ended ones) and what is computed of a transfer: bytes per second
and the time that is left. A watcher waits for the next revision. Refuses to change a revision more often than
PUBLISHED_SECONDS, but for a beginning and an end: who watches a fast download would do nothing else. Called by
handlers in core/, read by `flock job`.
"""

import asyncio
import difflib
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from flock.clock import Clock, rfc3339
from flock.contract import codec
from flock.contract.jobs import Job
from flock.contract.plans import AddPlan
from flock.errors import Conflict, FlockError, InternalError, NotFound

log = logging.getLogger(__name__)

KEPT = 200
# Five changes a second are as many as a person sees.
PUBLISHED_SECONDS = 0.2
# Speed is that of the last seconds: long enough to be steady over a home's line, short enough to notice a new one.
SPEED_SECONDS = 6.0
# A speed of less than this time says more of buffers than of the line.
SPEED_LEAST_SECONDS = 0.5
# Bounds work that does not end when it is cancelled: a child's SIGTERM and SIGKILL (errands.TERM_SECONDS), a disk.
CANCEL_SECONDS = 20.0

Tell = Callable[[str, str, dict[str, Any]], None]


def nobody(_kind: str, _subject: str, _data: dict[str, Any]) -> None:
    """Tell nobody: where there is no bus."""


class Transfer:
    """Bytes that arrive; from its samples follow speed and the time that is left."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at: float, done: int) -> None:
        """Take a sample; fewer bytes than before begin another transfer."""
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((at, done))
        while len(self._samples) > 2 and self._samples[1][0] <= at - SPEED_SECONDS:
            self._samples.popleft()

    @property
    def speed(self) -> float | None:
        """Bytes per second of the last seconds, None when it is too early to say."""
        if not self._samples:
            return None
        (first, before), (last, after) = self._samples[0], self._samples[-1]
        return (after - before) / (last - first) if last - first >= SPEED_LEAST_SECONDS else None

    def left(self, total: int | None) -> float | None:
        """Return the seconds until `total` bytes are there, None when unknown."""
        speed = self.speed
        if not speed or total is None:
            return None
        return max(0.0, (total - self._samples[-1][1]) / speed)


class Report:
    """What the work of one job tells with: how far it is, and what it decided."""

    def __init__(self, jobs: "Jobs", job_id: str) -> None:
        self._jobs = jobs
        self.job_id = job_id

    def __call__(self, progress: float | None, message: str, done: int | None = None, total: int | None = None) -> None:
        """Tell how far the work is: `progress` 0…1 or None, and while bytes are moved `done` of `total`."""
        self._jobs.tell(self.job_id, progress, message, done, total)

    def planned(self, plan: AddPlan) -> None:
        """Show what was decided."""
        self._jobs.plan(self.job_id, plan)


Work = Callable[[Report], Awaitable[object]]


@dataclass(slots=True)
class _Running:
    """What a job that runs has beside its row. `asked` is what it was started for, for who asks the same again."""

    asked: object
    task: asyncio.Task[None] | None = None
    transfer: Transfer = field(default_factory=Transfer)
    published: float = float("-inf")
    later: asyncio.TimerHandle | None = None


class Jobs:
    """Running and ended jobs. `tell` hears of them: kind "job.progress", the job's id, the job as JSON has it."""

    def __init__(self, clock: Clock, tell: Tell = nobody) -> None:
        self._clock = clock
        self._hear = tell
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, _Running] = {}
        self._changed: dict[str, asyncio.Event] = {}

    def start(self, kind: str, target: str, work: Work, *, asked: object = None, plan: AddPlan | None = None) -> Job:
        """Start `work` in the background and return its job; `work` gets what it reports progress with."""
        job = Job(
            id="j_" + secrets.token_hex(6),
            kind=kind,
            target=target,
            state="running",
            message="starting",
            progress=None,
            revision=0,
            started_at=rfc3339(self._clock.now()),
            plan=plan,
        )
        self._jobs[job.id] = job
        self._changed[job.id] = asyncio.Event()
        running = self._running[job.id] = _Running(asked)
        running.task = asyncio.create_task(self._run(job.id, work), name=f"{kind} {target}")
        # a task that is cancelled before its first step never enters its work
        running.task.add_done_callback(lambda _: self._unbegun(job.id))
        for old in [j.id for j in self._jobs.values() if j.state != "running"][:-KEPT]:
            del self._jobs[old], self._changed[old]
        self._say(job)
        return job

    def planned(self, kind: str, target: str, plan: AddPlan) -> Job:
        """Return a job that only says what would be done; it is not started and not listed."""
        now = rfc3339(self._clock.now())
        return Job("", kind, target, "planned", plan.verdict, None, 0, now, plan=plan)

    def running(self, kind: str, target: str) -> tuple[Job, object] | None:
        """Return the job of a kind that works at a target now and what it was asked, None when none does."""
        for job_id, running in self._running.items():
            job = self._jobs[job_id]
            if (job.kind, job.target) == (kind, target):
                return job, running.asked
        return None

    def tell(self, job_id: str, progress: float | None, message: str, done: int | None, total: int | None) -> None:
        """Take a report of a job's work."""
        running = self._running.get(job_id)
        if running is None:
            return  # a child's last words after its job has ended
        speed = left = None
        if done is not None:
            running.transfer.add(self._clock.monotonic(), done)
            speed, left = running.transfer.speed, running.transfer.left(total)
        elif self._jobs[job_id].done_bytes is not None:
            running.transfer = Transfer()
        self._update(
            job_id,
            progress=progress,
            message=message,
            done_bytes=done,
            total_bytes=total,
            bytes_per_second=speed,
            eta_seconds=left,
        )

    def plan(self, job_id: str, plan: AddPlan) -> None:
        """Note what a job's work decided."""
        if job_id in self._running:
            self._update(job_id, plan=plan)

    async def _run(self, job_id: str, work: Work) -> None:
        try:
            await work(Report(self, job_id))
            self._end(job_id, state="done", progress=1.0, message="done")
        except FlockError as error:
            self._fail(job_id, error)
        except asyncio.CancelledError:
            self._end(job_id, state="cancelled", message="cancelled")
            raise
        except Exception:
            log.exception("job %s failed", job_id)
            self._fail(job_id, InternalError("flock failed on this job", hint="flock logs"))

    def _unbegun(self, job_id: str) -> None:
        if job_id in self._running:
            self._end(job_id, state="cancelled", message="cancelled")

    def _fail(self, job_id: str, error: FlockError) -> None:
        self._end(job_id, state="failed", message="failed", error=error.sentence, hint=error.hint, code=error.code)

    def _end(self, job_id: str, **changes: object) -> None:
        running = self._running.pop(job_id)
        if running.later is not None:
            running.later.cancel()
        changes |= {"ended_at": rfc3339(self._clock.now()), "bytes_per_second": None, "eta_seconds": None}
        self._change(job_id, changes)
        self._publish(job_id)

    def _update(self, job_id: str, **changes: object) -> None:
        """Change the row at once, and its revision as soon as watchers are due to hear of it."""
        self._change(job_id, changes)
        running = self._running[job_id]
        if running.later is not None:
            return
        wait = running.published + PUBLISHED_SECONDS - self._clock.monotonic()
        if wait <= 0:
            self._publish(job_id)
        else:
            running.later = asyncio.get_running_loop().call_later(wait, self._publish, job_id)

    def _change(self, job_id: str, changes: dict[str, Any]) -> None:
        self._jobs[job_id] = replace(self._jobs[job_id], **changes)

    def _publish(self, job_id: str) -> None:
        job = self._jobs[job_id] = replace(self._jobs[job_id], revision=self._jobs[job_id].revision + 1)
        if (running := self._running.get(job_id)) is not None:
            running.published, running.later = self._clock.monotonic(), None
        waiting, self._changed[job_id] = self._changed[job_id], asyncio.Event()
        waiting.set()
        self._say(job)

    def _say(self, job: Job) -> None:
        # the plan is told once by the job itself and is too long for five times a second
        self._hear("job.progress", job.id, codec.to_plain(replace(job, plan=None)))

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

    async def cancel(self, job_id: str) -> Job:
        """End a job's work and return the job; one that was cancelled already is returned as it is.

        Raises NotFound; Conflict for one that has ended otherwise.
        """
        job = self._find(job_id)
        running = self._running.get(job_id)
        if running is None or running.task is None:
            if job.state == "cancelled":
                return job
            raise Conflict(f"job {job_id} has ended already: {job.state}", hint=f"flock job show {job_id}")
        running.task.cancel()
        await asyncio.wait([running.task], timeout=CANCEL_SECONDS)
        return self._find(job_id)

    def _find(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            near = difflib.get_close_matches(job_id, self._jobs, n=3)
            raise NotFound(f"there is no job {job_id!r}", hint="flock job ls", details={"nearest": near})
        return self._jobs[job_id]

    async def stop(self) -> None:
        """Cancel what still runs."""
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
