"""Loading, waiting and leaving on real processes: what the scheduler decides is carried out, once, and told."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from flock.contract.models import ModelConfig
from flock.engines.engine import EngineSettings, LaunchSpec
from flock.engines.own_model import OwnModel
from flock.engines.registry import Registry
from flock.engines.weighed import Weighed
from flock.errors import Conflict, EngineFailed, ModelNotFound
from flock.smoke import facts
from flock.store.store import Store
from flock.upstream import Waiting
from tests.engines.parts import PROFILES, StandIn, until
from tests.engines.servers import Server
from tests.fakes.ollama_process import fake_ollama

Open = Callable[..., Any]
Make = Callable[..., Awaitable[Registry]]


class Many(StandIn):
    """A stand-in whose manner goes by the model; `started` are the models whose engines were started, `cancels` is
    whether they end an answer nobody waits for.
    """

    def __init__(self, *, cancels: bool = True, **manners: str) -> None:
        super().__init__("good")
        self.cancels = cancels
        self.by_model = manners
        self.started: list[str] = []

    def argv(self, spec: LaunchSpec) -> list[str]:
        self.started.append(spec.model_id)
        self.manners = [self.by_model.get(spec.model_id, "good")]
        return super().argv(spec)


async def need(models: dict[str, Path]) -> int:
    """Return the bytes that one of the models is thought to take."""
    weighed = Weighed(OwnModel("a", models["tiny-script"], ""), StandIn("good"), lambda _id: None)
    await weighed.plan()
    return weighed.need_bytes


@pytest.fixture
def stocked(opened: Open, models: dict[str, Path], tmp_path: Path) -> Callable[..., Awaitable[Registry]]:
    """Return a maker of registries with models a, b and c, none loaded, and room for so many of them (0: all)."""

    async def make(engine: Many, room: float = 0, **settings: Any) -> Registry:
        memory = int(await need(models) * room)
        chosen = {"probe_seconds": 0, **settings}
        profiles = PROFILES | {engine.kind: replace(PROFILES[engine.kind], cancels=engine.cancels)}
        registry: Registry = await opened(
            EngineSettings(memory_bytes=memory, **chosen), available=[engine], profiles=profiles
        )
        for name in "abc":
            path = Path(shutil.copy(models["tiny-script"], tmp_path / f"{name}.gguf"))
            if name not in {model.id for model in registry.added()}:
                await registry.add(OwnModel(name, path, f"file:{path}", kind="chat"), load=False)
        return registry

    return make


def state(registry: Registry, model: str) -> str:
    return next(row.state for row in registry.models() if row.id == model)


def ready(registry: Registry) -> str:
    return "".join(row.id for row in registry.models() if row.state == "ready")


async def seat(registry: Registry, model: str, key: str = "k") -> str:
    """Ask for a place as the request path does; return the upstream's name."""
    place = registry.table[model][0]
    upstream = registry.enter(place) or await registry.ensure(place, Waiting(f"req_{model}", key))
    return upstream.name


async def test_fifty_requests_load_once_and_go_in_as_places_become_free(stocked: Make) -> None:
    engine = Many()
    registry = await stocked(engine)
    tasks = [asyncio.create_task(seat(registry, "a", f"key {n % 5}")) for n in range(50)]
    await until(lambda: sum(task.done() for task in tasks) >= 4, "the first are let in")
    most = 2 * (next(row.slots for row in registry.models() if row.id == "a") or 0)
    assert most > 0
    while not all(task.done() for task in tasks):
        inside = [task for task in tasks if task.done()]
        assert len(registry.queue().waiting) == 50 - len(inside)
        registry.leave(inside[0].result(), 0.01)
        await until(lambda before=inside: sum(task.done() for task in tasks) > len(before), "the next one is let in")
    assert engine.started == ["a"]
    assert next(row.running for row in registry.models() if row.id == "a") <= most


async def test_a_waiter_that_is_cancelled_takes_no_place(stocked: Make) -> None:
    registry = await stocked(Many(a="never-listens"))
    tasks = [asyncio.create_task(seat(registry, "a")) for _ in range(3)]
    await until(lambda: len(registry.queue().waiting) == 3, "they wait")
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    assert len(registry.queue().waiting) == 2
    place = registry.table["a"][0]
    assert place.upstream is None
    assert registry.enter(place) is None
    await registry.unload("a")
    await until(lambda: len(registry.queue().waiting) == 2, "those who wait go on waiting")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert registry.queue().waiting == ()


async def test_models_take_turns_and_what_happens_is_told(stocked: Make) -> None:
    engine = Many()
    registry = await stocked(engine, room=1.5, bound_seconds=0.5)
    told: list[tuple[str, str, str]] = []
    registry.on_event = lambda kind, subject, data: told.append((kind, subject, data["state"]))
    registry.leave(await seat(registry, "a"), 0.1)
    assert (ready(registry), registry.residents().free_bytes < registry.residents().used_bytes) == ("a", True)
    holds = await seat(registry, "a")
    waits = asyncio.create_task(seat(registry, "b"))
    # the bound is over and its gate is shut, but nobody's answer is cut off
    await until(lambda: state(registry, "a") == "stopping", "it makes way")
    assert registry.enter(registry.table["a"][0]) is None
    assert not waits.done()
    (waiter,) = registry.queue().waiting
    assert (waiter.model, waiter.position, waiter.why) == ("b", 1, "a is leaving memory")
    registry.leave(holds, 3.0)
    assert await waits
    assert ready(registry) == "b"
    assert engine.started == ["a", "b"]
    models = [(subject, state) for kind, subject, state in told if kind == "model.state"]
    assert [state for subject, state in models if subject == "a"][-2:] == ["stopping", "stopped"]
    assert [state for subject, state in models if subject == "b"] == ["queued", "starting", "ready"]
    assert ("engine.state", "openai:b", "ready") in told


