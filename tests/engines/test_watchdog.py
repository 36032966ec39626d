"""Engines that hang: a real one that is stopped, and stand-ins that answer /health and generate nothing."""

import asyncio
import dataclasses
import os
import signal
from collections.abc import Callable

import aiohttp
import psutil
import pytest
from aiohttp import web

from flock.clock import SystemClock
from flock.engines import engine_log
from flock.engines.adopted import parse_url
from flock.engines.engine import Engine, EngineSettings
from flock.engines.process import Limits
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings, Ties, Traffic
from flock.engines.watched import Adoption, Pauses, Watched
from tests.engines.parts import PROFILES, Rack, StandIn, until
from tests.engines.servers import Server
from tests.engines.test_supervisor import ask

Make = Callable[..., Supervised]
WATCHED = EngineSettings(probe_seconds=0.2, probe_failures=3)
QUICK = Limits(ready=60.0, term=0.2, kill=5.0)


def quickly(around: Surroundings, settings: EngineSettings = WATCHED, ties: Ties | None = None) -> Surroundings:
    return dataclasses.replace(around, settings=settings, limits=QUICK, steps=(0.01,) * 5, ties=ties or around.ties)


async def test_a_stopped_engine_is_noticed_killed_and_serves_again(
    engine: Engine, supervise: Make, around: Surroundings
) -> None:
    told: list[tuple[str, str, str]] = []
    ties = Ties(tell=lambda kind, subject, data: told.append((kind, data["state"], data["error"])))
    own = supervise(engine, within=quickly(around, ties=ties))
    await own.ensure()
    stopped = psutil.Process(own.pid)
    stopped.send_signal(signal.SIGSTOP)
    await until(lambda: own.trouble, "the watchdog has spoken")
    assert own.trouble == "hung: no token in 2 s, 3 times"
    await until(lambda: own.state == "ready", "it was started again")
    assert not stopped.is_running() or stopped.status() == psutil.STATUS_ZOMBIE
    assert own.restarts == 1
    assert (await ask(around.session, await own.ensure()))[0] == 200
    states = [state for kind, state, _ in told if kind == "engine.state"]
    assert states == ["starting", "ready", "stopping", "starting", "ready"]
    assert any("hung: no token in 2 s, 3 times" in error for _, _, error in told)


async def test_an_engine_that_answers_and_does_not_generate_is_put_down(supervise: Make, around: Surroundings) -> None:
    engine = StandIn("does-not-generate", "good")
    own = supervise(engine, within=quickly(around))
    await own.ensure()
    await until(lambda: len(engine.ports) == 2 and own.upstream is not None, "it was started again")
    assert own.restarts == 1


async def test_an_engine_whose_requests_receive_bytes_is_not_asked(supervise: Make, around: Surroundings) -> None:
    heard = [0.0]

    def traffic(name: str) -> Traffic:
        heard[0] = around.clock.monotonic()
        return Traffic(1, heard[0])

    engine = StandIn("does-not-generate")
    own = supervise(engine, within=quickly(around, ties=Ties(traffic=traffic)))
    await own.ensure()
    first = heard[0]
    await until(lambda: heard[0] > first + 3.0, "it was looked at for more than three silences")
    assert own.state == "ready"
    assert len(engine.ports) == 1


async def test_an_engine_that_only_answers_errors_is_put_down_when_it_had_answered_before(
    supervise: Make, around: Surroundings
) -> None:
    engine = StandIn("fails-later", "good")
    own = supervise(engine, within=quickly(around))
    await own.ensure()
    await until(lambda: len(engine.ports) == 2, "it was put down")


async def test_an_engine_that_never_takes_the_question_is_left_alone(supervise: Make, around: Surroundings) -> None:
    engine = StandIn("fails-always")
    own = supervise(engine, within=quickly(around))
    upstream = await own.ensure()
    await until(lambda: asked(own) >= 4, "it was asked four times")
    assert own.upstream is upstream


