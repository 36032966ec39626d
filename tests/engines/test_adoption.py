"""Engines that outlive their daemon: gone on with when they are wanted as they are, ended when not; strangers never."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from flock.engines.children import Children, reap_orphans
from flock.engines.engine import EngineSettings
from flock.engines.own_model import OwnModel
from flock.engines.registry import Registry
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.engines.survivors import find, take_over
from flock.paths import Home
from tests.engines.conftest import real_engine
from tests.engines.parts import StandIn, until
from tests.engines.test_orphans import gone, killed_daemon
from tests.engines.test_supervisor import ask
from tests.running import free_port, wait_for

Make = Callable[..., Supervised]


def survivor(home: Home, kind: str, models: dict[str, Path]) -> psutil.Process:
    return killed_daemon(home, kind, models["tiny-script"])


def again(around: Surroundings) -> Surroundings:
    """Return the surroundings of the next daemon: its list of children is empty at first."""
    return dataclasses.replace(around, children=Children(around.home))


@pytest.mark.engine("llama-server")
async def test_llama_server_is_gone_on_with_serves_at_once_and_ends_when_told(
    supervise: Make, around: Surroundings, home: Home, models: dict[str, Path]
) -> None:
    process = survivor(home, "llamacpp", models)
    within = again(around)
    own = supervise(real_engine("llamacpp"), within=within)
    (sentence,) = await take_over(within, [own])
    assert sentence == f"goes on with llamacpp:tiny (pid {process.pid}), which an earlier daemon started"
    assert (own.state, own.pid, own.restarts) == ("ready", process.pid, 0)
    assert own.version.startswith("b")
    upstream = await own.ensure()
    assert (await ask(around.session, upstream))[0] == 200
    assert (await ask(around.session, upstream, key="wrong"))[0] == 401
    assert upstream.key not in home.children.read_text()
    await own.stop()
    assert own.state == "stopped"
    assert gone(process)
    assert json.loads(home.children.read_text()) == {}


@pytest.mark.engine("llama-server")
async def test_what_is_gone_on_with_counts_in_the_budget_before_others_are_restored(
    opened: Callable[..., Awaitable[Registry]], home: Home, models: dict[str, Path], tmp_path: Path
) -> None:
    settings, engine = EngineSettings(probe_seconds=0, exclusive=True), real_engine("llamacpp")
    first = await opened(settings, available=[engine])
    other = Path(shutil.copy(models["tiny-script"], tmp_path / "other.gguf"))
    for name, path in (("tiny", models["tiny-script"]), ("other", other)):
        await first.add(OwnModel(name, path, f"file:{path}", kind="chat"), load=False)
    await first.stop()
    process = survivor(home, "llamacpp", models)
    registry = await opened(settings, available=[engine])
    assert registry.inspection.show("llamacpp:tiny").pid == process.pid
    there = registry.residents()
    assert [model.id for model in there.models] == ["tiny"]
    assert there.used_bytes == there.models[0].memory_bytes
    await registry.restore("other")
    assert {model.id: model.state for model in registry.models()} == {"tiny": "ready", "other": "stopped"}
    assert not gone(process)


@pytest.mark.engine("llama-server")
async def test_one_that_is_gone_on_with_is_watched(
    supervise: Make, around: Surroundings, home: Home, models: dict[str, Path]
) -> None:
    process = survivor(home, "llamacpp", models)
    settings = EngineSettings(probe_seconds=0.2, probe_failures=2)
    within = dataclasses.replace(again(around), settings=settings, steps=(0.01,) * 5)
    own = supervise(real_engine("llamacpp"), within=within)
    await take_over(within, [own])
    process.send_signal(signal.SIGSTOP)
    await until(lambda: own.state == "ready" and own.pid != process.pid, "it was killed and started again")
    assert own.restarts == 1
    assert gone(process)
    os.kill(own.pid or -1, signal.SIGKILL)
    await until(lambda: own.restarts == 2 and own.state == "ready", "and again")


@pytest.mark.engine("llama-server")
async def test_the_end_of_one_that_is_gone_on_with_is_seen(
    supervise: Make, around: Surroundings, home: Home, models: dict[str, Path]
) -> None:
    process = survivor(home, "llamacpp", models)
    within = dataclasses.replace(again(around), steps=(0.01,) * 5)
    own = supervise(real_engine("llamacpp"), within=within)
    await take_over(within, [own])
    process.kill()
    await until(lambda: own.state == "ready" and own.pid != process.pid, "it was started again")


async def test_one_that_would_be_started_in_another_way_today_is_ended(
    supervise: Make, around: Surroundings, home: Home, models: dict[str, Path]
) -> None:
    process = survivor(home, "ignores-term", models)
    within = again(around)
    own = supervise(StandIn("good"), within=within)
    (sentence,) = await take_over(within, [own])
    assert sentence == f"ended openai:tiny (pid {process.pid}), which an earlier daemon left running"
    assert gone(process)
    assert own.state == "stopped"


async def test_one_whose_model_is_gone_is_ended(around: Surroundings, home: Home, models: dict[str, Path]) -> None:
    process = survivor(home, "ignores-term", models)
    assert len(await take_over(again(around), [])) == 1
    assert gone(process)


async def test_one_that_does_not_answer_any_more_is_ended_and_no_failure_of_the_model(
    supervise: Make, around: Surroundings, home: Home, models: dict[str, Path]
) -> None:
    process = survivor(home, "ignores-term", models)
    process.suspend()
    limits = dataclasses.replace(around.limits, taken=0.5, question=0.2, term=0.1)
    within = dataclasses.replace(again(around), limits=limits)
    own = supervise(StandIn("ignores-term"), within=within)
    await take_over(within, [own])
    await until(lambda: gone(process), "it was ended")
    await until(lambda: own.state == "stopped", "it can be started again")
    assert (await own.ensure()).port


def written(home: Home, pid: int, created: float, port: int, token: str = "0" * 32) -> None:
    home.run.mkdir(parents=True, exist_ok=True)
    record = {"name": "openai:tiny", "pid": pid, "create_time": created, "port": port, "argv_hash": "x"}
    home.children.write_text(json.dumps({token: record}))


SERVE = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"


@pytest.mark.parametrize("what", ["start time", "token", "port"])
def test_a_stranger_is_never_taken_for_ours(home: Home, what: str) -> None:
    port = free_port()
    token = "f" * 32
    environment = os.environ | {"FLOCK_CHILD": token}
    with subprocess.Popen([sys.executable, "-c", SERVE, str(port)], env=environment) as stranger:
        process = psutil.Process(stranger.pid)
        wait_for(lambda: process.net_connections(kind="tcp"), "it listens")
        created = process.create_time()
        written(home, stranger.pid, created, port, token)
        assert len(find(home)) == 1
        if what == "start time":
            written(home, stranger.pid, created - 1000.0, port, token)
        elif what == "token":
            written(home, stranger.pid, created, port)
        else:
            written(home, stranger.pid, created, port + 1, token)
        assert find(home) == []
        assert stranger.poll() is None
        stranger.kill()


def test_what_a_child_started_is_ended_after_its_leader_although_it_hides_its_environment(
    home: Home, models: dict[str, Path]
) -> None:
    """vLLM's workers write a title over theirs."""
    with subprocess.Popen(["sleep", "1000"]) as worker:
        created = psutil.Process(worker.pid).create_time()
        home.run.mkdir(parents=True)
        record = {"name": "vllm:m", "pid": 2**22 + 1, "create_time": created, "port": 1, "argv_hash": "x"}
        home.children.write_text(json.dumps({"a" * 32: record | {"family": [[worker.pid, created - 500.0]]}}))
        assert reap_orphans(home) == []
        home.children.write_text(json.dumps({"a" * 32: record | {"family": [[worker.pid, created], "x", [1]]}}))
        (sentence,) = reap_orphans(home)
        assert f"vllm:m (pid {worker.pid})" in sentence
        worker.wait()
