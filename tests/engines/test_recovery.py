"""Every real engine under supervision: killed, hung, on a taken port, left by its daemon; it serves again."""

import dataclasses
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from flock.contract.models import ModelConfig
from flock.engines.children import Children
from flock.engines.engine import EngineSettings
from flock.engines.own_model import OwnModel
from flock.engines.ports import Ports
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.engines.survivors import take_over
from tests.engines.parts import PROFILES, until
from tests.engines.real import START_SECONDS
from tests.engines.test_drivers import EACH, ENGINES, MARKS, files

__all__ = ["files"]

Own = Callable[..., Supervised]
CONFIG = ModelConfig(context=2048, slots=2, threads=1)
# those that do not end with the daemon by themselves
OUTLIVE = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=MARKS.get(kind, ())) for kind in ENGINES if not ENGINES[kind].holds_stdin]
)


@pytest.fixture
async def own(around: Surroundings, files: dict[str, Path]) -> AsyncIterator[Own]:
    """Return a maker of supervised real engines, which are ended after the test."""
    made: list[Supervised] = []

    def make(kind: str, within: Surroundings | None = None) -> Supervised:
        limits = dataclasses.replace(around.limits, ready=START_SECONDS, stuck=START_SECONDS)
        within = dataclasses.replace(within or around, limits=limits, steps=(0.01,) * 5)
        kinds = {"whisper": "transcription", "piper": "speech"}
        model = OwnModel("tiny", files[kind], "file:x", kind=kinds.get(kind, "chat"), config=CONFIG)
        made.append(Supervised(model, ENGINES[kind], PROFILES[kind], within, lambda: None))
        return made[-1]

    yield make
    for each in made:
        await each.stop()


async def back(own: Supervised, process: psutil.Process) -> None:
    """Wait until another process generates in place of this one, of which nothing is left."""
    await until(lambda: own.restarts == 1 and own.upstream is not None, "it was started again", START_SECONDS)
    assert own.pid != process.pid
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert (await own.ask(60.0)).state == "ok"


@EACH
async def test_killed_it_comes_back_and_what_it_had_started_is_gone(kind: str, own: Own) -> None:
    engine = own(kind)
    await engine.ensure()
    leader = psutil.Process(engine.pid)
    await until(lambda: engine.memory_bytes, "it was looked at")
    family = leader.children(recursive=True)
    leader.kill()
    await back(engine, leader)
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@EACH
async def test_hung_it_is_put_down_and_comes_back(kind: str, own: Own, around: Surroundings) -> None:
    settings = EngineSettings(probe_seconds=0.5, probe_failures=3)
    engine = own(kind, dataclasses.replace(around, settings=settings))
    await engine.ensure()
    assert (await engine.ask(60.0)).state == "ok"
    leader = psutil.Process(engine.pid)
    # of vLLM's processes the one that generates, so that its door goes on to answer
    hung = leader.children(recursive=True) or [leader]
    for process in hung:
        process.suspend()
    await until(lambda: engine.trouble.startswith("hung: no token in 2 s"), "the watchdog has spoken")
    await back(engine, leader)
    for process in hung:
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@EACH
async def test_on_a_taken_port_it_takes_the_next(kind: str, own: Own, around: Surroundings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        engine = own(kind, dataclasses.replace(around, ports=Ports(first=taken)))
        assert (await engine.ensure()).port > taken
        assert (await engine.ask(60.0)).state == "ok"


@OUTLIVE
async def test_left_by_its_daemon_it_serves_the_next_one(kind: str, own: Own, around: Surroundings) -> None:
    engine = own(kind)
    upstream = await engine.ensure()
    assert engine.pid is not None
    # the next daemon knows nothing but what lies on the disk
    within = dataclasses.replace(around, children=Children(around.home), ports=Ports(first=upstream.port))
    later = own(kind, within)
    (sentence,) = await take_over(within, [later])
    assert sentence.startswith(f"goes on with {kind}:tiny (pid {engine.pid})")
    await until(lambda: later.upstream is not None, "it is ready")
    assert (later.pid, later.upstream.port) == (engine.pid, upstream.port)
    assert (await later.ask(60.0)).state == "ok"
    process = psutil.Process(later.pid)
    engine.model = dataclasses.replace(engine.model, config=dataclasses.replace(CONFIG, idle_seconds=0.001))
    await later.stop()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
