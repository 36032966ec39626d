"""How streams wait, break, stall and are left at every door in front of one chat engine with faults.

At the chat door a relay is tested beside the translations: what holds for one holds for all. Which words and statuses
refusals have is in test_translated_answers.py.
"""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import closing

import psutil
import pytest

from tests.e2e.doors import DOORS, MESSAGES_DOOR, THINKS, TRANSLATED, Door
from tests.e2e.parts import Client, Told, call, environment, explained, running, seen, serves, settings, usage
from tests.running import Flock, fake_upstream, flock_home, wait_for

TEXT = "Hello wörld!"


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with fake_upstream("--also", THINKS) as port:
        yield port


def in_front_of(upstream: int, text: str) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        settings(flock, text)
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def flock(upstream: int) -> Iterator[Flock]:
    """A flock that says every half second that it is there."""
    yield from in_front_of(upstream, "gateway:\n  keepalive_seconds: 0.5\n")


@pytest.fixture(scope="module")
def strict(upstream: int) -> Iterator[Flock]:
    """A flock of little patience."""
    words = "gateway:\n  first_token_seconds: 1.5\n  stall_seconds: 1\n  keepalive_seconds: 0.3\n"
    yield from in_front_of(upstream, words)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


@pytest.fixture(params=TRANSLATED)
def translated(request: pytest.FixtureRequest) -> Door:
    return TRANSLATED[request.param]


either_way = pytest.mark.parametrize("stream", [False, True])


# -- waiting: requests at every door at the same time, so that no test waits twice

SIGN = {"anthropic": b'event: ping\ndata: {"type": "ping"}\n\n'}


def after_a_sign(flock: Flock, upstream: int, model: str) -> dict[Door, Told]:
    """Return each door's stream of a model that waits, until two signs of life have come and somebody says go."""
    with contextlib.ExitStack() as stack:
        clients = {door: stack.enter_context(closing(Client(flock.port, flock.key))) for door in DOORS.values()}
        for door, client in clients.items():
            door.send(client, door.body(model, stream=True))
        found = {door: client.head() for door, client in clients.items()}
        for door, told in found.items():
            assert (told.status, told.headers["x-flock-request-id"][:4]) == (200, "req_")
            sign = SIGN.get(door.kind, b": keep-alive\n\n")
            told.body += clients[door].until(sign)
            assert told.body.startswith(sign)
            told.body += clients[door].until(sign)
        call(upstream, "GET", "/go")
        return {door: clients[door].rest(told) for door, told in found.items()}


@pytest.mark.pitfall(73)
@pytest.mark.parametrize("model", ["waits", "waits-json"])
def test_signs_of_life_come_before_the_first_word(flock: Flock, upstream: int, model: str) -> None:
    for door, told in after_a_sign(flock, upstream, model).items():
        assert door.text(told) == TEXT
        row = usage(flock)[told.id]
        assert (row["outcome"], row["status"], row["output_tokens"]) == ("ok", 200, 5)


KINDS = {
    "waits-500": ("upstream_error", "api_error", "server_error"),
    "waits-400": ("engine_refused", "invalid_request_error", "invalid_prompt"),
    "waits-full": ("context_length_exceeded", "invalid_request_error", "context_length_exceeded"),
}


@pytest.mark.pitfall(62)
@pytest.mark.pitfall(73)
@pytest.mark.parametrize("model", KINDS)
def test_an_error_behind_a_sign_of_life_travels_in_the_stream(flock: Flock, upstream: int, model: str) -> None:
    chat, anthropic, responses = KINDS[model]
    for door, told in after_a_sign(flock, upstream, model).items():
        failure = door.failure(told)
        assert failure.kind == {"anthropic": anthropic, "responses": responses}.get(door.kind, chat)
        if model == "waits-full" and door is MESSAGES_DOOR:
            assert failure.words == "prompt is too long: 36019 tokens > 1024 maximum"
        found = explained(flock, told.id)
        assert (found["outcome"], found["error"], found["status"]) == ("error", chat, 200)


@pytest.mark.pitfall(73)
def test_signs_of_life_come_in_the_middle_too(flock: Flock, upstream: int, translated: Door) -> None:
    sign = SIGN.get(translated.kind, b": keep-alive\n\n")
    with closing(Client(flock.port, flock.key)) as client:
        told = translated.send(client, translated.body("waits-midway", stream=True)).head()
        told.body += client.until(sign)
        call(upstream, "GET", "/go")
        client.rest(told)
    assert translated.text(told) == "Hel"


# -- patience


def both_ways(flock: Flock, model: str, doors: Iterable[Door]) -> list[tuple[Door, bool, Told]]:
    """Return what every door answers for a model, streamed and in one piece."""
    with contextlib.ExitStack() as stack:
        asked = [
            (door, stream, stack.enter_context(closing(Client(flock.port, flock.key))))
            for door in doors
            for stream in (False, True)
        ]
        for door, stream, client in asked:
            door.send(client, door.body(model, stream=stream))
        return [(door, stream, client.tell()) for door, stream, client in asked]


