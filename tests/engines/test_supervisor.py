"""One model's engine on real llama.cpp and on stand-ins that misbehave."""

import asyncio
import dataclasses
import json
import socket
from collections.abc import Callable
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from flock.engines.embedded import Embedded
from flock.engines.engine import Engine
from flock.engines.ports import Ports
from flock.engines.process import Limits
from flock.engines.supervisor import Supervised, Surroundings
from flock.errors import EngineFailed
from flock.upstream import Upstream
from tests.engines.parts import Absent, Counted, StandIn, until
from tests.running import PATIENCE, free_port
from tools.gguf_writer import Gguf

Make = Callable[..., Supervised]
QUICK = Limits(ready=60.0, term=0.2, kill=5.0)


async def ask(session: aiohttp.ClientSession, upstream: Upstream, key: str | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {upstream.key if key is None else key}"}
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
    patience = aiohttp.ClientTimeout(total=PATIENCE)  # the session's own limit is one for probes
    url = f"{upstream.url}/v1/chat/completions"
    async with session.post(url, json=body, headers=headers, timeout=patience) as answer:
        return answer.status, await answer.text()


async def failure(awaited: "asyncio.Task[Upstream]") -> EngineFailed:
    with pytest.raises(EngineFailed) as caught:
        await awaited
    return caught.value


def unloadable(path: Path) -> Path:
    """Write a file whose header is in order and which no llama.cpp can load."""
    model = Gguf("flock-test-arch")
    model.set("general.name", "unloadable")
    model.tensor("token_embd.weight", 4, 8, [0.0] * 32)
    model.write(path)
    return path


async def test_fifty_callers_get_one_child_and_equal_answers(
    engine: Engine, supervise: Make, around: Surroundings
) -> None:
    counted = Counted(engine)
    own = supervise(counted)
    heard: list[str] = []
    upstreams = await asyncio.gather(*(own.ensure(heard.append if n == 0 else None) for n in range(50)))
    assert counted.starts == 1
    assert len({id(upstream) for upstream in upstreams}) == 1
    status, text = await ask(around.session, upstreams[0])
    assert (status, json.loads(text)["choices"][0]["finish_reason"]) == (200, "stop")
    assert own.state == "ready"
    assert own.context == 8192
    assert own.version
    assert heard[-1] == "tiny is ready"


async def test_engine_wants_the_key_and_no_command_line_holds_it(
    engine: Engine, supervise: Make, around: Surroundings
) -> None:
    upstream = await supervise(engine).ensure()
    status, _ = await ask(around.session, upstream, key="wrong")
    assert status == 401
    for process in psutil.process_iter(["cmdline"]):
        assert upstream.key not in " ".join(process.info["cmdline"] or [])
    assert upstream.key not in repr(upstream)


async def test_fifty_callers_of_an_engine_that_cannot_start_get_equal_errors(
    engine: Engine, supervise: Make, tmp_path: Path
) -> None:
    counted = Counted(engine)
    own = supervise(counted, unloadable(tmp_path / "unloadable.gguf"))
    tasks = [asyncio.create_task(own.ensure()) for _ in range(50)]
    errors = [await failure(task) for task in tasks]
    assert counted.starts == 1
    assert len({json.dumps(error.to_plain(), sort_keys=True) for error in errors}) == 1
    assert "flock-test-arch" in errors[0].sentence
    assert any("flock-test-arch" in line for line in errors[0].details["last_lines"])
    assert errors[0].details["exit_code"] == 1
    assert own.state == "failed"


async def test_a_cancelled_caller_leaves_the_start_to_the_others(supervise: Make) -> None:
    engine = StandIn("good")
    own = supervise(engine)
    impatient = asyncio.create_task(own.ensure())
    patient = asyncio.create_task(own.ensure())
    await until(lambda: own.pid, "the child runs")
    impatient.cancel()
    await asyncio.wait([impatient])
    assert impatient.cancelled()
    assert (await patient).port == engine.ports[0]
    assert len(engine.ports) == 1


async def test_taken_port_is_passed_over(supervise: Make, around: Surroundings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        own = supervise(Embedded(), within=dataclasses.replace(around, ports=Ports(first=taken)))
        assert (await own.ensure()).port > taken


async def test_port_lost_between_the_look_and_the_bind_is_left_for_the_next(
    engine: Engine, supervise: Make, around: Surroundings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        blind = Ports(first=taken, free=lambda port: True)
        counted = Counted(engine)
        upstream = await supervise(counted, within=dataclasses.replace(around, ports=blind)).ensure()
    assert upstream.port > taken
    assert counted.starts == upstream.port - taken + 1


async def test_ports_that_are_always_lost_end_in_an_error(supervise: Make) -> None:
    engine = StandIn("says-port-taken")
    error = await failure(asyncio.create_task(supervise(engine).ensure()))
    assert "port is taken" in error.sentence
    assert len(engine.ports) == len(set(engine.ports)) == 5


async def test_stranger_answering_on_the_port_is_not_taken_for_the_engine(
    supervise: Make, around: Surroundings
) -> None:
    async def welcome(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    application = web.Application()
    application.router.add_get("/v1/models", welcome)
    async with TestServer(application) as stranger:
        blind = Ports(first=stranger.port or 0, free=lambda port: True)
        within = dataclasses.replace(around, ports=blind, limits=dataclasses.replace(QUICK, ready=1.0))
        error = await failure(asyncio.create_task(supervise(StandIn("never-listens"), within=within).ensure()))
    assert "did not answer" in error.sentence


async def test_child_that_ignores_term_is_killed(supervise: Make, around: Surroundings) -> None:
    own = supervise(StandIn("ignores-term"), within=dataclasses.replace(around, limits=QUICK))
    await own.ensure()
    pid = own.pid
    assert pid is not None
    await own.stop()
    assert not psutil.pid_exists(pid)
    assert own.state == "stopped"


@pytest.mark.parametrize("manner", ["leaves-worker", "leaves-stray"])
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_workers_of_the_child_end_with_it(supervise: Make, around: Surroundings, how: str, manner: str) -> None:
    own = supervise(StandIn(manner), within=dataclasses.replace(around, limits=QUICK))
    await own.ensure()
    leader = psutil.Process(own.pid)
    (worker,) = leader.children()
    await own.stop() if how == "stop" else leader.kill()
    await until(lambda: own.pid is None, "the child has gone")
    await until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "the worker has gone")


async def test_stop_during_a_start_ends_it_and_counts_as_no_failure(supervise: Make) -> None:
    own = supervise(StandIn("good"))
    starting = asyncio.create_task(own.ensure())
    await until(lambda: own.pid, "the child runs")
    await own.stop()
    assert "was stopped while it started" in (await failure(starting)).sentence
    assert own.state == "stopped"
    await own.ensure()


async def test_report_of_a_dead_engine_is_checked_first(supervise: Make) -> None:
    own = supervise(StandIn("good"))
    upstream = await own.ensure()
    own.report_dead("connection refused")
    await until(lambda: own._checking is None, "the check is over")  # pyright: ignore[reportPrivateUsage]
    assert own.upstream is upstream


async def test_children_are_written_down_and_struck_out(supervise: Make, around: Surroundings) -> None:
    own = supervise(Embedded())
    await own.ensure()
    (record,) = json.loads(around.home.children.read_text()).values()
    assert (record["pid"], record["name"], record["port"]) == (own.pid, own.name, own.upstream.port)
    assert record["create_time"] == psutil.Process(own.pid).create_time()
    assert around.home.children.stat().st_mode & 0o777 == 0o600
    await own.stop()
    assert json.loads(around.home.children.read_text()) == {}


async def test_missing_engine_and_missing_file_are_known_before_any_start(supervise: Make, tmp_path: Path) -> None:
    absent = supervise(Absent())
    assert absent.state == "failed"
    error = await failure(asyncio.create_task(absent.ensure()))
    assert "stand-in is not installed here" in error.sentence
    assert "flockllm[embedded]" in error.hint
    gone = supervise(Embedded(), tmp_path / "gone.gguf")
    assert gone.state == "failed"
    assert "gone.gguf" in (await failure(asyncio.create_task(gone.ensure()))).sentence


async def test_secrets_of_the_daemon_do_not_reach_the_child(supervise: Make, around: Surroundings) -> None:
    own = supervise(Embedded())
    await own.ensure()
    names = set(psutil.Process(own.pid).environ())
    assert not {n for n in names if n.startswith("FLOCK_")} - {"FLOCK_CHILD", "FLOCK_ENGINE_KEY"}


async def test_free_ports_are_not_given_out_twice() -> None:
    ports = Ports(first=free_port())
    first, second = ports.take(), ports.take()
    assert first != second
    ports.release(first)
    assert ports.take() == first


async def test_nobody_is_sent_to_an_engine_that_was_reported_dead(supervise: Make) -> None:
    """Its end may not have been noticed yet; its own last words are kept, and it counts once."""
    own = supervise(Embedded())
    first = await own.ensure()
    psutil.Process(own.pid).kill()

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((first.host, first.port)) == 0

    while listening():
        pass  # the loop must not turn here: it would notice
    own.report_dead("connection refused")
    found = await asyncio.gather(*(own.ensure() for _ in range(5)))
    assert len(set(map(id, found))) == 1
    assert found[0] is not first
    assert own.state == "ready"


async def test_what_a_group_takes_is_the_sum_of_its_members_and_they_are_written_down(
    supervise: Make, around: Surroundings
) -> None:
    own = supervise(StandIn("leaves-stray"))
    await own.ensure()
    leader = psutil.Process(own.pid)
    (worker,) = leader.children()
    await until(lambda: own.measured, "it was measured")
    alone = leader.memory_info().rss
    # what the two share counts once
    assert 0 < own.need_bytes < alone + worker.memory_info().rss + 2**20
    (record,) = json.loads(around.home.children.read_text()).values()
    assert {pid for pid, _ in record["family"]} == {leader.pid, worker.pid}
