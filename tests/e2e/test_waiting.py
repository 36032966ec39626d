"""Requests that wait for a model: kept warm in their dialect, seen in the queue, leaving it, sent away, tried again.

The engine is a real llama-server that does not begin to load before it is told to.
"""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.parts import CHAT, Client, Told, ask, body, call, children, environment, explained
from tests.models.make import SENTENCE
from tests.running import Flock, flock_home, llama_server, wait_for

FIRST_TOKEN = 10
pytestmark = pytest.mark.engine("llama-server")
HOLD = """#!/bin/sh
case "$1" in --version|--help) exec {real} "$@";; esac
while [ ! -e {gate} ]; do sleep 0.05; done
exec {real} "$@"
"""
MESSAGES = {"model": "held", "max_tokens": 50, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
# dialect → path, body, what the client is kept waiting with, what its stream ends with
DIALECTS: dict[str, tuple[str, Any, bytes, bytes]] = {
    "openai": (CHAT, body("held", stream=True), b"\n: ", b"data: [DONE]"),
    "anthropic": ("/v1/messages", MESSAGES, b"event: ping", b"event: message_stop"),
    "responses": ("/v1/responses", {"model": "held", "input": "hi", "stream": True}, b": ", b"response.completed"),
    "gemini": ("/v1beta/models/held:streamGenerateContent?alt=sse", GEMINI, b"\n\n", b'"finishReason"'),
    "gemini-array": ("/v1beta/models/held:streamGenerateContent", GEMINI, b"\n", b'"finishReason"'),
    "ollama": ("/api/chat", {"model": "held", "messages": MESSAGES["messages"]}, b" ", b'"done":true'),
}


class Gate:
    """Whether the engine may load."""

    def __init__(self, place: Path) -> None:
        self.path = place / "gate"

    def open(self) -> None:
        self.path.touch()

    def shut(self) -> None:
        self.path.unlink(missing_ok=True)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def flock(tmp_path: Path, models: dict[str, Path], gate: Gate) -> Iterator[Flock]:
    """A flock with a model `held` whose load waits for the gate, which is shut."""
    real = llama_server()
    assert real is not None
    program = tmp_path / "bin" / "llama-server"
    program.parent.mkdir()
    program.write_text(HOLD.format(real=real, gate=gate.path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    inherited = environment()
    inherited["PATH"] = f"{program.parent}{os.pathsep}{inherited['PATH']}"
    with flock_home(**inherited, FLOCK_ENGINE="llamacpp") as flock:
        # for an engine that was asked nobody waits longer than that; for one that loads everybody does
        for name, value in (("keepalive", 1), ("first_token", FIRST_TOKEN)):
            flock.ok("config", "set", f"gateway.{name}_seconds", str(value))
        gate.open()
        flock.ok("up")
        flock.ok("model", "add", f"file:{models['tiny-script']}", "--name", "held", "--no-load")
        flock.ok("down")
        gate.shut()
        flock.ok("up")
        yield flock
        gate.open()
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def waiters(flock: Flock) -> list[dict[str, Any]]:
    """Return the requests that wait; the daemon itself waits too, for the default model."""
    waiting = call(flock.port, "GET", "/admin/v1/queue", flock.key).json["waiting"]
    return [waiter for waiter in waiting if waiter["request_id"]]


def test_streams_are_kept_warm_in_their_dialect_while_the_model_loads(flock: Flock, gate: Gate) -> None:
    clients = {name: Client(flock.port, flock.key) for name in DIALECTS}
    told: dict[str, Told] = {}
    for name, client in clients.items():
        path, sent, _, _ = DIALECTS[name]
        client.send(sent, path)
    for name, client in clients.items():
        told[name] = client.head()
        assert told[name].status == 200
        assert int(told[name].headers["x-flock-queue-position"]) >= 1
    # one a second: longer than an engine that was asked may be silent
    for name in [name for _ in range(FIRST_TOKEN + 2) for name in DIALECTS]:
        told[name].body += clients[name].until(DIALECTS[name][2])
    gate.open()
    for name, client in clients.items():
        client.rest(told[name])
        assert told[name].clean, name
        assert DIALECTS[name][3] in told[name].body.replace(b'": ', b'":'), (name, told[name].body)
        client.close()
    words = told["openai"].body
    assert b": loading held" in words or b": waiting for held" in words
    assert told["openai"].text == SENTENCE
    assert len(children(flock)) == 1


def test_a_whole_answer_tells_how_long_it_waited(flock: Flock, gate: Gate) -> None:
    with closing(Client(flock.port, flock.key)) as client:
        client.send(body("held"))
        (waiter,) = wait_for(lambda: waiters(flock), "it waits")
        assert (waiter["model"], waiter["position"], waiter["user"]) == ("held", 1, "admin")
        assert waiter["why"].startswith("loading held")
        assert "loading held" in flock.ok("queue")
        gate.open()
        told = client.tell()
    assert (told.status, told.json["choices"][0]["message"]["content"]) == (200, SENTENCE)
    assert told.headers["x-flock-queue-position"] == "1"
    assert float(told.headers["x-flock-queue-seconds"]) > 0
    why = explained(flock, told.id)
    assert why["notes"][-1].startswith("waited ")
    assert ask(flock.port, flock.key, body("held")).headers.keys() & {"x-flock-queue-position"} == set()


def test_who_leaves_is_no_longer_in_the_queue(flock: Flock, gate: Gate) -> None:
    stays, leaves = Client(flock.port, flock.key), Client(flock.port, flock.key)
    leaves.send(body("held", stream=True))
    wait_for(lambda: len(waiters(flock)) == 1, "the first waits")
    stays.send(body("held"))
    wait_for(lambda: len(waiters(flock)) == 2, "both wait")
    leaves.close()
    (left,) = wait_for(lambda: found if len(found := waiters(flock)) == 1 else None, "one has left")
    assert left["position"] == 1
    gate.open()
    assert stays.tell().status == 200
    stays.close()


def test_the_queue_has_an_end(flock: Flock, gate: Gate) -> None:
    flock.ok("down")
    flock.ok("config", "set", "loading.queue_limit", "2")
    flock.ok("up")
    clients = [Client(flock.port, flock.key).send(body("held")) for _ in range(2)]
    wait_for(lambda: len(waiters(flock)) == 2, "two wait")
    told = ask(flock.port, flock.key, body("held"))
    assert (told.status, told.error["code"]) == (429, "engine_busy")
    assert int(told.headers["retry-after"]) >= 1
    gate.open()
    for client in clients:
        assert client.tell().status == 200
        client.close()


def test_going_down_sends_away_who_waits(flock: Flock, gate: Gate) -> None:
    whole, stream = Client(flock.port, flock.key), Client(flock.port, flock.key)
    whole.send(body("held"))
    told = stream.send(body("held", stream=True)).head()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "flock", "down", "--grace", "0"], env=flock.environment, stdout=subprocess.DEVNULL
    ) as down:
        assert whole.tell().error["code"] == "draining"
        stream.rest(told)
        assert (told.done, told.error["code"]) == (False, "draining")
        assert down.wait() == 0
    whole.close()
    stream.close()


def test_a_request_whose_engine_is_killed_before_its_first_byte_is_served_by_the_next(flock: Flock, gate: Gate) -> None:
    gate.open()
    assert ask(flock.port, flock.key, body("held")).status == 200
    (engine,) = children(flock)
    # it hangs, so that the request is with it and no byte has come back when it is killed
    engine.send_signal(signal.SIGSTOP)
    with closing(Client(flock.port, flock.key)) as client:
        client.send(body("held"))

        def sent() -> bool:
            rows = call(flock.port, "GET", "/admin/v1/requests?running=true", flock.key).json
            return any(row["stage"] == "prefilling" for row in rows)

        wait_for(sent, "the request is with the engine")
        engine.kill()
        told = client.tell()
    assert told.status == 200, (told.body, explained(flock, told.id))
    assert told.json["choices"][0]["message"]["content"] == SENTENCE
    why = explained(flock, told.id)
    assert [attempt["status"] for attempt in why["attempts"]] == [0, 200]
    assert (children(flock)[0].pid) != engine.pid
