"""A client that leaves stops the engine: a real engine, a model that never ends, every way a client can go.

The one place where a time is the promise: from the close to the idle slot 200 ms (the median of twenty, and a second
for each, since other processes share the machine). The figures are printed. A request that is not streamed stops when
the engine looks for closed connections, which llama.cpp then does once a second at best; that flock closes its own at
once is shown in test_streams.py.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.parts import Client, Slots, ask, body, environment, explained, running, settings, slots, usage
from tests.running import Flock, flock_home, wait_for

RUNS = 20
LONG = 4000
# 4000 tokens of the tiny model take less than two seconds; with the twenty likeliest at each they take ten
SLOW = {"max_tokens": LONG, "logprobs": True, "top_logprobs": 20}
MEDIAN_SECONDS, EACH_SECONDS = 0.2, 1.0

# a program that reads a stream until it is killed
READER = """
import http.client, os, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
key = {"Authorization": "Bearer " + os.environ["KEY"]}
connection.request("POST", "/v1/chat/completions", sys.stdin.buffer.read(), key)
response = connection.getresponse()
print(response.headers["X-Flock-Request-Id"], flush=True)
while response.read1(100):
    pass
"""


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
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def engine(flock: Flock) -> Slots:
    return slots(flock, "endless")


def idle_after(engine: Slots, leave: Callable[[], None]) -> float:
    """Return the seconds from the moment a client leaves until no slot works."""
    start = time.perf_counter()
    leave()
    wait_for(lambda: engine.busy() == 0, "the engine has stopped")
    return time.perf_counter() - start


def promised(what: str, run: Callable[[], float]) -> None:
    """Run a way of leaving twenty times and hold the figures against the promise; again where the machine was busy."""
    for last in (False, False, True):
        millis = sorted(1000 * run() for _ in range(RUNS))
        median, worst = statistics.median(millis), millis[-1]
        print(f"\n{what}: close to idle over {RUNS} runs: median {median:.0f} ms, worst {worst:.0f} ms")
        kept = median <= 1000 * MEDIAN_SECONDS and worst <= 1000 * EACH_SECONDS
        assert kept or not last
        if kept:
            return


def stopped(flock: Flock, request_id: str) -> None:
    """Check what is remembered of a stream that was left: it was cut, and what it cost is known."""
    found = explained(flock, request_id)
    assert found["outcome"] == "cancelled"
    row = usage(flock, 200)[request_id]
    assert 0 < row["output_tokens"] < LONG
    assert (row["outcome"], row["estimated"]) == ("cancelled", True)


@pytest.mark.alone
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_closed_connection_stops_the_engine(flock: Flock, engine: Slots, how: str) -> None:
    def run() -> float:
        client = Client(flock.port, flock.key)
        told = client.send(body("endless", stream=True, **SLOW)).head()
        client.until(b'"content"')
        wait_for(lambda: engine.busy() == 1, "the engine works")
        seconds = idle_after(engine, getattr(client, how))
        stopped(flock, told.id)
        return seconds

    promised(how, run)
    assert running(flock) == 0


def test_a_killed_client_stops_the_engine(flock: Flock, engine: Slots) -> None:
    request = json.dumps(body("endless", stream=True, **SLOW))

    def run() -> float:
        with subprocess.Popen(
            [sys.executable, "-P", "-S", "-c", READER, str(flock.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"KEY": flock.key, "PATH": os.environ["PATH"]},
        ) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            reader.stdin.write(request.encode())
            reader.stdin.close()
            request_id = reader.stdout.readline().decode().strip()
            wait_for(lambda: engine.busy() == 1, "the engine works")
            seconds = idle_after(engine, lambda: reader.send_signal(signal.SIGKILL))
        stopped(flock, request_id)
        return seconds

    promised("kill -9", run)


@pytest.mark.parametrize("asked", [{}, {"stream_options": {"include_usage": True}}])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_after_the_terminal_event_is_a_success(flock: Flock, how: str, asked: dict[str, object]) -> None:
    for _ in range(RUNS):
        client = Client(flock.port, flock.key)
        told = client.send(body("endless", stream=True, max_tokens=3, **asked)).head()
        client.until(b"data: [DONE]")
        getattr(client, how)()
        assert explained(flock, told.id)["outcome"] == "ok"
        row = usage(flock, 200)[told.id]
        assert (row["output_tokens"], row["estimated"], row["status"]) == (3, False, 200)


def test_a_slot_that_was_left_serves_the_next(flock: Flock, engine: Slots) -> None:
    """More clients come and go than there are slots."""
    for _ in range(12):
        with closing(Client(flock.port, flock.key)) as client:
            client.send(body("endless", stream=True, **SLOW)).head()
    told = ask(flock.port, flock.key, body("endless", stream=True, max_tokens=3))
    assert told.done
    wait_for(lambda: engine.busy() == 0, "the engine is idle")
    assert running(flock) == 0