STALLED = {"anthropic": "timeout_error", "responses": "server_error"}


@pytest.mark.parametrize("model", ["silent", "comments"])
def test_an_engine_that_never_begins_is_given_up(strict: Flock, upstream: int, model: str) -> None:
    before = seen(upstream)["closed_early"]
    answers = both_ways(strict, model, TRANSLATED.values())
    for door, stream, told in answers:
        if stream:
            assert door.failure(told).kind == STALLED.get(door.kind, "upstream_stalled")
        else:
            assert "first_token_seconds" in told.body.decode()
            door.refused(told, 504, "upstream_stalled")
        found, row = explained(strict, told.id), usage(strict)[told.id]
        assert (found["error"], row["outcome"], row["output_tokens"]) == ("upstream_stalled", "error", 0)
    wait_for(lambda: seen(upstream)["closed_early"] == before + len(answers), "the engine is told to stop")


def test_an_engine_that_falls_silent_in_mid_answer_is_given_up(strict: Flock, upstream: int) -> None:
    before = seen(upstream)["closed_early"]
    answers = both_ways(strict, "stalls", TRANSLATED.values())
    for door, stream, told in answers:
        if stream:
            assert door.failure(told).kind == STALLED.get(door.kind, "upstream_stalled")
        else:
            door.refused(told, 504, "upstream_stalled")
        row = usage(strict)[told.id]
        # what came has been paid for, also where nobody was told of it
        assert (row["output_tokens"], row["estimated"]) == (2, True)
        assert row["outcome"] == ("partial" if stream else "error")
    wait_for(lambda: seen(upstream)["closed_early"] == before + len(answers), "the engine is told to stop")


def test_who_has_said_all_and_does_not_end_has_answered(strict: Flock, upstream: int) -> None:
    """A relay is given up at the stall's limit: its client has heard the end."""
    for door, stream, told in both_ways(strict, "says-done-and-stays", DOORS.values()):
        if stream:
            assert door.text(told) == TEXT
            row = usage(strict)[told.id]
            assert (row["outcome"], row["output_tokens"], row["estimated"]) == ("ok", 5, False)


def test_who_has_said_all_is_not_waited_for(flock: Flock, upstream: int) -> None:
    """The limits of this flock are minutes."""
    before = seen(upstream)["closed_early"]
    answers = both_ways(flock, "says-done-and-stays", TRANSLATED.values())
    for door, _, told in answers:
        assert door.text(told) == TEXT
        row = usage(flock)[told.id]
        assert (row["outcome"], row["output_tokens"], row["estimated"]) == ("ok", 5, False)
    wait_for(lambda: seen(upstream)["closed_early"] == before + len(answers), "the connections are closed")


def test_a_client_that_reads_nothing_is_not_the_engines_fault(strict: Flock) -> None:
    for door in TRANSLATED.values():
        with closing(Client(strict.port, strict.key, 4096)) as client:
            told = door.send(client, door.body("flood", stream=True)).head()
            found = explained(strict, told.id)
        assert found["error"] == "cancelled"


# -- what breaks


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("model", ["dies-midway", "ends-early", "dies-in-frame", "says-done"])
def test_broken_midway_is_the_doors_own_error_and_never_an_end(flock: Flock, translated: Door, model: str) -> None:
    told = translated.ask(flock, translated.body(model, stream=True))
    assert "broke off" in translated.failure(told).words
    found, row = explained(flock, told.id), usage(flock)[told.id]
    assert (row["outcome"], row["status"], row["estimated"]) == ("partial", 200, True)
    assert row["output_tokens"] in {"says-done": (1,), "dies-in-frame": (2, 3)}.get(model, (3,))
    assert (found["error"], found["attempts"][0]["status"]) == ("upstream_error", 200)


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("model", ["dies-midway", "ends-early", "dies-in-frame", "says-done", "error-midway"])
def test_broken_midway_is_a_status_where_nothing_has_gone_out(flock: Flock, translated: Door, model: str) -> None:
    told = translated.ask(flock, translated.body(model))
    lost = model in ("dies-midway", "dies-in-frame", "says-done")
    translated.refused(told, 502, "engine_unreachable" if lost else "upstream_error")
    row = usage(flock)[told.id]
    assert (row["outcome"], row["estimated"]) == ("error", True)
    assert row["output_tokens"] > 0


@pytest.mark.parametrize(("model", "text"), [("dies-after-done", ""), ("ends-without-done", "Hello wör")])
def test_an_engine_that_dies_when_all_is_said_has_answered(
    flock: Flock, translated: Door, model: str, text: str
) -> None:
    told = translated.ask(flock, translated.body(model, stream=True))
    assert translated.text(told) == text
    assert usage(flock)[told.id]["outcome"] == "ok"


