"""The doors of the dialects in front of one chat engine: whose shape an answer has, what is listed, what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.parts import Told, ask, call, environment, explained, settings
from tests.running import Flock, fake_upstream, flock_home

MESSAGES, COUNT, RESPONSES, CHAT = "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/v1/chat/completions"
VERSION = {"anthropic-version": "2023-06-01"}
ORIGIN = "https://chat.example.org"


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    """A flock in front of a chat engine with faults, with aliases and a web page that may call it."""
    with fake_upstream() as port, flock_home(**environment()) as flock:
        lines = [
            "router:",
            "  default_model: ok",
            '  aliases: "claude-*haiku*=waits, claude-*=default"',
            f"gateway:\n  cors_origins: {ORIGIN}",
        ]
        settings(flock, "\n".join(lines) + "\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()


def message(model: str = "ok", **fields: Any) -> dict[str, Any]:
    """Return an Anthropic request."""
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}], **fields}


def response(model: str = "ok", **fields: Any) -> dict[str, Any]:
    """Return a Responses request."""
    return {"model": model, "input": "hi", **fields}


TEXT = "Hello wörld!"


# -- answers


def test_messages_in_one_piece(flock: Flock) -> None:
    told = ask(flock.port, flock.key, message(), MESSAGES, VERSION)
    assert told.status == 200, told.body
    assert told.json["content"] == [{"type": "text", "text": TEXT}]
    assert told.json["stop_reason"] == "end_turn"
    assert told.json["usage"]["input_tokens"] == 7
    assert told.headers["x-flock-path"] == "translate"


def events(told: Told) -> list[dict[str, Any]]:
    """Return the data of every event as JSON."""
    return [json.loads(data) for data in told.events if data != b"[DONE]"]


@pytest.mark.pitfall(69)
def test_messages_streamed(flock: Flock) -> None:
    told = ask(flock.port, flock.key, message(stream=True), MESSAGES, VERSION)
    kinds = [event["type"] for event in events(told)]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    words = [e["delta"]["text"] for e in events(told) if e["type"] == "content_block_delta"]
    assert "".join(words) == TEXT
    assert len(words) == 5
    record = explained(flock, told.id)
    assert (record["plan"], record["output_tokens"], record["endpoint"]) == ("translate", 5, "messages")


@pytest.mark.pitfall(70)
def test_responses_streamed_and_not(flock: Flock) -> None:
    plain = ask(flock.port, flock.key, response(), RESPONSES)
    assert plain.json["output"][0]["content"][0]["text"] == TEXT
    streamed = events(ask(flock.port, flock.key, response(stream=True), RESPONSES))
    assert streamed[0]["type"] == "response.created"
    assert streamed[-1]["type"] == "response.completed"
    assert [e["sequence_number"] for e in streamed] == list(range(len(streamed)))


# -- names


@pytest.mark.pitfall(79)
@pytest.mark.parametrize("name", ["claude-flock-ok", "claude-opus-5", "claude-3-5-sonnet-20241022"])
def test_an_alias_is_answered_by_its_own_name(flock: Flock, name: str) -> None:
    for told in (
        ask(flock.port, flock.key, message(name), MESSAGES, VERSION),
        ask(flock.port, flock.key, {"model": name, "messages": message()["messages"]}),
    ):
        assert told.status == 200, told.body
        assert told.headers["x-flock-model"] == "ok"
        assert "alias" in explained(flock, told.id)["notes"][0]
    assert ask(flock.port, flock.key, message(name), MESSAGES).json["model"] == name


def test_an_unknown_model_has_each_dialects_own_404(flock: Flock) -> None:
    told = ask(flock.port, flock.key, message("oks"), MESSAGES, VERSION)
    assert (told.status, told.json["error"]["type"]) == (404, "not_found_error")
    assert "did you mean ok" in told.json["error"]["message"]
    told = ask(flock.port, flock.key, response("oks"), RESPONSES)
    assert (told.status, told.json["error"]["code"]) == (404, "model_not_found")


def test_models_are_listed_in_three_shapes(flock: Flock) -> None:
    openai = call(flock.port, "GET", "/v1/models", flock.key).json
    assert "ok" in [m["id"] for m in openai["data"]]
    anthropic = call(flock.port, "GET", "/v1/models?limit=1000", flock.key, headers=VERSION).json
    names = [m["id"] for m in anthropic["data"]]
    assert {"ok", "claude-flock-ok"} <= set(names)
    assert anthropic["has_more"] is False
    first = call(flock.port, "GET", "/v1/models?limit=1", flock.key, headers=VERSION).json
    assert ([m["id"] for m in first["data"]], first["has_more"]) == (names[:1], True)
    google = call(flock.port, "GET", "/v1/models", headers={"x-goog-api-key": flock.key}).json
    assert "models/ok" in [m["name"] for m in google["models"]]


def test_one_model_in_three_shapes(flock: Flock) -> None:
    assert call(flock.port, "GET", "/v1/models/ok", flock.key).json["object"] == "model"
    told = call(flock.port, "GET", "/v1/models/claude-flock-ok", flock.key, headers=VERSION)
    assert (told.json["type"], told.json["id"]) == ("model", "claude-flock-ok")
    told = call(flock.port, "GET", "/v1/models/ok", headers={"x-goog-api-key": flock.key})
    assert told.json["name"] == "models/ok"
    named = call(flock.port, "GET", "/v1/models/qwen/qwen3:8b-q4_K_M", flock.key)
    assert named.json["id"] == "qwen/qwen3:8b-q4_K_M"


# -- probes


@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_tools_that_look_whether_somebody_is_there_need_no_key(flock: Flock, path: str) -> None:
    assert call(flock.port, "HEAD", path).status == 200
    assert call(flock.port, "GET", path).json["name"] == "flock"


def test_a_websocket_is_refused_at_once(flock: Flock) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    told = call(
        flock.port, "GET", RESPONSES, flock.key, headers={**upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    )
    assert told.status == 405
    assert told.headers["allow"] == "POST"
    assert "supports_websockets" in told.json["error"]["hint"]


@pytest.mark.pitfall(68)
def test_tokens_are_counted_without_a_request(flock: Flock) -> None:
    before = call(flock.port, "GET", "/admin/v1/status", flock.key).json["requests_total"]
    fields: dict[str, Any] = {"model": "ok", "messages": [{"role": "user", "content": "four words of text"}]}
    told = ask(flock.port, flock.key, fields, COUNT, VERSION)
    assert told.status == 200, told.body
    small = told.json["input_tokens"]
    assert told.headers["x-flock-counted-by"] == "estimate"
    tool = {"name": "x", "description": "what it does, at length", "input_schema": {"type": "object"}}
    more = ask(flock.port, flock.key, {**fields, "system": "You are someone.", "tools": [tool]}, COUNT, VERSION)
    assert 0 < small < more.json["input_tokens"]
    assert call(flock.port, "GET", "/admin/v1/status", flock.key).json["requests_total"] == before


# -- errors


@pytest.mark.pitfall(72)
@pytest.mark.parametrize(
    ("model", "status", "kind"),
    [
        ("status-500", 502, "api_error"),
        ("status-401", 502, "api_error"),
        ("status-400", 400, "invalid_request_error"),
        ("status-422", 400, "invalid_request_error"),
        ("dies-before", 502, "api_error"),
        ("garbage", 502, "api_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_engines_failure_is_told_in_the_clients_words(
    flock: Flock, model: str, status: int, kind: str, stream: bool
) -> None:
    told = ask(flock.port, flock.key, message(model, stream=stream), MESSAGES, VERSION)
    assert (told.status, told.json["type"], told.json["error"]["type"]) == (status, "error", kind)
    assert told.json["request_id"] == told.id


@pytest.mark.pitfall(67)
def test_a_failure_names_what_was_left_out_of_the_request(flock: Flock) -> None:
    told = ask(flock.port, flock.key, message("status-500", context_management={"edits": []}), MESSAGES, VERSION)
    assert (told.status, told.headers["x-flock-path"]) == (502, "translate")
    assert told.headers["x-flock-lost"] == "context_management"


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("model", ["dies-midway", "ends-early", "error-midway", "dies-in-frame"])
def test_a_broken_stream_ends_in_the_dialects_error(flock: Flock, model: str) -> None:
    for body, path, last, good in (
        (message(model, stream=True), MESSAGES, "error", "message_stop"),
        (response(model, stream=True), RESPONSES, "response.failed", "response.completed"),
    ):
        told = ask(flock.port, flock.key, body, path, VERSION)
        if told.status != 200:  # it broke within its first read: nothing had been said, so the status tells it
            assert (told.status, model) == (502, "error-midway")
            continue
        kinds = [event["type"] for event in events(told)]
        assert kinds[-1] == last
        assert good not in kinds
        assert explained(flock, told.id)["outcome"] == "partial"


@pytest.mark.parametrize("path", [MESSAGES, RESPONSES, COUNT])
def test_a_bad_key_fails_at_once_in_the_dialects_words(flock: Flock, path: str) -> None:
    told = ask(flock.port, "sk-orc-wrong", message(), path, VERSION)
    assert (told.status, told.headers["x-should-retry"]) == (401, "false")
    assert told.json["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("header", ["x-api-key", "authorization", "x-goog-api-key", "api-key"])
def test_a_key_may_stand_wherever_clients_put_it(flock: Flock, header: str) -> None:
    told = ask(flock.port, "", message(), MESSAGES, {header: flock.key})
    assert told.status == 200


# -- browsers


def test_a_web_page_that_is_allowed_may_call(flock: Flock) -> None:
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    told = call(flock.port, "OPTIONS", MESSAGES, headers=preflight)
    assert told.status == 204
    assert told.headers["access-control-allow-origin"] == ORIGIN
    assert told.headers["access-control-allow-headers"] == "x-api-key"
    for stream in (False, True):
        told = ask(flock.port, flock.key, message(stream=stream), MESSAGES, {"Origin": ORIGIN})
        assert told.headers["access-control-allow-origin"] == ORIGIN
        assert "x-flock-request-id" in told.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(("path", "origin"), [(MESSAGES, "https://evil.example"), ("/admin/v1/status", ORIGIN)])
def test_no_other_page_and_no_other_path(flock: Flock, path: str, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    told = call(flock.port, "OPTIONS", path, headers=headers)
    assert "access-control-allow-origin" not in told.headers
