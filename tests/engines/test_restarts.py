"""Engines that end or do not load: tried again, by themselves or by a request, or given up."""

import asyncio
import dataclasses
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from flock.engines.backoff import STEPS
from flock.engines.engine import Engine
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from tests.engines.parts import HandClock, StandIn, until
from tests.engines.stand_in import LAST_WORDS
from tests.engines.test_supervisor import ask, failure

Make = Callable[..., Supervised]
QUICKLY = (0.01,) * 5


async def test_after_a_failed_start_the_same_error_comes_at_once_until_the_back_off_is_over(
    supervise: Make, around: Surroundings
) -> None:
    clock = HandClock()
    engine = StandIn("dies")
    own = supervise(engine, within=dataclasses.replace(around, clock=clock))
    first = await failure(asyncio.create_task(own.ensure()))
    assert LAST_WORDS in first.sentence
    for starts, step in enumerate(STEPS[:-1], 1):
        clock.time += step - 0.01
        assert (await failure(asyncio.create_task(own.ensure()))).to_plain() == first.to_plain()
        assert len(engine.ports) == starts
        clock.time += 0.02
        await failure(asyncio.create_task(own.ensure()))
        assert len(engine.ports) == starts + 1


async def test_a_model_that_never_loads_is_given_up_until_somebody_asks_or_its_file_changes(
    supervise: Make, around: Surroundings, tmp_path: Path, models: dict[str, Path]
) -> None:
    clock = HandClock()
    engine = StandIn("dies")
    file = tmp_path / "m.gguf"
    file.write_bytes(models["tiny-script"].read_bytes())
    own = supervise(engine, file, within=dataclasses.replace(around, clock=clock))
    for _ in range(6):
        await failure(asyncio.create_task(own.ensure()))
        clock.time += 16.0
    assert own.state == "crashloop"
    error = await failure(asyncio.create_task(own.ensure()))
    assert "failed 6 times in a row and was given up" in error.sentence
    assert LAST_WORDS in error.sentence
    assert error.hint == f"flock engine restart {own.name}"
    clock.time += 3600.0
    await failure(asyncio.create_task(own.ensure()))
    assert len(engine.ports) == 6
    own.forgive()
    await failure(asyncio.create_task(own.ensure()))
    assert (len(engine.ports), own.state) == (7, "failed")
    for _ in range(5):
        clock.time += 16.0
        await failure(asyncio.create_task(own.ensure()))
    assert (len(engine.ports), own.state) == (12, "crashloop")
    os.utime(file, (1, 1))
    await failure(asyncio.create_task(own.ensure()))
    assert len(engine.ports) == 13


async def test_killed_engine_is_seen_and_started_again_by_itself(
    engine: Engine, supervise: Make, around: Surroundings
) -> None:
    own = supervise(engine, within=dataclasses.replace(around, steps=QUICKLY))
    first = await own.ensure()
    assert own.pid is not None
    os.kill(own.pid, signal.SIGKILL)
    await until(lambda: own.upstream is None, "the end was seen")
    await until(lambda: own.state == "ready", "it was started again")
    assert own.restarts == 1
    second = await own.ensure()
    assert second.key != first.key
    assert (await ask(around.session, second))[0] == 200


async def test_who_asks_while_it_is_about_to_start_again_waits_for_that(supervise: Make, around: Surroundings) -> None:
    engine = StandIn("good")
    own = supervise(engine, within=dataclasses.replace(around, steps=(0.5,) * 5))
    await own.ensure()
    psutil.Process(own.pid).kill()
    await until(lambda: own.upstream is None, "the end was seen")
    assert (own.state, own.trouble) == ("starting", "it was ended by SIGKILL")
    await asyncio.gather(*(own.ensure() for _ in range(10)))
    assert len(engine.ports) == 2
    assert own.trouble == ""


async def test_an_engine_nobody_used_lately_is_left_for_the_next_request(supervise: Make, around: Surroundings) -> None:
    clock = HandClock()
    engine = StandIn("good")
    own = supervise(engine, within=dataclasses.replace(around, clock=clock, steps=QUICKLY))
    await own.ensure()
    clock.time += 301.0
    psutil.Process(own.pid).kill()
    await until(lambda: own.pid is None, "the end was seen")
    assert own.state == "stopped"
    await own.ensure()
    own.model = dataclasses.replace(own.model, pinned=True)
    clock.time += 301.0
    psutil.Process(own.pid).kill()
    await until(lambda: own.upstream is None, "the end was seen")
    assert own.state == "starting"
    await own.ensure()
    assert len(engine.ports) == 3


async def test_an_engine_that_ends_again_and_again_is_given_up(supervise: Make, around: Surroundings) -> None:
    engine = StandIn("good")
    own = supervise(engine, within=dataclasses.replace(around, steps=QUICKLY))
    await own.ensure()
    for _ in range(6):
        await until(lambda: own.upstream is not None, "it runs")
        psutil.Process(own.pid).kill()
        await until(lambda: own.upstream is None, "the end was seen")
    assert own.state == "crashloop"
    assert (len(engine.ports), own.restarts) == (6, 5)
    error = await failure(asyncio.create_task(own.ensure()))
    assert "failed 6 times in a row" in error.sentence
    own.forgive()
    await own.ensure()
    assert own.state == "ready"


async def test_starts_that_fail_after_an_end_go_on_by_themselves(supervise: Make, around: Surroundings) -> None:
    engine = StandIn("good", "dies", "dies", "good")
    own = supervise(engine, within=dataclasses.replace(around, steps=QUICKLY))
    await own.ensure()
    psutil.Process(own.pid).kill()
    await until(lambda: len(engine.ports) == 4 and own.upstream is not None, "the fourth start worked")
    assert own.failure is None


async def test_stop_while_it_waits_to_start_again_ends_the_wait(supervise: Make, around: Surroundings) -> None:
    engine = StandIn("good")
    own = supervise(engine, within=dataclasses.replace(around, steps=(1000.0,) * 5))
    await own.ensure()
    psutil.Process(own.pid).kill()
    await until(lambda: own.state == "starting", "it waits")
    await own.stop()
    assert own.state == "stopped"
    assert len(engine.ports) == 1


async def test_who_loads_a_model_on_purpose_does_not_wait_for_the_back_off(
    supervise: Make, around: Surroundings
) -> None:
    own = supervise(StandIn("good"), within=dataclasses.replace(around, steps=(1000.0,) * 5))
    await own.ensure()
    psutil.Process(own.pid).kill()
    await until(lambda: own.upstream is None, "the end was seen")
    own.forgive()
    assert (await own.ensure()).port
