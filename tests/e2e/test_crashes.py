"""kill -9 of the daemon, of the engine, of both: what clients see, what is left over, what is remembered."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.parts import (
    Client,
    Slots,
    Told,
    ask,
    body,
    call,
    children,
    environment,
    many,
    running,
    settings,
    slots,
    usage,
)
from tests.running import Flock, command_line, fake_upstream, flock_home, wait_for

# what a crash may cost: the rows of the last second (flock/store/writer.py)
LOST_SECONDS = 1.0
SLOW = {"max_tokens": 4000, "logprobs": True, "top_logprobs": 20}


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("llamacpp", marks=pytest.mark.engine("llama-server"))],
)
def flock(request: pytest.FixtureRequest, models: dict[str, Path]) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        settings(flock, f"engine:\n  preferred: {request.param}\n")
        flock.ok("up")
        flock.ok("model", "add", f"file:{models['tiny-chat']}", "--name", "endless")
        assert [m["engine"] for m in flock.json("model", "ls")] == [f"{request.param}:endless"]
        yield flock
        flock.ok("up")  # after a test that failed it ends what that left over
        flock.ok("down", "--grace", "0")
        assert not flock.processes()


def gone(processes: list[psutil.Process]) -> bool:
    """Say whether none of these runs any more."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def end(engine: Slots) -> None:
    """Kill an engine and wait until its port is closed: threads of a process may outlive its first one by a moment."""
    engine.process.kill()

    def closed() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", engine.port)) != 0

    wait_for(lambda: gone([engine.process]) and closed(), "the engine is dead")


def kill(flock: Flock, victim: str) -> list[psutil.Process]:
    """Kill a victim and return the processes that must not be there after the next start."""
    daemon, engine = psutil.Process(flock.pid), slots(flock, "endless").process
    killed = {"daemon": [daemon], "engine": [engine], "both": [daemon, engine]}[victim]
    old = [daemon, *children(flock)] if victim != "engine" else [engine]
    if victim == "daemon":
        # a llama-server outlives its daemon, and the next one goes on with it: tests/engines/test_adoption.py
        old = [process for process in old if "llama-server" not in " ".join(command_line(process))]
    for process in killed:
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: gone(killed), "the victims are dead")
    return old


def serves_again(flock: Flock, old: list[psutil.Process]) -> None:
    """Start flock where it does not run; it must serve, with one engine, and nothing of before may be left."""
    flock.ok("up")
    wait_for(lambda: gone(old), "nothing is left over")
    told = ask(flock.port, flock.key, body("endless", stream=True, max_tokens=3))
    assert (told.status, told.done, told.clean) == (200, True, True)
    engines = [c for c in children(flock) if "endless" in " ".join(command_line(c))]
    assert len(engines) == 1
    assert running(flock) == 0


def honest(told: Told) -> bool:
    """Say whether a client can tell that its answer is not whole."""
    return not told.done and (bool(told.error) or not told.clean)


VICTIMS = ["daemon", "engine", "both"]


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_at_idle(flock: Flock, victim: str) -> None:
    assert ask(flock.port, flock.key, body("endless", max_tokens=1)).status == 200
    serves_again(flock, kill(flock, victim))


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_in_mid_stream(flock: Flock, victim: str) -> None:
    with contextlib.closing(Client(flock.port, flock.key)) as client:
        told = client.send(body("endless", stream=True, **SLOW)).head()
        client.until(b'"content"')
        old = kill(flock, victim)
        client.rest(told)
    assert honest(told)
    if victim == "engine":
        assert (told.status, told.clean, told.error["code"]) == (200, True, "upstream_error")
        row = usage(flock)[told.id]
        assert row["outcome"] == "partial"
        assert 0 < row["output_tokens"] < 4000
    else:
        assert not told.clean
    serves_again(flock, old)


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_under_64_streams(flock: Flock, victim: str) -> None:
    """Those that wait in flock when the engine dies are answered by the next one; those it had begun are told."""
    # with an engine the rest is served afterwards, which takes its time
    slow = {**SLOW, "max_tokens": 200} if victim == "engine" else SLOW
    with many(64, flock.port, flock.key) as clients:
        for client in clients:
            client.send(body("endless", stream=True, **slow))
        wait_for(lambda: running(flock) == 64, "64 streams run")
        wait_for(lambda: slots(flock, "endless").busy() > 1, "the engine works")
        wait_for(lambda: begun(flock), "an answer has begun, so that not all can be asked for again")
        old = kill(flock, victim)
        answers = [client.tell() for client in clients]
    for told in answers:
        if victim != "engine":
            assert honest(told), told
            continue
        assert told.clean
        assert told.done or told.error["code"] in ("upstream_error", "engine_unreachable")
        assert told.status in (200, 502)
    if victim == "engine":
        assert any(told.error for told in answers)
        assert any(told.done for told in answers)
        wait_for(lambda: running(flock) == 0, "every request has ended")
    serves_again(flock, old)


