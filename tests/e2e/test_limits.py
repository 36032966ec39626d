"""Limits hold at a real daemon: under many requests at once, for clients that leave, after a kill, in each dialect.

In front of a vendor that stands for the paid one and waits when it is told to, so that what runs at the same time is
what the test says. What the vendor saw, what rows say and what `flock token show` says must be the same.
"""

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psutil
import pytest

from tests.e2e.parts import Client, Told, ask
from tests.e2e.vendor_standing import Standing, standing
from tests.running import wait_for

MODEL = "gpt-4o-mini"
BODY: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
# a thousand dollars for a million tokens of answer: 100 of them are 10 cents
PRICE = ("--input", "100", "--output", "1000")
LOCAL = "flock-smoke"
MANY = 200


@pytest.fixture(scope="module")
def vendor() -> Iterator[Standing]:
    with standing("openai") as found:
        found.flock.ok("price", "set", f"openai/{MODEL}", *PRICE)
        yield found


@pytest.fixture
def on(vendor: Standing) -> Standing:
    vendor.forget()
    return vendor


def token(on: Standing, name: str, *limits: str) -> tuple[str, str]:
    """Return the id and the secret of a fresh key that may use the vendor."""
    made = on.flock.json("token", "create", name, "--vendors", "*", *limits)
    return made["id"], made["token"]


def meters(on: Standing, key: str) -> dict[str, dict[str, Any]]:
    """Return how much of its limits a key has used, by name."""
    return {meter["name"]: meter for meter in on.flock.json("token", "show", key)["meters"]}


def rows(on: Standing, name: str) -> list[dict[str, Any]]:
    """Return the usage rows of a key's user, once they are written."""
    return [row for row in on.flock.json("usage", "--limit", "1000") if row["user"] == name]


