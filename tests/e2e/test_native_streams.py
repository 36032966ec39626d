"""An engine that speaks every dialect itself: its streams are passed on as they come, and flock knows how they ended.

The engine is tests/fakes/scripted.py; a file of the user's catalog says what it speaks. How translations of the same
behave is in test_translated_streams.py.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.e2e.doors import CHAT_DOOR, MESSAGES_DOOR, RESPONSES_DOOR, Door
from tests.e2e.parts import USAGE, Client, Told, ask, call, environment, explained, running, seen, settings, usage
from tests.running import ROOT, Flock, flock_home, wait_for

NATIVE = "openai: {title: all, dialects: [openai, anthropic, responses]}\n"
NATIVE_DOORS = {door.name: door for door in (CHAT_DOOR, MESSAGES_DOOR, RESPONSES_DOOR)}


@pytest.fixture(scope="module")
def engine() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.fakes.scripted", "--dialects", "chat,anthropic,responses", "--tokens", "40"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().split()[1])
        process.kill()


@pytest.fixture(scope="module")
def flock(engine: int) -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        settings(flock, 'router:\n  aliases: "mine=scripted"\n')
        (flock.home / "catalog").mkdir(parents=True)
        (flock.home / "catalog/engines.yaml").write_text(NATIVE)
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "native")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(scope="module")
def foreign(engine: int) -> Iterator[Flock]:
    """A flock whose engine speaks Anthropic's dialect alone."""
    with flock_home(**environment()) as flock:
        (flock.home / "catalog").mkdir(parents=True)
        (flock.home / "catalog/engines.yaml").write_text("openai: {title: another, dialects: [anthropic]}\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "foreign")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(params=NATIVE_DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return NATIVE_DOORS[request.param]


def body(door: Door, model: str, *, stream: bool = True, **fields: Any) -> dict[str, Any]:
    """Return a request; a chat stream asks for its usage, so that nothing is withheld."""
    return door.body(model, stream=stream, **(USAGE if door is CHAT_DOOR and stream else {}), **fields)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_the_engines_byte_by_byte(flock: Flock, engine: int, door: Door, stream: bool) -> None:
    request = body(door, "scripted", stream=stream, unknown={"a": [None]})
    through, direct = door.ask(flock, request), ask(engine, "", request, door.path)
    assert through.body == direct.body
    assert (through.status, through.clean, through.headers["x-flock-path"]) == (200, True, "relay")
    row = usage(flock)[through.id]
    assert (row["outcome"], row["estimated"]) == ("ok", False)
    assert row["input_tokens"] > 0
    assert row["output_tokens"] > 0


@pytest.mark.pitfall(79)
@pytest.mark.parametrize("stream", [False, True])
def test_an_alias_is_all_that_changes(flock: Flock, engine: int, door: Door, stream: bool) -> None:
    through = door.ask(flock, body(door, "mine", stream=stream))
    direct = ask(engine, "", body(door, "scripted", stream=stream), door.path)
    assert door.model_of(through) == "mine"
    assert (through.headers["x-flock-model"], through.headers["x-flock-path"]) == ("scripted", "splice")
    assert _plain(through.body).replace(b'"mine"', b'"scripted"') == _plain(direct.body)


def _plain(answer: bytes) -> bytes:
    """Return an answer without the spaces that a dump may or may not have."""
    return answer.replace(b'": ', b'":').replace(b", ", b",")


def test_a_refusal_is_the_engines_own(flock: Flock, engine: int, door: Door) -> None:
    for stream in (False, True):
        request = body(door, "scripted-refuses", stream=stream)
        through, direct = door.ask(flock, request), ask(engine, "", request, door.path)
        assert (through.status, through.body) == (400, direct.body)
        assert usage(flock)[through.id]["outcome"] == "error"


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
def test_a_stream_that_breaks_ends_in_the_dialects_error(flock: Flock, engine: int, door: Door) -> None:
    call(engine, "GET", "/arm")
    told = door.ask(flock, body(door, "scripted-cut"))
    assert (told.status, told.clean) == (200, True)
    events = [json.loads(event) for event in told.events if event != b"[DONE]"]
    if door is RESPONSES_DOOR:  # the library takes a failure only of the response that has begun
        assert events[-1]["type"] == "response.failed"
        assert events[-1]["response"]["id"] == events[0]["response"]["id"]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert events[-1]["response"]["error"]["code"] == "server_error"
    else:
        assert "broke off" in events[-1]["error"]["message"]
    assert not told.done
    row = usage(flock)[told.id]
    assert (row["outcome"], row["estimated"]) == ("partial", True)
    assert row["output_tokens"] >= pieces(door, told)


def pieces(door: Door, told: Told) -> int:
    """Return how many pieces of text a client was told."""
    mark = {"anthropic": b"text_delta", "responses": b"output_text.delta", "openai": b'"content": "'}[door.kind]
    return sum(mark in event for event in told.events) - (1 if door is CHAT_DOOR else 0)


@pytest.mark.pitfall(77)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_stops_the_engine_and_pays_for_what_came(
    flock: Flock, engine: int, door: Door, how: str
) -> None:
    """Anthropic's streams tell a first count of output tokens at their beginning, which is not what was said."""
    before = seen(engine)["closed_early"]
    with closing(Client(flock.port, flock.key)) as client:
        told = door.send(client, body(door, "scripted-endless")).head()
        while pieces(door, told) < 20:
            told.body += client.until(b"\n\n")
        getattr(client, how)()
    wait_for(lambda: seen(engine)["closed_early"] > before, "the engine is told to stop")
    assert seen(engine)["open"] == 0
    found, row = explained(flock, told.id), usage(flock)[told.id]
    assert (found["outcome"], row["estimated"], running(flock)) == ("cancelled", True, 0)
    assert row["output_tokens"] >= 20


# -- to an engine of another dialect


@pytest.mark.pitfall(64)
@pytest.mark.parametrize(
    ("door", "fields"),
    [
        (CHAT_DOOR, {"n": 2}),
        (CHAT_DOOR, {"logprobs": True, "top_logprobs": 2}),
        (RESPONSES_DOOR, {"top_logprobs": 2}),
    ],
)
def test_what_would_lose_its_meaning_is_refused(foreign: Flock, door: Door, fields: dict[str, Any]) -> None:
    for stream in (False, True):
        told = door.ask(foreign, body(door, "scripted", stream=stream, **fields))
        words = door.refused(told, 400, "unsupported")
        assert "logprobs" in words or "n > 1" in words


@pytest.mark.pitfall(64)
def test_knobs_that_are_not_there_are_left_out_and_named(foreign: Flock) -> None:
    knobs = {"seed": 1, "logit_bias": {"5": 1}, "frequency_penalty": 0.5, "min_p": 0.1}
    for stream in (False, True):
        told = CHAT_DOOR.ask(foreign, body(CHAT_DOOR, "scripted", stream=stream, temperature=1.5, **knobs))
        assert (told.status, told.headers["x-flock-path"]) == (200, "translate"), told.body
        assert knobs.keys() <= set(told.headers["x-flock-lost"].split(", "))
        assert any("temperature" in edit for edit in explained(foreign, told.id)["edits"])


@pytest.mark.pitfall(71)
@pytest.mark.parametrize("door", [CHAT_DOOR, RESPONSES_DOOR], ids=["chat", "responses"])
def test_a_foreign_stream_that_breaks_or_is_left(foreign: Flock, engine: int, door: Door) -> None:
    call(engine, "GET", "/arm")
    told = door.ask(foreign, body(door, "scripted-cut"))
    assert "broke off" in door.failure(told).words
    row = usage(foreign)[told.id]
    # the prompt's tokens were told, those of the answer were not
    assert (row["outcome"], row["estimated"], row["input_tokens"]) == ("partial", True, 40)
    assert row["output_tokens"] >= pieces(door, told)
    before = seen(engine)["closed_early"]
    with closing(Client(foreign.port, foreign.key)) as client:
        door.send(client, body(door, "scripted-endless", stream=False))
        wait_for(lambda: seen(engine)["open"] == 1, "the engine answers")
    wait_for(lambda: seen(engine)["closed_early"] > before, "the engine is told to stop")
