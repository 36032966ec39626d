"""What a client is told of a vendor that refuses or fails before its answer has begun, in every dialect.

Never a 401: the client's key is fine. Never a success, never the key, and always the vendor's name.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.vendor_doors import DOORS
from tests.e2e.vendor_standing import KEYS, Standing, standing
from tests.fakes.scripted_answers import HELLO
from tests.fakes.vendor_rows import ROWS

# a vendor of each native dialect, and one whose errors have no shape that a client knows
MODELS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "x-ai": "x-ai/grok-3-mini",
    "perplexity": "perplexity/sonar",
}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Standing]:
    with standing(*ROWS) as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


def clean(told: Any, vendor: str) -> None:
    """See that an answer tells who failed and no secret, in few words."""
    assert len(told.body) < 4000
    assert vendor in told.body.decode()
    assert KEYS[0] not in told.body.decode()
    assert "x-should-retry" not in told.headers


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", MODELS)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.pitfall(72)
def test_a_key_that_is_refused_is_not_the_clients(on: Standing, door: str, vendor: str, stream: bool) -> None:
    on.faults(vendor, "bad_key")
    told = DOORS[door].ask(on, MODELS[vendor], stream=stream)
    assert told.status == 502, told.body
    clean(told, vendor)
    assert f"the vendor {vendor} refuses the team's key for it" in DOORS[door].error(told)
    assert DOORS[door].ask(on, MODELS[vendor]).status == 200


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("door", DOORS)
def test_a_key_that_a_refusal_quotes_is_not_repeated(on: Standing, door: str, vendor: str) -> None:
    for stream in (False, True):
        on.faults(vendor, "echo_key")
        told = DOORS[door].ask(on, MODELS[vendor], stream=stream)
        assert (told.status, "Incorrect API key provided: …." in DOORS[door].error(told)) == (502, True), told.body
        clean(told, vendor)
    assert KEYS[0] not in on.flock.ok("explain", told.id)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", MODELS)
@pytest.mark.parametrize("door", DOORS)
def test_too_many_requests_are_told_with_the_wait(on: Standing, door: str, vendor: str, stream: bool) -> None:
    on.faults(vendor, {"kind": "rate", "retry_after": "7"})
    told = DOORS[door].ask(on, MODELS[vendor], stream=stream)
    assert (told.status, told.headers["retry-after"]) == (429, "7"), told.body
    clean(told, vendor)
    assert DOORS[door].error(told)


FAILURES = {
    "failed": "",
    "overloaded": "",
    "ok_error": "",
    "bad_json": "",
    "wrong_type": "",
    "cut_before": "",
    "drop": "",
    "redirect": "wants the request at http://127.0.0.1:9/elsewhere",
    "huge_error": "500",
}


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("door", DOORS)
def test_a_failure_is_the_vendors(on: Standing, door: str, vendor: str, kind: str) -> None:
    for stream in (False, True):
        on.faults(vendor, {"kind": kind, "times": -1})
        told = DOORS[door].ask(on, MODELS[vendor], stream=stream)
        assert told.status in (502, 503, 529), told.body
        clean(told, vendor)
        assert FAILURES[kind] in DOORS[door].error(told)
        assert "secret" not in told.body.decode()
        assert on.explained(told)["outcome"] == "error"
    on.faults(vendor)
    assert HELLO in DOORS[door].ask(on, MODELS[vendor]).body.decode()


@pytest.mark.parametrize("kind", ["stream_error_first", "empty_stream", "bad_json_stream"])
@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("door", DOORS)
def test_a_stream_that_does_not_begin(on: Standing, door: str, vendor: str, kind: str) -> None:
    on.faults(vendor, {"kind": kind, "times": -1})
    told = DOORS[door].ask(on, MODELS[vendor], stream=True)
    on.faults(vendor)
    if told.status == 200:  # a first event that is no JSON passes where nothing is looked into
        assert kind == "bad_json_stream"
        assert DOORS[door].ended(told)
        return
    assert told.status in (502, 503, 529), told.body
    clean(told, vendor)
    assert DOORS[door].error(told)


@pytest.mark.parametrize("vendor", [name for name in ROWS if name not in ("perplexity", "nvidia", "azure")])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.pitfall(62)
def test_a_prompt_that_is_too_long(on: Standing, door: str, vendor: str) -> None:
    model = MODELS.get(vendor, f"{vendor}/{ROWS[vendor].models[0]}")
    for stream in (False, True):
        on.faults(vendor, "context")
        told = DOORS[door].ask(on, model, stream=stream)
        if door == "responses" and stream:  # Codex hears of it in the stream alone
            assert (told.status, b"response.failed" in told.body) == (200, True), told.body
        else:
            assert told.status == 400, told.body
        assert DOORS[door].too_long in told.body, told.body
        assert DOORS[door].error(told)


def test_a_model_that_the_vendor_does_not_have(on: Standing) -> None:
    for door in DOORS.values():
        told = door.ask(on, "openai/gpt-nope")
        assert 400 <= told.status < 500, told.body
        assert told.status != 401
        assert "nope" in door.error(told)
