"""What requests cost, from the tables that came with flock to the column of `flock usage`; and what was saved.

The vendors are fakes at 127.0.0.1; the tables are the real ones, asked by the real child.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest

from tests.e2e.parts import Told
from tests.e2e.vendor_standing import Standing, standing
from tests.fakes.vendor_answers import CACHED
from tests.running import free_port, wait_for

MODEL, ALIKE, UNKNOWN = "gpt-5", "gpt-4o-mini", "fireworks/accounts/fireworks/models/deepseek-v3"
COMPARED = "anthropic/claude-sonnet-4-5"
M = 1_000_000
FEW: list[Any] = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": r"https://api\.openai\.com",
        "models": [{"id": "m", "match": {"equals": MODEL}, "prices": {"input_mtok": 70, "output_mtok": 80}}],
    }
]


@pytest.fixture(scope="module")
def place() -> Iterator["Place"]:
    """Where `flock price update` fetches from."""
    found = Place()
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


class Place(ThreadingHTTPServer):
    """Answers every GET with what it was told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), _Answer)
        self.status, self.body, self.asked = 200, json.dumps(FEW).encode(), 0


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site: Any = self.server
        site.asked += 1
        self.send_response(site.status)
        self.send_header("Content-Length", str(len(site.body)))
        self.end_headers()
        self.wfile.write(site.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def vendors(place: Place) -> Iterator[Standing]:
    url = f"http://127.0.0.1:{place.server_address[1]}/data.json"
    names = ("anthropic", "openai", "fireworks")
    with standing(*names, FLOCK_PRICES_TABLES="true", FLOCK_PRICES_URL=url) as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


def row(on: Standing, told: Told) -> dict[str, Any]:
    """Return a request as `flock usage --json` has it."""
    assert told.status == 200, told.body
    on.usage(told)
    (found,) = [found for found in on.flock.json("usage") if found["request_id"] == told.id]
    return found


def price(on: Standing, model: str) -> dict[str, Any]:
    """Return what a model costs, once it has been looked up."""
    (found,) = on.flock.json("price", "ls", "--model", model)["prices"]
    return found


def dollars(found: dict[str, Any], card: dict[str, Any]) -> Decimal:
    """Return what a row costs by a card, with the tokens of the cache at their own price."""
    fresh = found["input_tokens"] - found["cached_tokens"]
    counts = ((fresh, "input"), (found["cached_tokens"], "cached"), (found["output_tokens"], "output"))
    return sum((Decimal(card[name]) * count for count, name in counts), Decimal(0)) / M


def test_tokens_of_the_cache_have_their_own_price(on: Standing) -> None:
    for model, vendor in ((MODEL, "openai"), ("claude-sonnet-4-5", "anthropic")):
        card = price(on, f"{vendor}/{model}")
        assert card["source"] == "genai-prices 0.2.3"
        assert Decimal(card["cached"]) < Decimal(card["input"])
        for stream in (False, True):
            found = row(on, told := on.chat(model, stream=stream))
            assert found["cached_tokens"] == CACHED
            assert Decimal(found["cost_usd"]) == dollars(found, card) > 0
            assert on.explained(told)["cost_usd"] == found["cost_usd"]


def test_a_price_that_is_not_known_yet_is_null_or_right_and_known_the_next_time(on: Standing) -> None:
    """The fake answers faster than a child starts; a vendor seldom does."""
    first = row(on, on.chat(ALIKE))
    card = price(on, f"openai/{ALIKE}")
    assert first["cost_usd"] is None or Decimal(first["cost_usd"]) == dollars(first, card)
    again = row(on, on.chat(ALIKE))
    assert Decimal(again["cost_usd"]) == dollars(again, card)


def test_a_key_with_a_budget_waits_for_the_price(vendors: Standing) -> None:
    with standing("openai", FLOCK_PRICES_TABLES="true") as on:
        made = on.flock.json("token", "create", "poor", "--vendors", "openai", "--budget", "5/day")
        told = on.ask("/v1/chat/completions", body(MODEL), made["token"])
        assert row(on, told)["cost_usd"] is not None
        # the child has ended, and with it what it took
        daemon = psutil.Process(int((on.flock.home / "run/daemon.lock").read_text()))
        assert not [child for child in daemon.children(recursive=True) if "price_child" in " ".join(child.cmdline())]


def test_what_nobody_knows_is_null(on: Standing) -> None:
    assert on.flock.json("price", "ls", "--model", UNKNOWN)["prices"] == []
    found = row(on, on.chat(UNKNOWN))
    assert (found["vendor"], found["outcome"], found["cost_usd"]) == ("fireworks", "ok", None)
    assert min(found["input_tokens"], found["output_tokens"]) > 0


def test_a_price_that_is_set_counts_from_then_on(on: Standing) -> None:
    card = price(on, f"openai/{MODEL}")
    before = row(on, on.chat(MODEL))
    on.flock.ok("price", "set", f"openai/{MODEL}", "--input", "100", "--output", "200", "--cached", "1")
    try:
        after = row(on, on.chat(MODEL))
        assert Decimal(after["cost_usd"]) == dollars(after, {"input": "100", "cached": "1", "output": "200"})
        assert Decimal(row_again(on, before)["cost_usd"]) == dollars(before, card)
        assert price(on, f"openai/{MODEL}")["source"] == "set"
        on.flock.ok("price", "set", "fireworks/*", "--input", "0", "--output", "0")
        assert row(on, on.chat(UNKNOWN))["cost_usd"] == "0"
        shown = on.flock.ok("price", "ls")
        assert "openai/gpt-5" in shown
        assert "fireworks/*" in shown
    finally:
        on.flock.ok("price", "remove", f"openai/{MODEL}")
        on.flock.run("price", "remove", "fireworks/*")
    found = row(on, on.chat(MODEL))
    assert Decimal(found["cost_usd"]) == dollars(found, card)


def row_again(on: Standing, before: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it is by now."""
    (found,) = [found for found in on.flock.json("usage") if found["request_id"] == before["request_id"]]
    return found


def test_updating_fetches_once_and_bad_tables_change_nothing(on: Standing, place: Place) -> None:
    assert place.asked == 0
    before = on.flock.json("price", "ls")["data"]
    place.status = 500
    done = on.flock.run("price", "update")
    assert done.returncode != 0
    assert "127.0.0.1 answers 500 for the tables of prices; the prices that were there stay" in done.stderr
    assert on.flock.json("price", "ls")["data"] == before
    place.status = 200
    assert "updated" in on.flock.ok("price", "update") + on.flock.json("price", "ls")["data"]
    assert place.asked == 2
    kept = on.flock.home / "data/prices.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    try:
        assert price(on, f"openai/{MODEL}")["input"] == "70"
        found = row(on, on.chat(MODEL))
        assert Decimal(found["cost_usd"]) == dollars(found, {"input": "70", "cached": "70", "output": "80"})
    finally:
        kept.unlink()


def test_power_of_own_machines_and_what_they_saved(on: Standing) -> None:
    flock = on.flock
    unpriced = row(on, on.chat("flock-smoke", max_tokens=8))
    assert (unpriced["vendor"], unpriced["cost_usd"]) == ("", None)
    done = flock.run("savings")
    assert done.returncode == 2
    assert "flock config set prices.compare_with anthropic/claude-sonnet-4-5" in done.stderr
    flock.ok("price", "set", f"{COMPARED}", "--input", "3", "--output", "15", "--cached", "0.3")
    plain = flock.json("savings", "--compare-with", COMPARED)
    assert {found["power_usd"] for found in plain} == {None}
    assert [found["saved_usd"] for found in plain] == [found["vendor_usd"] for found in plain]
    flock.ok("price", "set", "--local", "--watts", "350", "--per-kwh", "0.31")
    ask = on.flock.json("token", "create", "bob")["token"]
    for key in (None, ask):
        told = on.ask("/v1/chat/completions", body(), key)
        found = row(on, told)
        ms = sql(on, f"SELECT engine_ms FROM usage WHERE request_id = '{told.id}'")[0][0]
        assert Decimal(found["cost_usd"]) == power(ms)
        assert 0 < ms <= found["latency_ms"]
    by = "user,model,month"
    shown = flock.json("savings", "--by", by, "--compare-with", COMPARED, "--since", "2020-01-01")
    wanted = sql(
        on,
        "SELECT strftime('%Y-%m-01T00:00:00.000Z', at, 'unixepoch'), user, model, count(*), sum(input_tokens),"
        " sum(cached_tokens), sum(output_tokens), sum(engine_ms) FROM usage WHERE vendor = '' AND engine_ms > 0"
        " GROUP BY 1, 2, 3",
    )
    assert len(shown) == len(wanted) >= 2
    for month, user, model, requests, tokens_in, cached, tokens_out, ms in wanted:
        (found,) = [f for f in shown if (f["start"], f["user"], f["model"]) == (month, user, model)]
        assert (found["requests"], found["input_tokens"], found["output_tokens"]) == (requests, tokens_in, tokens_out)
        there = (Decimal(3) * (tokens_in - cached) + Decimal("0.3") * cached + Decimal(15) * tokens_out) / M
        assert Decimal(found["vendor_usd"]) == there
        assert Decimal(found["power_usd"]) == pytest.approx(power(ms), abs=Decimal("2e-9"))
        assert Decimal(found["saved_usd"]) == there - Decimal(found["power_usd"])
        assert float(found["watt_hours"]) == pytest.approx(350 * ms / 3_600_000, abs=0.001)
    said = flock.run("savings", "--compare-with", COMPARED)
    assert "flock-smoke" in said.stdout
    assert "saved by" in said.stderr
    flock.ok("price", "remove", "local")
    assert row(on, on.chat("flock-smoke", max_tokens=8))["cost_usd"] is None


def body(model: str = "flock-smoke") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 8}


def power(ms: float) -> Decimal:
    """Return what the power of so many milliseconds costs, to the billionth."""
    return round(Decimal(ms) / 3_600_000 * Decimal("0.35") * Decimal("0.31"), 9)


def sql(on: Standing, query: str) -> list[Any]:
    """Return rows of the flock's database, once the writer has nothing left."""
    on.flock.json("usage", "--limit", "1")
    with sqlite3.connect(f"file:{on.flock.home / 'data/flock.db'}?mode=ro", uri=True) as connection:
        return wait_for(lambda: connection.execute(query).fetchall(), "rows are there")