def test_a_connection_serves_on_after_every_kind_of_end(flock: Flock, door: Door) -> None:
    with closing(Client(flock.port, flock.key)) as client:
        for model in ("status-500", "dies-midway", "ok", "dies-in-frame", "error-first", "full-vllm", "ok"):
            for stream in (True, False):
                told = door.send(client, door.body(model, stream=stream)).tell()
                assert told.clean
                if model == "ok":
                    assert door.text(told) == TEXT


# -- who ends it


def test_a_key_that_is_revoked_in_mid_stream(flock: Flock, upstream: int, door: Door) -> None:
    before = seen(upstream)["closed_early"]
    made = flock.json("token", "create", f"for-{door.name}")
    with closing(Client(flock.port, made["token"])) as client:
        told = door.send(client, door.body("stalls", stream=True)).head()
        told.body += client.until(b"Hel")
        flock.ok("token", "revoke", made["id"])
        client.rest(told)
    failure = door.failure(told)
    assert failure.kind == {"anthropic": "authentication_error", "responses": "server_error"}.get(
        door.kind, "key_revoked"
    )
    wait_for(lambda: seen(upstream)["closed_early"] > before, "the engine is told to stop")
    assert (usage(flock)[told.id]["outcome"], explained(flock, told.id)["error"]) == ("partial", "key_revoked")


@pytest.mark.pitfall(77)
@pytest.mark.parametrize(
    ("model", "how"), [("waits", "close"), ("silent", "reset"), ("stalls", "close"), ("stalls", "reset")]
)
@either_way
def test_a_client_that_leaves_closes_the_engines_connection(
    flock: Flock, upstream: int, translated: Door, model: str, stream: bool, how: str
) -> None:
    """A plain request is a stream towards the engine, so leaving closes it in the middle as well."""
    before = seen(upstream)
    client = translated.send(Client(flock.port, flock.key), translated.body(model, stream=stream))

    def works() -> bool:
        # an engine that is not known to cancel is asked for a token once its client has left: that names no stream
        now = seen(upstream)
        return now["requests"] > before["requests"] and now["bodies"][0].get("stream") is True

    wait_for(works, "the engine works, and streams")
    midway = model == "stalls"
    if midway and stream:
        client.head()
        client.until(b"Hel")
    getattr(client, how)()
    wait_for(lambda: seen(upstream)["closed_early"] > before["closed_early"], "the engine is told to stop")
    wait_for(lambda: running(flock) == 0, "the request has ended")
    newest = next(iter(usage(flock, 1).values()))
    assert (newest["outcome"], newest["stream"]) == ("cancelled", stream)
    assert newest["status"] == (200 if midway and stream else 499)


ENDS = {"anthropic": b"message_stop", "responses": b'"status":"completed"', "openai": b"[DONE]"}


@pytest.mark.parametrize("how", ["close", "reset"])
def test_leaving_right_after_the_end_is_a_success(flock: Flock, translated: Door, how: str) -> None:
    for _ in range(5):
        client = Client(flock.port, flock.key)
        told = translated.send(client, translated.body(stream=True)).head()
        client.until(ENDS[translated.kind])
        getattr(client, how)()
        assert explained(flock, told.id)["outcome"] == "ok"
        row = usage(flock)[told.id]
        assert (row["output_tokens"], row["estimated"], row["status"]) == (5, False, 200)


# -- pace


@pytest.mark.parametrize("model", ["flood", "floods-at-once", "floods-arguments"])
def test_a_client_that_stops_reading_stops_the_engine(
    flock: Flock, upstream: int, translated: Door, model: str
) -> None:
    daemon = psutil.Process(flock.pid)
    before, closed = daemon.memory_info().rss, seen(upstream)["closed_early"]
    with closing(Client(flock.port, flock.key, 4096)) as client:
        told = translated.send(client, translated.body(model, stream=True)).head()
        readings: list[int] = []

        def still() -> bool:
            readings.append(seen(upstream)["flooded"])
            return len(readings) > 20 and len(set(readings[-20:])) == 1

        wait_for(still, "the engine can send no more")
        assert daemon.memory_info().rss - before < 20e6
        assert client.until(b"x" * 100)
        read = 0
        assert client.response is not None
        while read < 10_000_000:
            read += len(client.response.read1(1 << 20))
        wait_for(lambda: seen(upstream)["flooded"] > readings[-1], "the engine goes on")
        client.reset()
    wait_for(lambda: seen(upstream)["closed_early"] > closed, "the engine is told to stop")
    assert explained(flock, told.id)["outcome"] == "cancelled"
    assert (running(flock), serves(flock)) == (0, True)
