"""What response headers tell of limits: in each family, and when to come back."""

from typing import Any

import pytest

from flock.core.record import Record
from flock.daemon.faults import FAULTS, fault
from flock.daemon.headers import headers_of
from flock.daemon.limits import go_duration, limit_headers, retry_headers
from flock.errors import (
    BudgetExceeded,
    EngineBusy,
    EngineOverloaded,
    FlockError,
    ModelNotAllowed,
    QuotaExceeded,
    RateLimited,
    RequestOverLimit,
)
from flock.policy.levels import Level, Levels

NOW = 1_795_728_015.5
BOTH = Levels(Level(60, 12, 30), Level(40_000, 39_000, 90))
IETF = {
    "RateLimit-Policy": '"rpm";q=60;w=60, "tpm";q=40000;w=60',
    "RateLimit": '"rpm";r=12;t=30, "tpm";r=39000;t=90',
}
OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "12",
    "x-ratelimit-reset-requests": "30s",
    "x-ratelimit-limit-tokens": "40000",
    "x-ratelimit-remaining-tokens": "39000",
    "x-ratelimit-reset-tokens": "1m30s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "60",
    "anthropic-ratelimit-requests-remaining": "12",
    "anthropic-ratelimit-requests-reset": "2026-11-26T21:20:45Z",
    "anthropic-ratelimit-tokens-limit": "40000",
    "anthropic-ratelimit-tokens-remaining": "39000",
    "anthropic-ratelimit-tokens-reset": "2026-11-26T21:21:45Z",
}


def record(dialect: str = "openai", levels: Levels | None = BOTH) -> Record:
    found = Record("chat", NOW, 1.0)
    found.dialect = dialect
    found.levels = None if levels is None else lambda: (NOW, levels)
    return found


@pytest.mark.parametrize(
    ("dialect", "family"),
    [
        ("openai", OPENAI),
        ("responses", OPENAI),
        ("anthropic", ANTHROPIC),
        ("gemini", {}),
        ("gemini-array", {}),
        ("ollama", {}),
        ("cohere", {}),
    ],
)
def test_every_client_gets_its_own_family_and_the_ietfs(dialect: str, family: dict[str, str]) -> None:
    assert limit_headers(record(dialect)) == {**IETF, **family}
    assert {**IETF, **family}.items() <= headers_of(record(dialect)).items()
    refused = fault(RateLimited("no"), record(dialect), FAULTS[dialect])
    assert {**IETF, **family}.items() <= dict(refused.headers).items()


def test_only_limits_that_there_are_have_headers() -> None:
    assert limit_headers(record(levels=None)) == {}
    assert not [name for name in headers_of(record(levels=None)) if "ratelimit" in name.lower()]
    requests = limit_headers(record(levels=Levels(Level(3, 0, 60))))
    assert requests["RateLimit"] == '"rpm";r=0;t=60'
    assert not [name for name in requests if "tokens" in name]
    assert limit_headers(record(levels=Levels())) == {}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (0.012, "12ms"), (0.0001, "1ms"), (1, "1s"), (59.2, "1m0s"), (360, "6m0s"), (3723, "1h2m3s")],
)
def test_durations_are_gos(seconds: float, words: str) -> None:
    assert go_duration(seconds) == words


def wait(seconds: float | None) -> dict[str, Any]:
    return {} if seconds is None else {"retry_after": seconds}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RateLimited("x", details=wait(20)), {"Retry-After": "20", "retry-after-ms": "20000"}),
        (RateLimited("x", details=wait(0.25)), {"Retry-After": "1", "retry-after-ms": "250"}),
        (QuotaExceeded("x", details=wait(10)), {"Retry-After": "10", "retry-after-ms": "10000"}),
        (QuotaExceeded("x", details=wait(7200)), {"Retry-After": "7200", "x-should-retry": "false"}),
        (BudgetExceeded("x", details=wait(61)), {"Retry-After": "61", "x-should-retry": "false"}),
        (BudgetExceeded("x"), {"x-should-retry": "false"}),
        (EngineBusy("x", details=wait(7)), {"Retry-After": "7"}),
        (EngineOverloaded("x"), {"Retry-After": "2"}),
        (RequestOverLimit("x"), {}),
    ],
)
def test_when_to_come_back(error: FlockError, told: dict[str, str]) -> None:
    assert retry_headers(error) == told


def test_a_model_that_is_not_the_keys_is_not_asked_for_again() -> None:
    assert fault(ModelNotAllowed("no")).headers["x-should-retry"] == "false"
