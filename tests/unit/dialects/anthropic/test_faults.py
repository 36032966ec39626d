"""Errors in the shape this dialect's clients know, and what the official SDK makes of them."""

import json

import anthropic
import pytest

from flock.dialects.anthropic import server
from flock.errors import (
    BY_CODE,
    ContextTooLong,
    Draining,
    EngineBusy,
    EngineOverloaded,
    EngineUnreachable,
    FlockError,
    InternalError,
    InvalidKey,
    InvalidRequest,
    ModelNotFound,
    NotAllowed,
    RequestTooLarge,
    UpstreamError,
    UpstreamStalled,
)
from tests.grammar.anthropic import read
from tests.unit.dialects.anthropic.reading import sdk

CASES: list[tuple[type[FlockError], int, str]] = [
    (InvalidRequest, 400, "invalid_request_error"),
    (InvalidKey, 401, "authentication_error"),
    (NotAllowed, 403, "permission_error"),
    (ModelNotFound, 404, "not_found_error"),
    (RequestTooLarge, 413, "request_too_large"),
    (EngineBusy, 429, "rate_limit_error"),
    (InternalError, 500, "api_error"),
    (UpstreamError, 502, "api_error"),
    (EngineUnreachable, 502, "api_error"),
    (UpstreamStalled, 504, "timeout_error"),
    (EngineOverloaded, 529, "overloaded_error"),
    (Draining, 529, "overloaded_error"),
]


@pytest.mark.pitfall(72)
@pytest.mark.parametrize(("kind", "status", "type"), CASES, ids=[kind.__name__ for kind, _, _ in CASES])
def test_status_and_type(kind: type[FlockError], status: int, type: str) -> None:
    error = kind("what happened", hint="flock status")
    assert server.http_status(error) == status
    assert json.loads(server.write_fault(error, "req_1")) == {
        "type": "error",
        "error": {"type": type, "message": "what happened (hint: flock status)"},
        "request_id": "req_1",
    }


@pytest.mark.pitfall(72)
@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_the_sdk_raises_its_own_error_for_every_one_of_ours(code: str) -> None:
    error = BY_CODE[code]("what happened", details={"nearest": ["a"]})
    client = sdk(server.write_fault(error, "r"), status=server.http_status(error))
    with client, pytest.raises(anthropic.APIStatusError, match="what happened") as caught:
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert caught.value.status_code == server.http_status(error)


@pytest.mark.pitfall(62)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ContextTooLong("too much", hint="h", details={"tokens": 210_000, "limit": 200_000}),
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (ContextTooLong("the engine has 4096", hint="h"), "prompt is too long: the engine has 4096"),
        (ContextTooLong("prompt is too long: x"), "prompt is too long: x"),
    ],
)
def test_a_prompt_that_is_too_long_says_so_in_the_words_clients_compact_by(error: ContextTooLong, words: str) -> None:
    told = json.loads(server.write_fault(error))["error"]
    assert (told["type"], told["message"]) == ("invalid_request_error", words)
    assert server.http_status(error) == 400


@pytest.mark.pitfall(71)
def test_the_error_of_a_stream_is_an_event() -> None:
    frame = server.stream_fault(EngineOverloaded("busy\nnow\ud83d"), "r")
    assert frame.startswith(b"event: error\ndata: ")
    assert read(frame).error == {"type": "overloaded_error", "message": "busy\nnow\ufffd"}
