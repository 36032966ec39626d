"""Children of a daemon that was killed: they end by themselves, or the next daemon ends them, and nobody else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flock.engines.children import reap_orphans
from flock.paths import Home
from tests.running import ROOT, free_port, wait_for

# A daemon in small: starts one engine and waits to be killed.
PARENT = """
import asyncio, sys
from pathlib import Path
from flock.clock import SystemClock
from flock.engines.children import Children
from flock.engines.ports import Ports
from flock.engines.process import Limits
from flock.engines.own_model import OwnModel
from flock.engines.supervisor import Supervised, Surroundings
from flock.outbound.session import open_session
from flock.paths import Home
from tests.engines.conftest import real_engine
from tests.engines.parts import PROFILES, StandIn

async def main(top, kind, model, port):
    home = Home(top / "config", top / "data", top / "logs", top / "run")
    engine = StandIn(kind) if kind in ("leaves-worker", "ignores-term") else real_engine(kind)
    async with open_session() as session:
        around = Surroundings(home, session, SystemClock(), Children(home), Ports(first=port), Limits())
        own = Supervised(OwnModel("tiny", model, "x"), engine, PROFILES[engine.kind], around, lambda: None)
        await own.ensure()
        print(own.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
"""


def killed_daemon(home: Home, kind: str, model: Path) -> psutil.Process:
    """Run a daemon in small until its engine is ready, kill it with SIGKILL, and return the engine."""
    argv = [sys.executable, "-c", PARENT, str(home.config.parent), kind, str(model), str(free_port())]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        family = child.children()
        parent.kill()
        parent.wait()
    child.family = family  # type: ignore[attr-defined]
    return child


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_embedded_engine_ends_with_a_killed_daemon(home: Home, models: dict[str, Path]) -> None:
    child = killed_daemon(home, "embedded", models["tiny-script"])
    wait_for(lambda: gone(child), "the child ended by itself")
    assert reap_orphans(home) == []


@pytest.mark.engine("llama-server")
def test_llama_server_left_by_a_killed_daemon_is_reaped(home: Home, models: dict[str, Path]) -> None:
    child = killed_daemon(home, "llamacpp", models["tiny-script"])
    assert child.is_running()
    (sentence,) = reap_orphans(home)
    assert f"pid {child.pid}" in sentence
    assert gone(child)
    assert not home.children.exists()


def test_orphan_that_ignores_term_is_killed(home: Home, models: dict[str, Path]) -> None:
    child = killed_daemon(home, "ignores-term", models["tiny-script"])
    assert len(reap_orphans(home)) == 1
    assert gone(child)


def test_worker_is_reaped_even_when_its_leader_is_gone(home: Home, models: dict[str, Path]) -> None:
    child = killed_daemon(home, "leaves-worker", models["tiny-script"])
    (worker,) = child.family  # type: ignore[attr-defined]
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: gone(child), "the leader has gone")
    assert not gone(worker)
    (sentence,) = reap_orphans(home)
    assert f"pid {worker.pid}" in sentence
    wait_for(lambda: gone(worker), "the worker has gone")


def test_a_process_that_only_has_a_recorded_pid_is_left_alone(home: Home) -> None:
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        home.run.mkdir(parents=True)
        record = {"name": "embedded:tiny", "pid": stranger.pid, "create_time": 12345.0, "port": 1, "argv_hash": ""}
        home.children.write_text(json.dumps({"0" * 32: record}))
        assert reap_orphans(home) == []
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"name": "x", "pid": null}}'])
def test_damaged_record_stops_nothing(home: Home, text: str) -> None:
    home.run.mkdir(parents=True)
    home.children.write_text(text)
    assert reap_orphans(home) == []


def test_no_record_is_no_orphan(home: Home) -> None:
    assert reap_orphans(home) == []