def all_at_once(on: Standing, secret: str, count: int, body: dict[str, Any] = BODY) -> list[Told]:
    """Send many requests at the same time and return what they were told."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: ask(on.flock.port, secret, body), range(count)))


@contextlib.contextmanager
def waiting(on: Standing, secret: str, count: int, body: dict[str, Any] = BODY) -> Iterator[list[Told]]:
    """Send many requests while the vendor answers none; yield those that were refused meanwhile, in a list that has
    all of them once the vendor has gone on.
    """
    on.faults("openai", {"kind": "slow", "times": -1})
    with ThreadPoolExecutor(count) as pool:
        told: list[Told] = []
        asked = [pool.submit(ask, on.flock.port, secret, body) for _ in range(count)]
        # everybody is either refused or at the vendor
        wait_for(lambda: sum(f.done() for f in asked) + open_at(on) >= count, "all have an answer, or wait for one")
        told += [future.result() for future in asked if future.done()]
        yield told
        on.faults("openai")
        on.call("openai", "/go")
        told += [future.result() for future in asked if future.result() not in told]


def open_at(on: Standing) -> int:
    """Return how many requests the vendor works on."""
    return int(on.call("openai", "/seen")["open"])


def statuses(told: list[Told]) -> dict[int, int]:
    return {status: sum(1 for one in told if one.status == status) for status in {one.status for one in told}}


# -- many at once


def test_two_hundred_at_once_on_a_dollar_overspend_by_no_more_than_one_reserve(on: Standing) -> None:
    id, secret = token(on, "dollar", "--budget", "1/day")
    with waiting(on, secret, MANY) as told:
        refused = list(told)
        held = Decimal(meters(on, id)["budget/day"]["reserved"])
        at_vendor = len(on.seen("openai"))
    each = held / at_vendor
    assert Decimal("0.1") < each < Decimal("0.11")  # 100 tokens of answer, and a prompt
    assert at_vendor == int(1 / each)
    assert {one.status for one in refused} == {429}
    assert {one.json["error"]["code"] for one in refused} == {"budget_exceeded"}
    assert statuses(told) == {200: at_vendor, 429: MANY - at_vendor}
    # what was not used is given back, and goes to whoever asks next, until the dollar is spent
    for _ in range(20):
        if statuses(all_at_once(on, secret, 20)) == {429: 20}:
            break
    spent = sum(Decimal(row["cost_usd"]) for row in rows(on, "dollar") if row["cost_usd"])
    meter = meters(on, id)["budget/day"]
    assert (Decimal(meter["used"]), Decimal(meter["reserved"])) == (spent, 0)
    assert 1 - each < spent <= 1
    assert len(on.seen("openai")) == sum(1 for row in rows(on, "dollar") if row["cost_usd"])


def test_of_many_at_once_no_more_than_the_requests_of_a_minute_pass(on: Standing) -> None:
    _, secret = token(on, "requests", "--rpm", "5")
    began = time.monotonic()
    told = all_at_once(on, secret, 60, BODY | {"model": LOCAL})
    passed = statuses(told)[200]
    assert 5 <= passed <= 5 + (time.monotonic() - began) * 5 / 60
    refused = [one for one in told if one.status == 429]
    assert len(refused) == 60 - passed
    for one in refused:
        assert one.json["error"]["code"] == "rate_limited"
        assert 1 <= int(one.headers["retry-after"]) <= 60
        assert one.headers["ratelimit-policy"] == '"rpm";q=5;w=60'


def test_of_many_at_once_no_more_than_the_tokens_of_a_minute_are_reserved(on: Standing) -> None:
    id, secret = token(on, "tokens", "--tpm", "1000")
    with waiting(on, secret, 40, BODY | {"max_tokens": 300}) as told:
        refused = list(told)
        meter = meters(on, id)["tpm"]
        assert len(on.seen("openai")) == 40 - len(refused) == 3
        assert 900 < int(meter["reserved"]) <= 1000
    assert {one.json["error"]["code"] for one in refused} == {"rate_limited"}
    # three answers of some ten tokens were far less than what was reserved for them
    assert int(meters(on, id)["tpm"]["reserved"]) == 0
    assert ask(on.flock.port, secret, BODY | {"max_tokens": 300}).status == 200


def test_a_quota_holds_and_is_what_the_rows_say(on: Standing) -> None:
    id, secret = token(on, "quota", "--quota", "1000")
    with waiting(on, secret, 40, BODY | {"max_tokens": 300}) as told:
        assert len(on.seen("openai")) == 40 - len(told) == 3
    used = sum(row["input_tokens"] + row["output_tokens"] for row in rows(on, "quota"))
    meter = meters(on, id)["quota"]
    assert (int(meter["used"]), meter["reserved"]) == (used, "0")
    assert 0 < used < 300


# -- however a request ends


def test_a_client_that_leaves_in_the_middle_pays_for_what_came_and_no_more(on: Standing) -> None:
    id, secret = token(on, "leaves", "--budget", "5/day", "--quota", "100000")
    on.faults("openai", {"kind": "stall", "times": 1})
    with contextlib.closing(Client(on.flock.port, secret)) as client:
        told = client.send(BODY | {"stream": True}).head()
        client.until(b"Hello")
        held = {name: meter["reserved"] for name, meter in meters(on, id).items()}
        assert all(float(reserved) > 0 for reserved in held.values()), held
    row = on.row(told.id)
    assert (row["outcome"], row["estimated"]) == ("cancelled", True)
    assert 0 < row["input_tokens"] < 50
    assert 0 < row["output_tokens"] < 20
    after = meters(on, id)
    assert {meter["reserved"] for meter in after.values()} == {"0"}
    assert int(after["quota"]["used"]) == row["input_tokens"] + row["output_tokens"]
    assert Decimal(after["budget/day"]["used"]) == Decimal(row["cost_usd"])
    assert Decimal(row["cost_usd"]) < Decimal(held["budget/day"])


def test_a_client_that_leaves_before_the_answer_is_charged_the_reserve_and_told_so(on: Standing) -> None:
    """The vendor may go on to the end of an answer that nobody hears."""
    id, secret = token(on, "impatient", "--budget", "5/day")
    on.faults("openai", {"kind": "slow", "times": 1})
    with contextlib.closing(Client(on.flock.port, secret)) as client:
        client.send(BODY)
        wait_for(lambda: on.seen("openai"), "the vendor is asked")
        held = meters(on, id)["budget/day"]["reserved"]
    row = wait_for(lambda: next(iter(rows(on, "impatient")), None), "it is counted")
    assert (row["outcome"], row["cost_usd"]) == ("cancelled", held)
    assert meters(on, id)["budget/day"]["used"] == held
    notes = on.flock.json("explain", row["request_id"])["notes"]
    assert f"openai told no usage: ${held}, which was reserved, is what it counts as" in notes


FAILURES: dict[str, Callable[[Standing], None]] = {
    "the vendor fails": lambda on: on.faults("openai", {"kind": "failed", "times": -1}),
    "the vendor refuses": lambda on: on.faults("openai", {"kind": "context", "times": -1}),
    "the vendor is not there": lambda on: on.faults("openai", {"kind": "drop", "times": -1}),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_gives_everything_back(on: Standing, failure: str) -> None:
    id, secret = token(on, failure, "--budget", "5/day", "--tpm", "100000", "--quota", "100000")
    FAILURES[failure](on)
    assert ask(on.flock.port, secret, BODY).status >= 400
    assert on.seen("openai")
    assert {(m["used"], m["reserved"]) for m in meters(on, id).values()} == {("0", "0")}


# -- a crash


def test_a_kill_between_reserve_and_settlement_loses_no_dollar() -> None:
    with standing("openai") as on:
        on.flock.ok("price", "set", f"openai/{MODEL}", *PRICE)
        id, secret = token(on, "crash", "--budget", "1/day", "--quota", "100000")
        on.faults("openai", {"kind": "slow", "times": -1})
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(contextlib.closing(Client(on.flock.port, secret))).send(BODY)
            wait_for(lambda: open_at(on) == 3, "the vendor works on all three")
            held = Decimal(meters(on, id)["budget/day"]["reserved"])
            killed(on)
            assert sum(nano for _, nano in holds(on)) == held * 10**9
            on.faults("openai")
            on.call("openai", "/go")
        on.flock.ok("up")
        meter = meters(on, id)["budget/day"]
        assert (Decimal(meter["used"]), Decimal(meter["reserved"])) == (held, 0)
        found = rows(on, "crash")
        assert sum(Decimal(row["cost_usd"]) for row in found) == held
        assert (len(found), holds(on)) == (3, [])
        # and what is left of the dollar holds
        told = all_at_once(on, secret, 50)
        assert sum(Decimal(row["cost_usd"]) for row in rows(on, "crash") if row["cost_usd"]) <= 1
        assert 429 in statuses(told)


def killed(on: Standing) -> None:
    """Kill the daemon as the kernel does."""
    daemon = psutil.Process(on.flock.pid)
    os.kill(daemon.pid, signal.SIGKILL)
    wait_for(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE, "the daemon is gone")


def holds(on: Standing) -> list[tuple[str, int]]:
    """Return the reserves that are on the disk."""
    with contextlib.closing(sqlite3.connect(on.flock.home / "data/flock.db")) as database:
        return list(database.execute("SELECT request_id, nano_usd FROM holds"))


# -- what is no request, and what is too large


def test_a_request_larger_than_a_limit_is_the_clients_to_mend(on: Standing) -> None:
    _, secret = token(on, "small", "--tpm", "50")
    long = {**BODY, "messages": [{"role": "user", "content": "one two three four " * 200}]}
    told = ask(on.flock.port, secret, long)
    assert (told.status, told.error["code"], told.error["type"]) == (400, "request_over_limit", "invalid_request_error")
    assert "retry-after" not in told.headers
    # the answer's limit alone makes no request too large
    assert ask(on.flock.port, secret, BODY | {"max_tokens": 100_000}).status == 200
    assert len(on.seen("openai")) == 1


def test_counting_and_looking_around_take_nothing_of_a_limit(on: Standing) -> None:
    id, secret = token(on, "counts", "--rpm", "1")
    for _ in range(5):
        told = ask(on.flock.port, secret, BODY, "/v1/messages/count_tokens", {"anthropic-version": "2023-06-01"})
        assert (told.status, told.json["input_tokens"] > 0) == (200, True)
        assert not [name for name in told.headers if "ratelimit" in name]
    assert meters(on, id)["rpm"]["used"] == "0"
    assert ask(on.flock.port, secret, BODY).status == 200


def test_keys_without_limits_have_no_headers_of_limits(on: Standing) -> None:
    _, secret = token(on, "free")
    told = ask(on.flock.port, secret, BODY)
    assert told.status == 200
    assert not [name for name in told.headers if "ratelimit" in name]


def test_after_all_of_it_the_counters_are_what_the_rows_add_up_to(on: Standing) -> None:
    done = on.flock.run("doctor", "--json")
    (found,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "limits"]
    assert (found["state"], "counters are what usage adds up to" in json.dumps(found)) == ("ok", True), found
