"""What an upstream's refusal means to each dialect's client: an error of flock's, or the upstream's own words."""

import json
from typing import Any

import pytest

from flock.core.refusal import check, seconds_of, too_long
from flock.dialects.plan import RELAY, TRANSLATE, Plan
from flock.errors import ContextTooLong, EngineBusy, EngineOverloaded, EngineRefused, FlockError, UpstreamError
from flock.profile import Profile
from flock.upstream import Upstream
from tests.unit.core.test_egress import Channel

PROFILE = Profile("x", "X", frozenset({"openai"}), request_faults=("image input",))
ENGINE = Upstream("x", "the engine", "127.0.0.1", 1, PROFILE, False)
VENDOR = Upstream("vendor:groq", "groq", "vendor.example", 443, PROFILE, False, channel=Channel([]))
WORDS = {"error": {"message": "no such thing", "type": "invalid_request_error", "code": None}}
OWN: dict[str, Any] = {
    "openai": WORDS,
    "responses": WORDS,
    "anthropic": {"type": "error", "error": {"type": "invalid_request_error", "message": "no such thing"}},
    "gemini": {"error": {"code": 400, "message": "no such thing", "status": "INVALID_ARGUMENT"}},
    "ollama": {"error": "no such thing"},
    "cohere": {"message": "no such thing"},
}


def checked(
    status: int,
    body: Any = WORDS,
    *,
    dialect: str = "openai",
    kind: str = RELAY,
    of: Upstream = ENGINE,
    wait: int | None = None,
    lent: bool = False,
) -> FlockError | None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        check(of, Plan(kind, dialect, "/x", b"", {}), dialect, status, data, wait, lent=lent)
    except FlockError as error:
        return error
    return None


@pytest.mark.parametrize("dialect", OWN)
@pytest.mark.parametrize("shape", OWN)
def test_the_clients_own_dialects_words_reach_it_and_no_others(dialect: str, shape: str) -> None:
    error = checked(400, OWN[shape], dialect=dialect)
    same = dialect == shape or {dialect, shape} <= {"openai", "responses"}
    # a body of OpenAI's shape is what clients of both understand, whatever else stands in it
    readable = dialect in ("openai", "responses") and shape in ("anthropic", "gemini")
    if same:
        assert error is None
    elif not readable:
        assert isinstance(error, EngineRefused)
        assert "no such thing" in error.sentence


@pytest.mark.parametrize("dialect", OWN)
def test_a_translation_never_passes_words_on(dialect: str) -> None:
    error = checked(400, OWN[dialect], dialect=dialect, kind=TRANSLATE)
    assert isinstance(error, EngineRefused)
    assert error.sentence == "the engine refuses the request (400): no such thing"


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"null", b'{"error": 5}'])
def test_what_is_no_error_body_is_none_for_anybody(body: bytes) -> None:
    for dialect in OWN:
        assert isinstance(checked(422, body, dialect=dialect), EngineRefused)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_bad_key_for_the_engine_is_not_the_clients(status: int) -> None:
    error = checked(status)
    assert isinstance(error, UpstreamError)
    assert (error.status, "the engine refuses flock's own key" in error.sentence) == (502, True)
    error = checked(status, of=VENDOR)
    assert isinstance(error, UpstreamError)
    assert error.sentence == f"the vendor groq refuses the team's key for it ({status}): no such thing"
    assert (error.hint, error.details) == ("flock vendor test groq", {"vendor": "groq"})


def test_a_vendor_may_refuse_a_key_with_400() -> None:
    assert isinstance(checked(400, {"error": {"message": "bad key"}}, of=VENDOR), UpstreamError)
    assert checked(400, of=VENDOR) is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_of_the_callers_own_that_is_refused_is_the_callers_to_hear(status: int) -> None:
    assert checked(status, of=VENDOR, lent=True) is None


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, EngineBusy, 429),
        (503, EngineOverloaded, 503),
        (529, EngineOverloaded, 503),
        (500, UpstreamError, 502),
        (502, UpstreamError, 502),
        (504, UpstreamError, 502),
    ],
)
def test_failures(status: int, kind: type[FlockError], code: int) -> None:
    error = checked(status, wait=9)
    assert type(error) is kind
    assert error.status == code
    assert error.details.get("retry_after") == (9 if status in (429, 503, 529) else None)
    assert "no such thing" in error.sentence


def test_a_500_about_the_request_is_the_requests() -> None:
    assert isinstance(checked(500, {"error": {"message": "image input is not supported"}}), EngineRefused)


def test_a_prompt_that_is_too_long_is_told_with_both_numbers() -> None:
    words = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
    error = checked(400, {"error": {"message": words, "code": "context_length_exceeded"}})
    assert isinstance(error, ContextTooLong)
    assert error.details["limit"] == 4096
    assert too_long("w", None, 5).details == {"limit": 5}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        ("0", 0),
        ("99999999999999999999", 999999999),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_when_to_come_again(header: str, seconds: int | None) -> None:
    assert seconds_of(header, 10.0) == seconds


def test_an_ollama_without_its_runner_is_told_with_the_command_that_mends_it() -> None:
    said = {"error": "error starting llama-server: llama-server binary not found (checked: /opt/x)"}
    error = checked(500, said, dialect="ollama")
    assert isinstance(error, UpstreamError)
    assert "installed without its llama-server" in error.sentence
    assert "--cask" in error.hint
    assert error.details["broken"]
