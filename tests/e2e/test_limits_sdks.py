"""What the official SDKs make of a limit: their own errors, and a wait that is as long as they are told.

How long a wait is is the SDK's business; that it suffices is the test: whoever comes back when told is served.
"""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors as google_errors

from tests.e2e.parts import ask
from tests.running import Flock, running_flock

MODEL = "flock-smoke"
HI: list[Any] = [{"role": "user", "content": "hi"}]
BODY: dict[str, Any] = {"model": MODEL, "messages": HI, "max_tokens": 9}


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with running_flock(FLOCK_ENGINE="embedded") as found:
        yield found


def secret(flock: Flock, name: str, *limits: str) -> str:
    return str(flock.json("token", "create", name, *limits)["token"])


class Seen:
    """An HTTP client of an SDK that keeps the statuses and headers it saw."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.headers: list[httpx.Headers] = []

    def hear(self, response: httpx.Response) -> None:
        self.statuses.append(response.status_code)
        self.headers.append(response.headers)

    @property
    def hooks(self) -> dict[str, Any]:
        return {"response": [self.hear]}


def openai_of(flock: Flock, key: str, seen: Seen, retries: int) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(event_hooks=seen.hooks)
    return openai.OpenAI(base_url=f"{flock.url}/v1", api_key=key, max_retries=retries, http_client=http)


def anthropic_of(flock: Flock, key: str, seen: Seen, retries: int) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(event_hooks=seen.hooks)
    return anthropic.Anthropic(base_url=flock.url, api_key=key, max_retries=retries, http_client=http)


def chat(client: openai.OpenAI) -> str | None:
    with client:
        found = client.chat.completions.create(model=MODEL, messages=HI, max_tokens=9)
    return found.choices[0].message.content


def message(client: anthropic.Anthropic) -> str:
    with client:
        return client.messages.create(model=MODEL, messages=HI, max_tokens=9).model


def used_up(flock: Flock, key: str) -> None:
    """Ask until the minute is used up."""
    while ask(flock.port, key, BODY).status != 429:
        pass


def test_openais_sdk_raises_its_own_error_with_what_is_left(flock: Flock) -> None:
    key, seen = secret(flock, "openai", "--rpm", "1"), Seen()
    assert chat(openai_of(flock, key, seen, 0))
    with pytest.raises(openai.RateLimitError) as caught:
        chat(openai_of(flock, key, seen, 0))
    assert caught.value.status_code == 429
    assert (caught.value.code, caught.value.type) == ("rate_limited", "rate_limit_error")
    assert seen.headers[0]["x-ratelimit-limit-requests"] == "1"
    assert seen.headers[0]["x-ratelimit-remaining-requests"] == "0"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60


def test_anthropics_sdk_raises_its_own_error_with_what_is_left(flock: Flock) -> None:
    key, seen = secret(flock, "anthropic", "--rpm", "1"), Seen()
    assert message(anthropic_of(flock, key, seen, 0)) == MODEL
    with pytest.raises(anthropic.RateLimitError) as caught:
        message(anthropic_of(flock, key, seen, 0))
    assert caught.value.status_code == 429
    body: Any = caught.value.body
    assert (body["error"]["type"], body["error"]["details"]["code"]) == ("rate_limit_error", "rate_limited")
    assert seen.headers[0]["anthropic-ratelimit-requests-remaining"] == "0"
    assert seen.headers[0]["anthropic-ratelimit-requests-reset"].endswith("Z")


def test_googles_library_raises_its_own_error(flock: Flock) -> None:
    key = secret(flock, "google", "--rpm", "1")
    client = genai.Client(api_key=key, http_options={"base_url": flock.url})
    assert client.models.generate_content(model=MODEL, contents="hi").text
    with pytest.raises(google_errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents="hi")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("which", ["openai", "anthropic"])
def test_who_comes_back_when_told_is_served(flock: Flock, which: str) -> None:
    """The SDKs wait as Retry-After says: one more request is enough."""
    key = secret(flock, f"{which} again", "--rpm", "60")
    for _ in range(20):
        used_up(flock, key)
        seen = Seen()
        done: object = (
            chat(openai_of(flock, key, seen, 1)) if which == "openai" else message(anthropic_of(flock, key, seen, 1))
        )
        assert done
        if seen.statuses == [429, 200]:
            return
        assert seen.statuses == [200]  # a second had passed before the SDK asked
    raise AssertionError("the SDK was never refused")


@pytest.mark.parametrize("which", ["openai", "anthropic"])
def test_nobody_hammers_on_a_quota_that_comes_back_tomorrow(flock: Flock, which: str) -> None:
    key, seen = secret(flock, f"{which} spent", "--quota", "30"), Seen()
    while ask(flock.port, key, BODY).status != 429:
        pass
    if which == "openai":
        with pytest.raises(openai.RateLimitError) as refused:
            chat(openai_of(flock, key, seen, 5))
        assert (refused.value.code, refused.value.type) == ("quota_exceeded", "insufficient_quota")
    else:
        with pytest.raises(anthropic.RateLimitError):
            message(anthropic_of(flock, key, seen, 5))
    assert seen.statuses == [429]
    assert seen.headers[0]["x-should-retry"] == "false"


def test_a_model_that_is_not_the_keys_is_a_permission_denied(flock: Flock) -> None:
    key, seen = secret(flock, "elsewhere", "--models", "qwen*"), Seen()
    with pytest.raises(openai.PermissionDeniedError) as caught:
        chat(openai_of(flock, key, seen, 5))
    assert caught.value.code == "model_not_allowed"
    with pytest.raises(anthropic.PermissionDeniedError):
        message(anthropic_of(flock, key, seen, 5))
    assert seen.statuses == [403, 403]


def test_a_request_larger_than_a_limit_is_a_bad_request(flock: Flock) -> None:
    key, seen = secret(flock, "small", "--tpm", "5"), Seen()
    with pytest.raises(openai.BadRequestError) as caught:
        chat(openai_of(flock, key, seen, 5))
    assert caught.value.code == "request_over_limit"
    with pytest.raises(anthropic.BadRequestError):
        message(anthropic_of(flock, key, seen, 5))
    assert seen.statuses == [400, 400]