async def test_nobody_is_watched_when_the_pause_is_zero(supervise: Make, around: Surroundings) -> None:
    own = supervise(StandIn("good"), within=quickly(around, EngineSettings(probe_seconds=0)))
    await own.ensure()
    assert (await own.ask(5.0)).state == "ok"
    assert asked(own) == 1


async def test_an_engine_that_cannot_cancel_is_busy_until_it_answers(supervise: Make, around: Surroundings) -> None:
    settings = EngineSettings(probe_seconds=0)
    engine = StandIn("works-on")
    own = supervise(engine, within=quickly(around, settings), cancels=False)
    upstream = await own.ensure()
    own.abandoned()
    assert own.state == "busy"
    assert own.upstream is upstream
    os.kill(own.pid or -1, signal.SIGUSR1)
    await until(lambda: own.state == "ready", "it is free again")


async def test_an_adopted_engine_that_cannot_cancel_is_busy_until_it_answers(session: aiohttp.ClientSession) -> None:
    done = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        await done.wait()
        return web.json_response({"choices": []})

    server = Server([{"id": "m"}])
    server.server.app.router.add_post("/v1/chat/completions", answer)
    async with server:
        watched = Watched(
            Adoption("mlx", parse_url(server.url), "attached", kind="mlx"),
            "",
            fetch_key=Rack().get,
            profiles=PROFILES | {"mlx": dataclasses.replace(PROFILES["mlx"], cancels=False)},
            session=session,
            clock=SystemClock(),
            on_change=lambda: None,
            pauses=Pauses(ready=0.05, away=0.02),
        )
        watched.start()
        await until(lambda: watched.state == "ready", "it is known")
        watched.abandoned()
        assert watched.state == "busy"
        assert await watched.ensure() is watched.upstream
        done.set()
        await until(lambda: watched.state == "ready", "it is free again")
        await watched.stop()


async def test_an_engine_that_cancels_is_not_busy(supervise: Make, around: Surroundings) -> None:
    own = supervise(StandIn("good"), within=quickly(around, EngineSettings(probe_seconds=0)))
    await own.ensure()
    own.abandoned()
    assert own.state == "ready"


async def test_a_start_that_does_nothing_is_given_up(supervise: Make, around: Surroundings) -> None:
    limits = dataclasses.replace(QUICK, stuck=1.0)
    own = supervise(StandIn("never-listens"), within=dataclasses.replace(around, limits=limits))
    with pytest.raises(Exception, match="it has done nothing for 1 s: no output, no computing, no reading"):
        await own.ensure()


async def test_an_engine_that_goes_into_the_background_is_ended_and_told_of(
    supervise: Make, around: Surroundings
) -> None:
    own = supervise(StandIn("forks-away"), within=dataclasses.replace(around, limits=QUICK))
    with pytest.raises(Exception, match="it went into the background") as caught:
        await own.ensure()
    last: str = caught.value.details["last_lines"][-1]  # type: ignore[attr-defined]
    grandchild = int(last.split()[-1])
    await until(lambda: not psutil.pid_exists(grandchild), "what it left has gone")


async def test_how_far_a_load_is_can_be_seen_while_it_loads(supervise: Make, around: Surroundings) -> None:
    heard: list[str] = []
    own = supervise(StandIn("loads-slowly"))
    starting = asyncio.create_task(own.ensure(heard.append))
    await until(lambda: own.progress == 0.42, "the load's progress is known")
    assert own.state == "starting"
    os.kill(own.pid or -1, signal.SIGUSR1)
    await starting
    assert own.progress is None
    assert "loading tiny: 42 %" in heard


def asked(own: Supervised) -> int:
    """Return how often a stand-in was asked its canary."""
    around = own._around  # pyright: ignore[reportPrivateUsage]
    lines = engine_log.last_lines(engine_log.log_path(around.home, own.name), 2000)
    return sum("POST /v1/chat/completions" in line for line in lines)
