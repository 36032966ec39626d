"""What is written down of every call to a vendor: tokens, its cache, time to the first token, who answered, the cost.

The same answer by `flock usage`, `flock explain` and the metrics. A price is known where the vendor's list tells one;
elsewhere the cost is null, which is never 0.
"""

import contextlib
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.parts import Client, Told, call
from tests.e2e.vendor_doors import DOORS
from tests.e2e.vendor_standing import Standing, standing
from tests.fakes.vendor_answers import CACHED

MODELS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "groq": "groq/llama-3.3-70b-versatile",
    "deepseek": "deepseek/deepseek-chat",
    "mistral": "mistral/mistral-large-latest",
}
PRICED = "openrouter/openai/gpt-4o-mini"
# dollars for a million tokens, as the list of the fakes tells them
PRICES = {PRICED: ("0.15", "0.6"), "together/meta-llama/Llama-3.3-70B-Instruct-Turbo": ("0.88", "0.88")}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Standing]:
    with standing(*MODELS, "openrouter", "together", "cohere") as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


def listed(on: Standing, told: Told) -> dict[str, Any]:
    """Return a request as `flock usage --json` has it, after it has been written."""
    on.usage(told)
    (row,) = [row for row in on.flock.json("usage") if row["request_id"] == told.id]
    return row


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", MODELS)
@pytest.mark.pitfall(56)
@pytest.mark.pitfall(58)
def test_what_is_counted(on: Standing, vendor: str, stream: bool) -> None:
    told = on.chat(MODELS[vendor], stream=stream)
    row, why = listed(on, told), on.explained(told)
    assert (row["vendor"], row["engine"], row["outcome"], row["status"]) == (vendor, vendor, "ok", 200)
    assert (row["stream"], row["estimated"], row["cost_usd"]) == (stream, False, None)
    assert (row["ttft_ms"] is not None) is stream
    assert row["latency_ms"] >= (row["ttft_ms"] or 0) >= 0
    for name in ("input_tokens", "output_tokens", "vendor", "cost_usd"):
        assert why[name] == row[name]
    assert min(row["input_tokens"], row["output_tokens"]) > 0
    assert why["cached_tokens"] == (0 if vendor == "mistral" else CACHED)
    assert why["input_tokens"] >= why["cached_tokens"]
    assert told.headers["x-flock-route"] == f"vendor/{vendor}"
    assert "x-flock-model" not in told.headers
    if not stream:
        used = told.json["usage"]
        assert (used["prompt_tokens"], used["completion_tokens"]) == (row["input_tokens"], row["output_tokens"])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
def test_every_dialect_counts_the_same(on: Standing, door: str, vendor: str) -> None:
    rows = [on.usage(DOORS[door].ask(on, MODELS[vendor], stream=stream)) for stream in (False, True)]
    assert {(row["vendor"], row["outcome"], row["estimated"]) for row in rows} == {(vendor, "ok", False)}
    assert len({row["output_tokens"] for row in rows}) == 1
    assert all(row["input_tokens"] >= CACHED for row in rows)


@pytest.mark.parametrize("model", PRICES)
def test_what_it_cost_where_the_list_tells_prices(on: Standing, model: str) -> None:
    vendor = model.partition("/")[0]
    on.flock.ok("vendor", "models", vendor)
    for stream in (False, True):
        row = listed(on, told := on.chat(model, stream=stream))
        into, out = map(Decimal, PRICES[model])
        wanted = (into * row["input_tokens"] + out * row["output_tokens"]) / 1_000_000
        assert isinstance(row["cost_usd"], str)
        assert re.fullmatch(r"0\.\d+", row["cost_usd"])
        assert Decimal(row["cost_usd"]) == wanted > 0
        assert on.explained(told)["cost_usd"] == row["cost_usd"]
        assert row["cost_usd"] in on.flock.ok("explain", told.id)


def test_a_price_that_depends_on_the_route_is_none(on: Standing) -> None:
    on.flock.ok("vendor", "models", "openrouter")
    assert listed(on, on.chat("openrouter/openrouter/auto"))["cost_usd"] is None


