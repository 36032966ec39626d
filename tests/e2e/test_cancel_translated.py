"""A client of another dialect that leaves stops the engine: a real engine, a model that never ends.

As in test_cancel.py the time from the close to the idle slot is the promise. A plain request is asked of the engine as
a stream and collected, so it stops as fast as a stream does.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.doors import MESSAGES_DOOR, RESPONSES_DOOR, Door
from tests.e2e.parts import Client, Slots, environment, running, settings, slots, usage
from tests.running import Flock, flock_home, wait_for

RUNS = 8
LONG = 4000
MEDIAN_SECONDS, EACH_SECONDS = 0.2, 1.0


@pytest.fixture(scope="module")
def flock(models: dict[str, Path]) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        settings(flock, "engine:\n  preferred: embedded\n")
        flock.ok("up")
        flock.ok("model", "add", f"file:{models['tiny-chat']}", "--name", "endless")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def engine(flock: Flock) -> Slots:
    return slots(flock, "endless")


def asked(door: Door, *, stream: bool, tokens: int = LONG) -> dict[str, object]:
    """Return a request for that many tokens."""
    name = "max_tokens" if door is MESSAGES_DOOR else "max_output_tokens"
    return door.body("endless", stream=stream) | {name: tokens}


def left(flock: Flock, engine: Slots, door: Door, how: str, *, stream: bool) -> float:
    """Leave a request in the middle; return the seconds until no slot works, having checked what is remembered."""
    client = Client(flock.port, flock.key)
    door.send(client, asked(door, stream=stream))
    if stream:
        client.head()
        client.until(b"delta")
    wait_for(lambda: engine.busy() == 1, "the engine works")
    start = time.perf_counter()
    getattr(client, how)()
    wait_for(lambda: engine.busy() == 0, "the engine has stopped")
    seconds = time.perf_counter() - start
    wait_for(lambda: running(flock) == 0, "the request has ended")
    newest = next(iter(usage(flock, 1).values()))
    assert (newest["outcome"], newest["stream"], newest["estimated"]) == ("cancelled", stream, True)
    assert newest["output_tokens"] < LONG
    assert not stream or newest["output_tokens"] > 0
    return seconds


@pytest.mark.alone
@pytest.mark.pitfall(77)
@pytest.mark.parametrize("door", [MESSAGES_DOOR, RESPONSES_DOOR], ids=["messages", "responses"])
@pytest.mark.parametrize(("stream", "how"), [(True, "close"), (True, "reset"), (False, "close")])
def test_leaving_stops_the_engine(flock: Flock, engine: Slots, door: Door, stream: bool, how: str) -> None:
    for last in (False, False, True):  # again where the machine was busy
        taken = sorted(left(flock, engine, door, how, stream=stream) for _ in range(RUNS))
        kept = taken[RUNS // 2] <= MEDIAN_SECONDS and taken[-1] <= EACH_SECONDS
        print(f"\n{door.name}, stream {stream}, {how}: median {taken[RUNS // 2]:.3f} s, worst {taken[-1]:.3f} s")
        assert kept or not last
        if kept:
            return


@pytest.mark.parametrize("door", [MESSAGES_DOOR, RESPONSES_DOOR], ids=["messages", "responses"])
def test_a_slot_that_was_left_serves_the_next(flock: Flock, engine: Slots, door: Door) -> None:
    for stream in (True, False) * 4:
        with closing(Client(flock.port, flock.key)) as client:
            door.send(client, asked(door, stream=stream))
            wait_for(lambda: engine.busy() >= 1, "the engine works")
    told = door.ask(flock, asked(door, stream=False, tokens=3))
    assert told.status == 200, told.body
    assert told.json["usage"]["output_tokens"] == 3
    wait_for(lambda: engine.busy() == 0, "the engine is idle")
    assert running(flock) == 0