async def test_what_cannot_be_started_makes_nobody_leave(stocked: Make) -> None:
    engine = Many(b="dies")
    registry = await stocked(engine, room=1.5, bound_seconds=0.1)
    registry.leave(await seat(registry, "a"), 0.1)
    with pytest.raises(EngineFailed, match="cheese"):
        await seat(registry, "b")
    registry.leave(await seat(registry, "a"), 0.1)
    # the back-off lasts: it is refused with the same words, and `a` stays
    with pytest.raises(EngineFailed, match="cheese"):
        await seat(registry, "b")
    assert ready(registry) == "a"
    assert engine.started == ["a", "b", "a"]


async def test_an_engine_that_works_on_what_nobody_waits_for_is_in_use(stocked: Make) -> None:
    registry = await stocked(Many(cancels=False, a="works-on"), probe_seconds=60, idle_seconds=0.2)
    registry.leave(await seat(registry, "a"), 0.1, abandoned=True)
    registry.leave(await seat(registry, "b"), 0.1)
    await until(lambda: state(registry, "b") == "stopped", "it has been idle")
    assert state(registry, "a") == "busy"
    os.kill(registry.inspection.show("openai:a").pid or -1, signal.SIGUSR1)
    await until(lambda: state(registry, "a") == "stopped", "it was free, and idle")


async def test_what_was_measured_counts_as_taken(stocked: Make) -> None:
    registry = await stocked(Many())
    registry.leave(await seat(registry, "a"), 0.1)

    def measured() -> bool:
        return next(row.measured for row in registry.models() if row.id == "a")

    await until(measured, "its memory was looked at")
    there = registry.residents()
    assert there.used_bytes == there.models[0].memory_bytes
    assert 0 < there.resident_bytes <= there.used_bytes


async def test_a_changed_model_is_loaded_anew_once_it_is_idle(stocked: Make) -> None:
    engine = Many()
    registry = await stocked(engine)
    holds = await seat(registry, "a")
    await registry.configure("a", ModelConfig(context=512))
    assert state(registry, "a") == "ready"
    registry.leave(holds, 0.1)
    await until(lambda: state(registry, "a") == "stopped", "it leaves")
    registry.leave(await seat(registry, "a"), 0.1)
    assert next(row.context for row in registry.models() if row.id == "a") == 512
    # one that was loaded on purpose comes back by itself
    await registry.load("b")
    await registry.configure("b", ModelConfig(context=512))
    await until(lambda: engine.started == ["a", "a", "b", "b"] and state(registry, "b") == "ready", "it is loaded anew")


async def test_what_was_in_memory_comes_back_as_far_as_it_fits(stocked: Make, store: Store) -> None:
    first = await stocked(Many())
    await first.load("a")
    await first.load("b", priority=3)
    await first.load("c", pin=True)
    await first.stop()
    assert {entry.id: (entry.loaded, entry.pinned, entry.priority) for entry in await store.models.all()} == {
        "a": (True, False, 0),
        "b": (True, False, 3),
        "c": (True, True, 0),
    }
    second = await stocked(Many(), exclusive=True)
    await second.restore("")
    # there is room for one: the pinned one comes before those that were used later
    assert ready(second) == "c"
    await second.unload("c")
    await second.stop()
    assert {entry.id: entry.loaded for entry in await store.models.all()}["c"] is False


async def test_loads_and_unloads_of_what_is_not_ours(stocked: Make, session: aiohttp.ClientSession) -> None:
    registry = await stocked(Many())
    with pytest.raises(ModelNotFound):
        await registry.load("nothing")
    with pytest.raises(ModelNotFound):
        await registry.unload("nothing")
    async with Server([{"id": "elsewhere", "owned_by": "x"}]) as server:
        await registry.attach(server.url, "other")
        with pytest.raises(Conflict, match="whose process is never touched") as refused:
            await registry.unload("elsewhere")
        assert refused.value.hint == "flock engine detach other"
        with pytest.raises(Conflict):
            await registry.check_load("elsewhere", swap=False)
        assert state(registry, "elsewhere") == "ready"
    with fake_ollama() as port:
        await registry.attach(f"http://127.0.0.1:{port}", "ollama")
        model = next(row.id for row in registry.models() if row.engine == "ollama" and row.kind == "chat")
        assert (await registry.load(model)).id == model
        assert await in_memory(session, port) == [model]
        assert (await registry.unload(model)).engine == "ollama"
        assert await in_memory(session, port) == []


async def in_memory(session: aiohttp.ClientSession, port: int) -> list[str]:
    async with session.get(f"http://127.0.0.1:{port}/api/ps") as answer:
        return [row["name"] for row in (await answer.json())["models"]]


async def test_the_built_in_model_is_subject_to_the_same_rules(opened: Open) -> None:
    registry = await opened(EngineSettings(idle_seconds=0.2, probe_seconds=0), available=[Many()])
    registry.leave(await seat(registry, facts.NAME), 0.1)
    await until(lambda: state(registry, facts.NAME) == "stopped", "it leaves when idle")