def begun(flock: Flock) -> bool:
    """Say whether the first words of an answer have gone out."""
    rows = call(flock.port, "GET", "/admin/v1/requests?running=true&limit=1000", flock.key).json
    return any(row["stage"] in ("generating", "sending") for row in rows)


def test_no_row_older_than_a_second_is_lost(models: dict[str, Path]) -> None:
    """Requests go on until the very moment of the kill; those that ended a second before are remembered."""
    with fake_upstream() as fake, flock_home(**environment()) as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        ended: dict[str, float] = {}
        first = time.monotonic()
        with contextlib.closing(Client(flock.port, flock.key)) as client:
            while time.monotonic() < first + LOST_SECONDS + 1.0:
                told = client.send(body("ok", stream=len(ended) % 2 == 0)).tell()
                ended[told.id] = time.monotonic()
            killed = time.monotonic()
            os.kill(flock.pid, signal.SIGKILL)
        flock.ok("up")
        rows = usage(flock)
        old = {request for request, at in ended.items() if at < killed - LOST_SECONDS}
        assert len(old) > 20
        assert not old - rows.keys()
        assert all(rows[request]["outcome"] == "ok" for request in old)
        # nothing half-written either: each row stands for a request that was answered
        assert rows.keys() <= ended.keys() or len(rows.keys() - ended.keys()) <= 1


def starts(flock: Flock, model: str) -> int:
    """Return how often the engine of a model has become ready."""
    return (flock.home / "logs/flock.log").read_text().count(f":{model}: ready on port")


@pytest.mark.parametrize("seen", ["at once", "when it is known"])
def test_fifty_requests_start_one_engine(flock: Flock, seen: str) -> None:
    ask(flock.port, flock.key, body("endless", max_tokens=1))
    before = starts(flock, "endless")

    def state() -> str:
        models = call(flock.port, "GET", "/admin/v1/models", flock.key).json
        return next(m["state"] for m in models if m["id"] == "endless")

    with many(50, flock.port, flock.key) as clients:
        end(slots(flock, "endless"))
        if seen == "when it is known":
            wait_for(lambda: state() in ("starting", "stopped"), "its end is known")
        for i, client in enumerate(clients):
            client.send(body("endless", stream=i % 2 == 0, max_tokens=2))
        answers = [client.tell() for client in clients]
    assert [told.status for told in answers] == [200] * 50
    assert all(told.clean and not told.error for told in answers)
    assert starts(flock, "endless") == before + 1
    assert len([c for c in children(flock) if "endless" in " ".join(command_line(c))]) == 1


def spoilt(path: Path, how: str) -> None:
    """Make a model file that was good useless."""
    data = path.read_bytes()
    path.write_bytes(b"\x00garbage" * 1000 if how == "garbage" else data.replace(b"llama", b"lhama"))


@pytest.mark.parametrize("how", ["garbage", "strange"])
def test_fifty_requests_to_an_engine_that_cannot_start(
    flock: Flock, models: dict[str, Path], tmp_path: Path, how: str
) -> None:
    """Garbage is refused before an engine is started, an architecture nobody has heard of by the engine itself."""
    name, path = f"spoilt-{how}", tmp_path / "model.gguf"
    good = models["tiny-script"].read_bytes()
    path.write_bytes(good)
    flock.ok("model", "add", f"file:{path}", "--name", name)
    spoilt(path, how)
    with many(50, flock.port, flock.key) as clients:
        end(slots(flock, name))
        for i, client in enumerate(clients):
            client.send(body(name, stream=i % 2 == 0))
        answers = [client.tell() for client in clients]
    for i, told in enumerate(answers):
        # a stream that waited for a second has its headers already
        assert told.status in ((503, 200) if i % 2 == 0 else (503,))
        assert (told.error["code"], told.clean) == ("engine_failed", True)
    said: list[dict[str, Any]] = [{k: v for k, v in told.error.items() if k != "request_id"} for told in answers]
    assert all(error == said[0] for error in said)
    assert said[0]["hint"]
    if how == "strange":
        assert any("unknown model architecture: 'lhama'" in line for line in said[0]["last_lines"])
        assert "unknown model architecture: 'lhama'" in said[0]["message"]
    else:
        assert str(path) in said[0]["message"] or path.name in said[0]["message"]
    assert not [c for c in children(flock) if name in " ".join(command_line(c))]
    # the file is whole again: once the back-off is over a request starts the engine
    path.write_bytes(good)
    wait_for(lambda: ask(flock.port, flock.key, body(name)).status == 200, "it serves again", 180)
    flock.ok("model", "remove", name, "--yes")
