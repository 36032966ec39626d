"""`flock down` while requests run: they may end, or are told so; new ones are sent away."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.parts import Client, Told, ask, body, call, environment, seen, usage
from tests.running import Flock, running_flock, wait_for


@pytest.fixture
def flock(fake: int) -> Iterator[Flock]:
    with running_flock(**environment()) as flock:
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        yield flock


def start_down(flock: Flock, grace: str) -> "subprocess.Popen[str]":
    """Run `flock down` beside us."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "flock", "down", "--grace", grace],
        env=flock.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def draining(flock: Flock) -> bool:
    return call(flock.port, "GET", "/readyz").json["status"] == "draining"


def test_a_stream_ends_within_the_grace_and_new_requests_are_sent_away(flock: Flock, fake: int) -> None:
    with closing(Client(flock.port, flock.key)) as client:
        told = client.send(body("waits-midway", stream=True)).head()
        with start_down(flock, "60") as down:
            wait_for(lambda: draining(flock), "it drains")
            for stream in (True, False):
                refused = ask(flock.port, flock.key, body("ok", stream=stream))
                assert (refused.status, refused.error["code"]) == (503, "draining")
                assert int(refused.headers["retry-after"]) > 0
            # what only looks still works
            assert call(flock.port, "GET", "/v1/models", flock.key).status == 200
            call(fake, "GET", "/go")
            client.rest(told)
            assert down.wait() == 0
    assert (told.done, told.clean, told.error) == (True, True, {})
    flock.ok("up")
    assert usage(flock)[told.id]["outcome"] == "ok"


@pytest.mark.parametrize("model", ["stalls", "silent"])
def test_after_the_grace_a_stream_is_told(flock: Flock, fake: int, model: str) -> None:
    closed = seen(fake)["closed_early"]
    with closing(Client(flock.port, flock.key)) as client:
        told = client.send(body(model, stream=True)).head()
        assert "stopped" in flock.ok("down", "--grace", "0")
        client.rest(told)
    assert (told.status, told.done, told.clean, told.error["code"]) == (200, False, True, "draining")
    assert seen(fake)["closed_early"] == closed + 1
    flock.ok("up")
    assert usage(flock)[told.id]["outcome"] == ("partial" if model == "stalls" else "error")


def test_after_the_grace_a_plain_request_is_told(flock: Flock, fake: int) -> None:
    before = seen(fake)["requests"]
    with closing(Client(flock.port, flock.key)) as client:
        client.send(body("waits"))
        wait_for(lambda: seen(fake)["requests"] > before, "the engine works")
        flock.ok("down", "--grace", "0")
        told: Told = client.tell()
    assert (told.status, told.error["code"], told.headers["retry-after"]) == (503, "draining", "2")


def test_a_client_that_does_not_read_holds_nobody_up(flock: Flock, fake: int) -> None:
    with closing(Client(flock.port, flock.key, receive_buffer=4096)) as client:
        client.send(body("flood", stream=True)).head()
        flock.ok("down", "--grace", "0")
        assert not flock.processes()
