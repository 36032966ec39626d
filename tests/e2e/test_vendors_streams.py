"""Vendors that fail in the middle of a stream, clients that leave in it, and what is counted of both.

Whichever dialect the client and the vendor speak: a typed error in the stream, never a good end; a vendor whose client
has gone is let go at once, and what came has been paid for.
"""

import contextlib
from collections.abc import Iterator

import pytest

from tests.e2e.parts import Client
from tests.e2e.vendor_doors import DOORS
from tests.e2e.vendor_standing import Standing, standing
from tests.fakes.scripted_answers import HELLO
from tests.running import wait_for

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
PAIRS = [(door, vendor) for door in DOORS for vendor in MODELS]
STALL = 1.5
# a stall takes its time, and is noticed by the door whoever the vendor is
BREAKS = [(*pair, kind) for pair in PAIRS for kind in ("stream_error", "cut_after")]
BREAKS += [(door, "openai", "stall") for door in DOORS]


@pytest.fixture(scope="module")
def vendors() -> Iterator[Standing]:
    with standing(*MODELS, "openrouter", config=f"gateway:\n  stall_seconds: {STALL}\n") as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


@pytest.mark.parametrize(("door", "vendor", "kind"), BREAKS)
@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
def test_a_stream_that_breaks_ends_with_a_typed_error(on: Standing, door: str, vendor: str, kind: str) -> None:
    told = DOORS[door].spoiled(on, vendor, MODELS[vendor], kind)
    assert DOORS[door].ended(told)
    assert told.clean, "the error is a whole frame, and the framing is complete"
    assert b"Hello" in told.body or b"Hell" in told.body
    row = on.usage(told)
    assert (row["vendor"], row["outcome"], row["stream"]) == (vendor, "partial", True)
    assert row["output_tokens"] > 0
    assert row["ttft_ms"] > 0
    assert on.explained(told)["error"] == ("upstream_stalled" if kind == "stall" else "upstream_error")


@pytest.mark.parametrize("kind", ["stream_error", "cut_after"])
@pytest.mark.parametrize("door", DOORS)
def test_a_vendor_that_breaks_while_it_is_gathered(on: Standing, door: str, kind: str) -> None:
    """A client that wants one piece of a vendor that is asked for a stream, as translations do."""
    vendor = "anthropic" if door != "anthropic" else "openai"
    on.faults(vendor, kind)
    told = DOORS[door].ask(on, MODELS[vendor])
    assert told.status in (502, 503, 529), told.body
    assert vendor in DOORS[door].error(told)
    row = on.usage(told)
    assert (row["vendor"], row["outcome"], row["estimated"]) == (vendor, "error", True)


def test_a_gateway_that_reports_its_own_providers_failure(on: Standing) -> None:
    """OpenRouter ends a stream with an error beside choices, and an HTTP status of success."""
    for door in ("openai", "anthropic"):
        told = DOORS[door].spoiled(on, "openrouter", "openrouter/openai/gpt-4o-mini", "stream_error")
        assert b"[DONE]" not in told.body
        assert b"message_stop" not in told.body
        assert on.usage(told)["outcome"] == "partial", (door, told.body)


@pytest.mark.parametrize(("door", "vendor"), PAIRS)
@pytest.mark.pitfall(77)
def test_a_client_that_leaves_frees_the_vendor(on: Standing, door: str, vendor: str) -> None:
    on.faults(vendor, "stall")
    before = on.left(vendor)
    path, body = DOORS[door].asked(MODELS[vendor], stream=True)
    with contextlib.closing(Client(on.flock.port, on.flock.key)) as client:
        told = client.send(body, path, DOORS[door].headers).head()
        assert told.status == 200
        client.until(b"{")
    wait_for(lambda: on.left(vendor) == before + 1, "the vendor sees that nobody waits")
    row = on.usage(told)
    assert (row["vendor"], row["outcome"]) == (vendor, "cancelled")


@pytest.mark.parametrize("vendor", MODELS)
def test_a_client_that_leaves_before_the_answer_frees_the_vendor(on: Standing, vendor: str) -> None:
    on.faults(vendor, "slow")
    before = on.left(vendor)
    with contextlib.closing(Client(on.flock.port, on.flock.key)) as client:
        client.send({"model": MODELS[vendor], "messages": [{"role": "user", "content": "hi"}]})
        wait_for(lambda: on.seen(vendor), "the vendor is asked")
    wait_for(lambda: on.left(vendor) == before + 1, "the vendor sees that nobody waits")


@pytest.mark.parametrize("vendor", MODELS)
def test_another_request_is_none_the_worse(on: Standing, vendor: str) -> None:
    on.faults(vendor, "cut_after")
    assert DOORS["openai"].ended(DOORS["openai"].ask(on, MODELS[vendor], stream=True))
    told = on.chat(MODELS[vendor], stream=True)
    assert (told.text, told.done) == (HELLO, True)
