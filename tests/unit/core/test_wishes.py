"""What a request may ask of flock itself, where it says so, and that no engine hears of it."""

import json
from typing import Any

import pytest

from flock.core.wishes import NONE, Wishes, wishes
from flock.dialects.ask import Ask, Upload
from flock.dialects.openai.server import CHAT, read_ask
from flock.errors import InvalidRequest


def ask(headers: dict[str, str] | None = None, **fields: Any) -> Ask:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    asked = read_ask(json.dumps(body).encode(), CHAT)
    asked.headers = headers or {}
    return asked


def test_a_request_without_wishes_is_left_as_it_came() -> None:
    asked = ask()
    found, wanted = wishes(asked)
    assert found is asked
    assert wanted is NONE


@pytest.mark.parametrize("sort", ["price", "throughput"])
def test_the_field_is_taken_out_of_the_body(sort: str) -> None:
    found, wanted = wishes(ask(flock={"sort": sort}, temperature=0.5))
    assert wanted == Wishes(sort)
    assert "flock" not in found.body
    assert json.loads(found.raw) == found.body
    assert found.body["temperature"] == 0.5


def test_an_empty_field_wishes_nothing_and_is_taken_out_too() -> None:
    found, wanted = wishes(ask(flock={}))
    assert (wanted, "flock" in found.body) == (NONE, False)


def test_the_header_says_it_too_and_counts_less() -> None:
    header = {"x-flock-sort": "throughput"}
    assert wishes(ask(header))[1] == Wishes("throughput")
    assert wishes(ask(header, flock={}))[1] == Wishes("throughput")
    assert wishes(ask(header, flock={"sort": "price"}))[1] == Wishes("price")


@pytest.mark.parametrize(
    ("wished", "words"),
    [
        ("price", "flock: must be an object"),
        (None, "flock: must be an object"),
        ({"sort": "size"}, "flock.sort 'size' is no order"),
        ({"sort": ""}, "is no order"),
        ({"sort": 1}, "is no order"),
        ({"sort": ["price"]}, "is no order"),
        ({"sort": {"by": "price"}}, "is no order"),
        ({"order": "price"}, "flock.order is nothing flock can be asked for"),
    ],
)
def test_what_is_no_wish_is_refused_in_words(wished: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        wishes(ask(flock=wished))


def test_a_header_that_is_no_order_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidRequest, match="X-Flock-Sort 'fast' is no order"):
        wishes(ask({"x-flock-sort": "fast"}))


def test_a_body_that_cannot_be_written_again_is_refused_in_words() -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="cannot be written again"):
        wishes(ask(flock={"sort": "price"}, metadata=deep))


def test_a_form_keeps_its_bytes() -> None:
    asked = ask({"x-flock-sort": "price"}, flock="x")
    asked.uploads = {"file": Upload("a.wav", "audio/wav", b"x")}
    found, wanted = wishes(asked)
    assert found is asked
    assert wanted == Wishes("price")


def test_priority_and_cost_are_headers_alone() -> None:
    assert wishes(ask({"x-flock-priority": " LOW "}))[1] == Wishes(low=True)
    assert wishes(ask({"x-flock-priority": "normal"}))[1] == NONE
    assert wishes(ask({"x-flock-max-cost": "0.25"}))[1] == Wishes(most=250_000_000)
    assert wishes(ask({"x-flock-max-cost": "0"}, flock={"sort": "price"}))[1] == Wishes("price", most=0)


@pytest.mark.parametrize(
    ("header", "words"), [("x-flock-priority", "high"), ("x-flock-max-cost", "-1"), ("x-flock-max-cost", "5 EUR")]
)
def test_a_priority_and_a_cost_that_are_none(header: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        wishes(ask({header: words}))
