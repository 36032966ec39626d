"""Answers and refusals of one chat engine at every door: whose words they have, under which status, with which headers.

What holds for every door is one test over DOORS; the fake's behaviours are named in tests/fakes/upstream_faults.py and
upstream_refusals.py. How streams wait, break and are left is in test_translated_streams.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.doors import (
    CHAT_DOOR,
    COUNT,
    DOORS,
    LOOKED_INTO,
    MESSAGES_DOOR,
    RESPONSES_DOOR,
    THINKS,
    TRANSLATED,
    Door,
)
from tests.e2e.parts import Told, ask, environment, explained, seen, settings, usage
from tests.running import Flock, fake_upstream, flock_home, running_flock, wait_for

TEXT = "Hello wörld!"
ORIGIN = "https://chat.example.org"


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with fake_upstream("--also", THINKS) as port:
        yield port


@pytest.fixture(scope="module")
def flock(upstream: int) -> Iterator[Flock]:
    """A flock in front of it, with an alias for a model and for one that is looked into."""
    with flock_home(**environment()) as flock:
        lines = f'router:\n  aliases: "qwen3-mine={THINKS}ok, mine=ok"\ngateway:\n  cors_origins: {ORIGIN}\n'
        settings(flock, lines)
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


@pytest.fixture(params=TRANSLATED)
def translated(request: pytest.FixtureRequest) -> Door:
    return TRANSLATED[request.param]


either_way = pytest.mark.parametrize("stream", [False, True])


# -- good answers


@either_way
def test_what_is_recorded_is_what_the_client_saw(flock: Flock, door: Door, stream: bool) -> None:
    told = door.ask(flock, door.body(stream=stream))
    assert door.text(told) == TEXT
    found, row = explained(flock, told.id), usage(flock)[told.id]
    assert (row["input_tokens"], row["output_tokens"], row["estimated"]) == (7, 5, False)
    assert (row["outcome"], row["status"], row["stream"]) == ("ok", 200, stream)
    assert (row["ttft_ms"] is not None) == stream
    assert found["plan"] == told.headers["x-flock-path"]
    assert (found["plan"] == "translate") == (door is not CHAT_DOOR)
    assert (found["lost"], found["status"], found["error"]) == ([], 200, "")
    assert found["endpoint"] == {"anthropic": "messages", "openai": "chat"}.get(door.kind, "responses")


@pytest.mark.parametrize("door", [MESSAGES_DOOR, RESPONSES_DOOR], ids=["messages", "responses"])
@either_way
def test_the_client_is_told_the_engines_tokens(flock: Flock, door: Door, stream: bool) -> None:
    told = door.ask(flock, door.body(stream=stream))
    counts = told.json["usage"] if not stream else _last_usage(told)
    assert (counts["input_tokens"], counts["output_tokens"]) == (7, 5)


def _last_usage(told: Told) -> dict[str, Any]:
    found = [json.loads(event) for event in told.events]
    last = next(e for e in reversed(found) if e.get("usage") or e.get("response", {}).get("usage"))
    return last.get("usage") or last["response"]["usage"]


@pytest.mark.pitfall(75)
@pytest.mark.parametrize("model", ["json-only", "sse-only", "loud", "cut", "http10", "null-error"])
@either_way
def test_whatever_form_it_came_in_it_has_the_form_that_was_asked_for(
    flock: Flock, door: Door, model: str, stream: bool
) -> None:
    told = door.ask(flock, door.body(model, stream=stream))
    assert door.text(told) == {"http10": "hi", "null-error": "hi"}.get(model, TEXT)
    kind = "text/event-stream" if stream else "application/json"
    assert told.headers["content-type"].startswith(kind)
    assert usage(flock)[told.id]["outcome"] == "ok"


@either_way
def test_a_stream_under_another_name_is_no_answer(flock: Flock, door: Door, stream: bool) -> None:
    told = door.ask(flock, door.body("as-text", stream=stream))
    door.refused(told, 502, "upstream_error")


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("model", ["bad-utf8", "half-characters"])
def test_bytes_that_are_no_text_become_characters(flock: Flock, translated: Door, model: str) -> None:
    for stream in (False, True):
        told = translated.ask(flock, translated.body(model, stream=stream))
        told.body.decode()  # what leaves flock is text
        assert "\ufffd" in translated.text(told)


def test_chunks_of_odd_types_do_no_harm(flock: Flock, translated: Door) -> None:
    for stream in (False, True):
        told = translated.ask(flock, translated.body("odd-types", stream=stream))
        assert told.status in (200, 502), told.body
        assert told.clean


def test_arguments_nested_beyond_measure(flock: Flock, translated: Door) -> None:
    for stream in (False, True):
        told = translated.ask(flock, translated.body("deep", stream=stream))
        assert told.status in (200, 502), told.body
        assert told.clean


# -- names and headers


@pytest.mark.pitfall(79)
@either_way
def test_an_alias_is_echoed_and_the_models_own_name_is_in_a_header(flock: Flock, door: Door, stream: bool) -> None:
    alias = door.prefix + "mine"
    told = door.ask(flock, door.body(stream=stream) | {"model": alias})
    assert door.text(told) == TEXT
    assert told.headers["x-flock-model"] == door.prefix + "ok"
    if stream or door is not CHAT_DOOR:
        assert door.model_of(told) == alias
    assert explained(flock, told.id)["notes"]


@pytest.mark.pitfall(67)
def test_what_a_translation_leaves_out_is_named_in_a_header(flock: Flock) -> None:
    for stream in (False, True):
        told = MESSAGES_DOOR.ask(flock, MESSAGES_DOOR.body(stream=stream, context_management={"edits": []}, top_k=5))
        assert "context_management" in told.headers["x-flock-lost"]
        assert explained(flock, told.id)["lost"]
        told = RESPONSES_DOOR.ask(flock, RESPONSES_DOOR.body(stream=stream, truncation="auto", metadata={"a": "b"}))
        assert "truncation" in told.headers["x-flock-lost"]
        assert ", ".join(explained(flock, told.id)["lost"]) == told.headers["x-flock-lost"]


@pytest.mark.parametrize("model", ["ok", "status-500", "dies-midway"])
@either_way
def test_a_page_that_may_call_may_read_whatever_comes(flock: Flock, door: Door, model: str, stream: bool) -> None:
    told = door.ask(flock, door.body(model, stream=stream), Origin=ORIGIN)
    assert told.headers["access-control-allow-origin"] == ORIGIN
    shown = told.headers["access-control-expose-headers"].lower()
    assert {"x-flock-request-id", "retry-after", "x-should-retry"} <= set(shown.split(", "))
    assert "x-flock-request-id" in told.headers


# -- refusals


@pytest.mark.pitfall(72)
@pytest.mark.parametrize(
    ("model", "status", "code", "wait"),
    [
        ("status-429", 429, "engine_busy", "1"),
        ("status-529", 503, "engine_overloaded", "1"),
        ("status-503", 503, "engine_overloaded", "7"),
        ("status-500", 502, "upstream_error", None),
        ("status-401", 502, "upstream_error", None),
        ("error-200", 502, "upstream_error", None),
        ("error-first", 502, "upstream_error", None),
        ("garbage", 502, "engine_unreachable", None),
        ("html", 502, "upstream_error", None),
        ("half-json", 502, "upstream_error", None),
    ],
)
@either_way
def test_an_engines_failure_has_the_doors_status_and_words(
    flock: Flock, door: Door, model: str, status: int, code: str, wait: str | None, stream: bool
) -> None:
    told = door.ask(flock, door.body(model, stream=stream))
    as_known = 529 if (status, door.kind) == (503, "anthropic") else status
    assert door.refused(told, as_known, code)
    assert told.headers.get("retry-after") == wait
    assert "x-should-retry" not in told.headers
    row, found = usage(flock)[told.id], explained(flock, told.id)
    assert (row["outcome"], found["error"], row["output_tokens"]) == ("error", code, 0)


@pytest.mark.pitfall(72)
def test_a_time_to_come_back_may_be_a_date(flock: Flock, door: Door) -> None:
    told = door.ask(flock, door.body("status-429-dated"))
    door.refused(told, 429, "engine_busy")
    assert int(told.headers["retry-after"]) > 1_000_000


@pytest.mark.parametrize(("model", "words"), [("status-400", "max_tokens too large"), ("status-413", "too much")])
@either_way
def test_an_engines_refusal_is_the_requests_fault(
    flock: Flock, translated: Door, model: str, words: str, stream: bool
) -> None:
    told = translated.ask(flock, translated.body(model, stream=stream))
    assert words in translated.refused(told, 400, "engine_refused")


FULL = {"full-llamacpp": (36019, 1024), "full-vllm": (2049, 2048)}
FULL |= dict.fromkeys(("full-in-stream", "full-200"), FULL["full-vllm"])


@pytest.mark.pitfall(62)
@pytest.mark.parametrize("model", FULL)
@either_way
def test_a_prompt_that_does_not_fit_is_said_in_the_words_each_client_acts_on(
    flock: Flock, door: Door, model: str, stream: bool
) -> None:
    tokens, window = FULL[model]
    told = door.ask(flock, door.body(model, stream=stream))
    if door is RESPONSES_DOOR and stream:  # Codex reads a stream only
        failure = door.failure(told)
        assert failure.kind == "context_length_exceeded"
        assert str(window) in failure.words
    else:
        words = door.refused(told, 400, "context_length_exceeded")
        if door is MESSAGES_DOOR:  # Claude Code compacts by these very words
            assert words == f"prompt is too long: {tokens} tokens > {window} maximum"
        else:
            assert str(window) in words
            assert (told.json["error"]["tokens"], told.json["error"]["limit"]) == (tokens, window)
    found = explained(flock, told.id)
    assert (found["outcome"], found["error"]) == ("error", "context_length_exceeded")


@pytest.mark.pitfall(68)
def test_counting_is_refused_in_its_own_words(flock: Flock) -> None:
    told = ask(flock.port, flock.key, {"model": "none", "messages": [{"role": "user", "content": "hi"}]}, COUNT)
    MESSAGES_DOOR.refused(told, 404, "model_not_found")


# -- another try


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Flock, int, int]]:
    """Two upstreams with the same models; the one that is tried first has the faults."""
    faults, good_ones = fake_upstream("--also", THINKS), fake_upstream("--also", THINKS, "--good")
    with faults as bad, good_ones as good, running_flock(**environment()) as flock:
        flock.ok("engine", "attach", f"http://127.0.0.1:{bad}", "--name", "bad")
        flock.ok("engine", "attach", f"http://127.0.0.1:{good}", "--name", "good")
        yield flock, bad, good
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def on_bad_first(flock: Flock, door: Door, body: dict[str, Any]) -> tuple[Told, dict[str, Any]]:
    """Ask until the upstream with the faults is the first choice: one that broke is the last for seconds."""

    def once() -> tuple[Told, dict[str, Any]] | None:
        told = door.ask(flock, body)
        found = explained(flock, told.id)
        return (told, found) if found["attempts"][0]["upstream"] == "bad" else None

    return wait_for(once, "the first choice has the faults")


@pytest.mark.parametrize(
    "model", ["status-500", "status-429", "error-first", "error-200", "dies-before", "full-llamacpp"]
)
@either_way
def test_broken_before_the_first_event_is_tried_elsewhere(
    pair: tuple[Flock, int, int], translated: Door, model: str, stream: bool
) -> None:
    flock, _, _ = pair
    told, found = on_bad_first(flock, translated, translated.body(model, stream=stream))
    assert translated.text(told) == TEXT
    first, second = found["attempts"]
    assert (first["upstream"], second["upstream"], second["error"]) == ("bad", "good", "")
    assert first["error"]
    assert (found["outcome"], found["plan"], found["estimated"]) == ("ok", "translate", False)


@pytest.mark.pitfall(71)
def test_a_whole_answer_that_breaks_in_the_middle_is_asked_for_elsewhere(
    pair: tuple[Flock, int, int], translated: Door
) -> None:
    """Nothing has gone out of it, so another engine may answer; what the first one said is not in it twice."""
    flock, _, _ = pair
    told, found = on_bad_first(flock, translated, translated.body("ends-early"))
    assert translated.text(told) == TEXT
    assert len(found["attempts"]) == 2
    assert usage(flock)[told.id]["output_tokens"] == 5


def test_a_stream_that_has_begun_is_never_asked_for_again(pair: tuple[Flock, int, int], translated: Door) -> None:
    flock, _, good = pair
    before = seen(good)["requests"]
    told, found = on_bad_first(flock, translated, translated.body("ends-early", stream=True))
    assert translated.failure(told).words
    assert len(found["attempts"]) == 1
    assert seen(good)["requests"] >= before


def test_a_looked_into_answer_is_not_the_engines_bytes(flock: Flock) -> None:
    assert b"chatcmpl-fake" not in LOOKED_INTO.ask(flock, LOOKED_INTO.body(stream=True)).body
