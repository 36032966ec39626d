"""The watchdog's verdicts: what counts as a silence, and what excuses one."""

import asyncio
from collections.abc import Iterator

import pytest

from flock.engines.footprint import Effort, reads, works
from flock.engines.pulse import Heard
from flock.engines.surroundings import Traffic
from flock.engines.watchdog import WORKING_SECONDS, Manner, Watchdog

SILENT, OK, FAILED = (
    Heard("silent", "no token in 2 s", 2.0),
    Heard("ok", "it generates", 0.1),
    Heard("failed", "500", 0.1),
)
QUICK = Manner(seconds=0.003, failures=3)


class Scene:
    """An engine as the watchdog sees it: each question takes its seconds on a clock that moves with it."""

    def __init__(self, *answers: Heard, manner: Manner = QUICK) -> None:
        self.time = 1000.0
        self.answers: Iterator[Heard] = iter(answers)
        self.asked = 0
        self.busy_seconds = 0.0
        self.read = 0
        self.effort_now = Effort()
        self.traffic = Traffic()
        self.verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.freed = 0
        self.dog = Watchdog(
            manner,
            self,
            ask=self.ask,
            effort=self.effort,
            traffic=lambda: self.traffic,
            hung=self.verdict.set_result,
            free=self.free,
        )

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        self.time += 0.001
        return self.time

    async def ask(self, seconds: float) -> Heard:
        heard = next(self.answers, None)
        if heard is None:
            self.verdict.set_result("nothing more to say")
            await asyncio.Event().wait()
        assert heard is not None
        self.asked += 1
        self.time += heard.seconds
        done = self.effort_now
        self.effort_now = Effort(done.seconds + self.busy_seconds, done.read_bytes + self.read)
        return heard

    async def effort(self) -> Effort:
        return self.effort_now

    def free(self) -> None:
        self.freed += 1

    async def watch(self) -> str:
        """Return the verdict, or that all answers have been given without one."""
        task = asyncio.create_task(self.dog.run())
        try:
            return await self.verdict
        finally:
            task.cancel()


async def test_three_silences_in_a_row_are_a_verdict() -> None:
    assert await Scene(OK, SILENT, SILENT, SILENT).watch() == "hung: no token in 2 s, 3 times"


async def test_an_answer_between_them_begins_the_count_anew() -> None:
    scene = Scene(SILENT, SILENT, OK, SILENT, SILENT)
    assert await scene.watch() == "nothing more to say"


async def test_one_silence_is_enough_where_that_is_set() -> None:
    assert await Scene(SILENT, manner=Manner(0.003, 1)).watch() == "hung: no token in 2 s"


async def test_errors_count_once_it_has_answered() -> None:
    assert await Scene(FAILED, FAILED, FAILED, FAILED).watch() == "nothing more to say"
    assert await Scene(OK, FAILED, FAILED, FAILED).watch() == "hung: 500, 3 times"


async def test_work_on_what_somebody_waits_for_is_no_silence() -> None:
    scene = Scene(*[SILENT] * 10)
    scene.traffic, scene.busy_seconds = Traffic(running=1), 2.0
    assert await scene.watch() == "nothing more to say"


async def test_work_that_lasts_too_long_is_one() -> None:
    scene = Scene(*[Heard("silent", "no token in 600 s", 600.0)] * 10)
    scene.traffic, scene.busy_seconds = Traffic(running=1), 600.0
    assert await scene.watch() == "hung: no token in 600 s, 3 times"
    assert scene.asked == WORKING_SECONDS // 600 - 1 + 3


async def test_work_that_nobody_waits_for_is_a_silence_and_paging_in_is_none() -> None:
    idle = Scene(*[SILENT] * 5)
    idle.busy_seconds = 2.0
    assert (await idle.watch()).startswith("hung")
    paging = Scene(*[SILENT] * 5)
    paging.read = 50_000_000
    assert await paging.watch() == "nothing more to say"


async def test_bytes_that_come_during_a_question_are_an_answer() -> None:
    scene = Scene(*[SILENT] * 6)
    scene.traffic = Traffic(running=1, heard=float("inf"))
    scene.dog.abandoned()  # or it would not even be asked
    assert await scene.watch() == "nothing more to say"


async def test_one_that_works_on_what_was_given_up_is_free_once_it_answers() -> None:
    scene = Scene(SILENT, SILENT, SILENT, SILENT, OK)
    scene.busy_seconds = 2.0
    scene.dog.abandoned()
    assert await scene.watch() == "nothing more to say"
    assert (scene.freed, scene.dog.busy) == (1, False)


@pytest.mark.parametrize(
    ("after", "at_work", "reading"),
    [
        (Effort(10.0, 0), False, False),
        (Effort(10.3, 0), False, False),
        (Effort(10.5, 0), True, False),
        (Effort(10.0, 5 * 2**20), True, True),
    ],
)
def test_a_fifth_of_a_core_is_work(after: Effort, at_work: bool, reading: bool) -> None:
    before = Effort(10.0, 0)
    assert works(before, after, 2.0) is at_work
    assert reads(before, after) is reading
