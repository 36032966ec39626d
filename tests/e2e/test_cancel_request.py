"""`flock request cancel`: a request that prefills or streams ends with an error its client understands."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.doors import CHAT_DOOR, MESSAGES_DOOR, RESPONSES_DOOR, Door
from tests.e2e.parts import Client, Told, environment, explained, seen
from tests.running import Flock, fake_upstream, flock_home, wait_for


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with fake_upstream() as port:
        yield port


@pytest.fixture(scope="module")
def flock(upstream: int) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def cancelled(flock: Flock, client: Client, stage: str) -> tuple[str, Told]:
    """Cancel the one request that runs, in its stage, and return its id and what its client was told."""

    def there() -> str:
        rows = flock.json("request", "ls", "--running")
        return rows[0]["id"] if rows and rows[0]["stage"] == stage else ""

    request = wait_for(there, f"the request is {stage}")
    row = flock.json("request", "cancel", request)
    assert (row["id"], row["stage"]) == (request, stage)
    with closing(client):
        return request, client.tell()


@pytest.mark.parametrize("door", [CHAT_DOOR, MESSAGES_DOOR, RESPONSES_DOOR], ids=lambda door: door.name)
def test_a_stream_ends_with_the_dialects_error(door: Door, flock: Flock, upstream: int) -> None:
    before = seen(upstream)["closed_early"]
    client = Client(flock.port, flock.key)
    door.send(client, door.body("waits-midway", stream=True))
    request, told = cancelled(flock, client, "generating")
    assert "the request was cancelled by" in door.failure(told).words
    record = explained(flock, request)
    assert (record["outcome"], record["error"]) == ("partial", "cancelled")
    assert any(note.startswith("cancelled by ") for note in record["notes"])
    # the engine need not go on for nobody
    wait_for(lambda: seen(upstream)["closed_early"] > before, "the engine's connection was closed")
    assert flock.run("request", "cancel", request).returncode == 1


@pytest.mark.parametrize("door", [CHAT_DOOR, MESSAGES_DOOR, RESPONSES_DOOR], ids=lambda door: door.name)
def test_a_request_that_has_no_answer_yet_ends_with_a_status(door: Door, flock: Flock) -> None:
    client = Client(flock.port, flock.key)
    door.send(client, door.body("waits"))
    request, told = cancelled(flock, client, "prefilling")
    assert told.status == 499
    assert "the request was cancelled by" in told.json["error"]["message"]
    record = explained(flock, request)
    assert (record["outcome"], record["error"], record["status"]) == ("error", "cancelled", 499)