def test_rates_of_ones_own(tmp_path: Any) -> None:
    with standing("groq") as on:
        sheet = on.flock.home / "catalog/vendors.yaml"
        rates = "rates: {'llama-*': {input: '0.59', output: '0.79'}}"
        sheet.write_text(f"groq:\n  base: http://127.0.0.1:{on.ports['groq']}/openai/v1\n  {rates}\n")
        on.flock.ok("down")
        on.flock.ok("up")
        row = on.usage(on.chat(MODELS["groq"]))
        wanted = (Decimal("0.59") * row["input_tokens"] + Decimal("0.79") * row["output_tokens"]) / 1_000_000
        assert Decimal(row["cost_usd"]) == wanted


def test_what_breaks_or_is_left_is_counted_and_costs(on: Standing) -> None:
    on.flock.ok("vendor", "models", "openrouter")
    door = DOORS["openai"]
    broken = on.usage(door.spoiled(on, "openrouter", PRICED, "cut_after"))
    on.faults("openrouter", "stall")
    path, body = door.asked(PRICED, stream=True)
    with contextlib.closing(Client(on.flock.port, on.flock.key)) as client:
        told = client.send(body, path).head()
        client.until(b"Hell")
    left = on.usage(told)
    assert (broken["outcome"], left["outcome"]) == ("partial", "cancelled")
    for row in (broken, left):
        assert (row["vendor"], row["estimated"], row["output_tokens"] > 0) == ("openrouter", True, True)
        assert row["ttft_ms"] > 0
        assert Decimal(row["cost_usd"]) > 0


def test_what_a_vendor_refused_costs_nothing(on: Standing) -> None:
    for fault in ("bad_key", "rate", "failed", "context", "drop"):
        on.faults("groq", {"kind": fault, "times": -1})
        row = listed(on, on.chat(MODELS["groq"]))
        assert (row["vendor"], row["outcome"], row["cost_usd"]) == ("groq", "error", None), fault
        assert (row["input_tokens"], row["output_tokens"], row["ttft_ms"]) == (0, 0, None)


def test_the_model_that_an_alias_means_is_told() -> None:
    with standing("openai", config=f"router:\n  aliases: cheap={MODELS['openai']}\n") as on:
        told = on.chat("cheap")
        assert (told.headers["x-flock-model"], told.json["model"]) == (MODELS["openai"], "cheap")
        assert on.usage(told)["model"] == MODELS["openai"]
        prefixed = on.chat(f"openai/{MODELS['openai']}")
        assert "x-flock-model" not in prefixed.headers
        assert on.seen("openai")[-1]["body"]["model"] == MODELS["openai"]


def series(on: Standing, name: str, **labels: str) -> float:
    """Return the value of one series of the metrics, 0 while there is none."""
    text = call(on.flock.port, "GET", "/metrics", on.flock.key).body.decode()
    found = 0.0
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        if head.partition("{")[0] == name and all(f'{label}="{word}"' in head for label, word in labels.items()):
            found += float(value)
    return found


def test_the_metrics(on: Standing) -> None:
    model = MODELS["gemini"]

    def told() -> tuple[float, ...]:
        return (
            series(on, "flock_requests_total", model=model, outcome="ok"),
            series(on, "flock_time_to_first_token_seconds_count", model=model),
            series(on, "flock_request_tokens_total", model=model, direction="input"),
            series(on, "flock_request_tokens_total", model=model, direction="output"),
        )

    before = told()
    rows = [on.usage(on.chat(model, stream=stream)) for stream in (False, True)]
    after = told()
    assert [b - a for a, b in zip(before, after, strict=True)] == [
        2, 1, sum(row["input_tokens"] for row in rows), sum(row["output_tokens"] for row in rows),
    ]  # fmt: skip


def test_tasks_are_counted_too(on: Standing) -> None:
    told = on.ask("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a cat", "a dog"]})
    row = on.usage(told)
    assert (row["vendor"], row["endpoint"], row["input_tokens"], row["output_tokens"]) == (
        *("openai", "embeddings", told.json["usage"]["prompt_tokens"], 0),
    )
    told = on.ask("/v2/rerank", {"model": "cohere/rerank-v3.5", "query": "a cat", "documents": ["a dog"]})
    assert on.usage(told)["vendor"] == "cohere"
    told = on.ask("/v1/images/generations", {"model": "gpt-image-1", "prompt": "a cat"})
    row = on.usage(told)
    assert (row["vendor"], row["input_tokens"], row["output_tokens"]) == ("openai", 10, 272)
