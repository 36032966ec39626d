"""Jobs: progress can be waited for, failures keep their words."""

import asyncio

import pytest

from flock.clock import SystemClock
from flock.core.jobs import Jobs, Report
from flock.errors import EngineFailed, NotFound


async def test_a_watcher_sees_every_end() -> None:
    jobs, go = Jobs(SystemClock()), asyncio.Event()

    async def work(report: Report) -> None:
        await go.wait()
        report(0.5, "half")

    job = jobs.start("model.add", "x", work)
    assert (job.state, job.revision) == ("running", 0)
    watching = asyncio.create_task(jobs.watch(job.id, 0, 30))
    go.set()
    seen = await watching
    while seen.state == "running":
        seen = await jobs.watch(job.id, seen.revision, 30)
    assert (seen.state, seen.progress) == ("done", 1.0)
    assert jobs.all()[0].id == job.id


async def test_a_failed_job_keeps_sentence_and_hint() -> None:
    jobs = Jobs(SystemClock())

    async def work(_report: Report) -> None:
        raise EngineFailed("no such luck", hint="try harder")

    job = jobs.start("x", "y", work)
    seen = await jobs.watch(job.id, 0, 30)
    assert (seen.state, seen.error, seen.hint) == ("failed", "no such luck", "try harder")


async def test_stop_cancels_and_unknown_ids_are_refused() -> None:
    jobs = Jobs(SystemClock())

    async def work(_report: Report) -> None:
        await asyncio.Event().wait()

    job = jobs.start("x", "y", work)
    await asyncio.sleep(0)
    await jobs.stop()
    assert (await jobs.watch(job.id, -1, 0)).state == "cancelled"
    with pytest.raises(NotFound, match="j_nope"):
        await jobs.watch("j_nope", 0, 0)
