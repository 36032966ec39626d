"""Jobs: progress can be waited for, failures keep their words and their code, what is moved has a speed."""

import asyncio
from typing import Any

import pytest

from flock.clock import SystemClock
from flock.core.jobs import PUBLISHED_SECONDS, Jobs, Report, Transfer
from flock.errors import Conflict, EngineFailed, NotFound
from tests.unit.core.hands import plan


async def ended(jobs: Jobs, job_id: str) -> Any:
    seen = await jobs.watch(job_id, -1, 0)
    while seen.state == "running":
        seen = await jobs.watch(job_id, seen.revision, 30)
    return seen


async def for_ever(_report: Report) -> None:
    await asyncio.Event().wait()


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


async def test_a_failed_job_keeps_sentence_hint_and_code() -> None:
    jobs = Jobs(SystemClock())

    async def work(_report: Report) -> None:
        raise EngineFailed("no such luck", hint="try harder")

    seen = await ended(jobs, jobs.start("x", "y", work).id)
    assert (seen.state, seen.error, seen.hint, seen.code) == ("failed", "no such luck", "try harder", "engine_failed")


async def test_what_nobody_foresaw_is_an_internal_error() -> None:
    jobs = Jobs(SystemClock())

    async def work(_report: Report) -> None:
        raise ZeroDivisionError

    seen = await ended(jobs, jobs.start("x", "y", work).id)
    assert (seen.state, seen.code, seen.hint) == ("failed", "internal_error", "flock logs")


async def test_stop_cancels_and_unknown_ids_are_refused() -> None:
    jobs = Jobs(SystemClock())
    begun = jobs.start("x", "y", for_ever)
    await asyncio.sleep(0)
    unbegun = jobs.start("x", "z", for_ever)
    await jobs.stop()
    for job in (begun, unbegun):
        assert (await jobs.watch(job.id, -1, 0)).state == "cancelled"
    with pytest.raises(NotFound, match="j_nope"):
        await jobs.watch("j_nope", 0, 0)


async def test_one_job_is_cancelled_and_its_work_may_tidy_up() -> None:
    jobs, tidied = Jobs(SystemClock()), asyncio.Event()

    async def work(_report: Report) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tidied.set()

    job = jobs.start("x", "y", work)
    other = jobs.start("x", "z", for_ever)
    await asyncio.sleep(0)
    assert (await jobs.cancel(job.id)).state == "cancelled"
    assert tidied.is_set()
    assert (await jobs.cancel(job.id)).state == "cancelled", "asked twice, told twice"
    assert (await jobs.watch(other.id, -1, 0)).state == "running"
    with pytest.raises(NotFound, match="j_nope"):
        await jobs.cancel("j_nope")
    await jobs.stop()


async def test_a_job_that_has_ended_is_not_cancelled() -> None:
    jobs = Jobs(SystemClock())

    async def work(_report: Report) -> None:
        return

    job = jobs.start("x", "y", work)
    await ended(jobs, job.id)
    with pytest.raises(Conflict, match="has ended already: done"):
        await jobs.cancel(job.id)


async def test_who_asks_for_the_same_again_finds_the_job() -> None:
    jobs = Jobs(SystemClock())
    job = jobs.start("model.add", "y", for_ever, asked="hf:o/r")
    assert jobs.running("model.add", "y") == (job, "hf:o/r")
    assert jobs.running("model.add", "z") is None
    assert jobs.running("engine.install", "y") is None
    await jobs.cancel(job.id)
    assert jobs.running("model.add", "y") is None


async def test_a_planned_job_is_not_listed() -> None:
    jobs = Jobs(SystemClock())
    job = jobs.planned("model.add", "y", plan())
    assert (job.state, job.id, job.plan) == ("planned", "", plan())
    assert jobs.all() == []


async def test_the_bus_hears_of_beginning_course_and_end_and_never_too_much() -> None:
    heard: list[tuple[str, str, dict[str, Any]]] = []
    jobs = Jobs(SystemClock(), lambda kind, subject, data: heard.append((kind, subject, data)))

    async def work(report: Report) -> None:
        for done in range(1000):
            report(done / 1000, f"fetching {done}", done, 1000)

    job = jobs.start("model.add", "y", work, plan=plan())
    last = await ended(jobs, job.id)
    assert {(kind, subject) for kind, subject, _ in heard} == {("job.progress", job.id)}
    # one for the start, one for the first report, the others wait for PUBLISHED_SECONDS and the end comes first
    assert [data["state"] for _, _, data in heard] == ["running", "running", "done"]
    assert heard[-1][2]["revision"] == last.revision == 2
    assert heard[-1][2]["plan"] is None
    assert last.plan == plan()


async def test_the_last_of_many_reports_is_published_too() -> None:
    jobs, go = Jobs(SystemClock()), asyncio.Event()

    async def work(report: Report) -> None:
        report(None, "first")
        report(None, "second")
        await go.wait()

    job = jobs.start("x", "y", work)
    seen = await jobs.watch(job.id, 0, 30)
    seen = await jobs.watch(job.id, seen.revision, 30)
    assert (seen.revision, seen.message) == (2, "second")
    assert PUBLISHED_SECONDS < 1
    go.set()
    assert (await ended(jobs, job.id)).state == "done"


async def test_bytes_are_forgotten_when_something_else_is_done() -> None:
    jobs, go = Jobs(SystemClock()), asyncio.Event()

    async def work(report: Report) -> None:
        report(0.5, "fetching", 50, 100)
        assert (await jobs.watch(report.job_id, -1, 0)).done_bytes == 50
        report(None, "loading")
        go.set()
        await asyncio.Event().wait()

    job = jobs.start("x", "y", work)
    await go.wait()
    seen = await jobs.watch(job.id, -1, 0)
    assert (seen.message, seen.done_bytes, seen.total_bytes) == ("loading", None, None)
    await jobs.stop()


def test_speed_is_that_of_the_last_seconds() -> None:
    transfer = Transfer()
    assert (transfer.speed, transfer.left(100)) == (None, None)
    transfer.add(0.0, 4_000)  # what an earlier try had fetched counts for nothing
    transfer.add(0.1, 5_000)
    assert transfer.speed is None, "too early to say"
    for second in range(1, 11):
        transfer.add(float(second), 4_000 + 1_000 * second)
    assert transfer.speed == pytest.approx(1_000)
    assert transfer.left(20_000) == pytest.approx(6.0)
    assert transfer.left(None) is None
    for second in range(11, 21):
        transfer.add(float(second), 14_000 + 100 * (second - 10))
    assert transfer.speed == pytest.approx(100)
    transfer.add(21.0, 0)  # another file
    assert transfer.speed is None


def test_a_transfer_that_stands_still_has_no_end() -> None:
    transfer = Transfer()
    for second in range(10):
        transfer.add(float(second), 10)
    assert (transfer.speed, transfer.left(20)) == (0.0, None)
