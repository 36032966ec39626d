"""What people write for the limits of a key, and the sentence said of what cannot be read."""

from typing import Any

import pytest

from flock.core import token_words as words
from flock.errors import InvalidRequest


@pytest.mark.parametrize(
    ("said", "budgets"),
    [
        (["5/day"], (("5", "day"),)),
        (["$5/day"], (("5", "day"),)),
        (["5.50/month"], (("5.5", "month"),)),
        (["0.000000001/week"], (("0.000000001", "week"),)),
        (["100/month", "1/day", "7/week"], (("1", "day"), ("7", "week"), ("100", "month"))),
        ([" $ 5 / Day "], (("5", "day"),)),
        (["none"], ()),
        ([], ()),
    ],
)
def test_budgets(said: list[str], budgets: Any) -> None:
    assert words.read_budgets(said) == budgets


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["5"], "has no window"),
        (["5/"], "has no window"),
        (["/day"], "has no amount"),
        (["$/day"], "has no amount"),
        (["day"], "has no amount"),
        ([""], "has no amount"),
        (["five/day"], "has no amount"),
        (["5eur/day"], "has no amount"),
        (["1e3/day"], "has no amount"),
        (["0.0000000001/day"], "at most nine of them behind the point"),
        (["99999999999999/day"], "at most $1,000,000,000"),
        (["٥/day"], "has no amount"),
        (["inf/day"], "has no amount"),
        (["5/hour"], "unknown window 'hour'"),
        (["5/day/week"], "unknown window 'day/week'"),
        (["-5/day"], "less than nothing"),
        (["0/day"], "more than $0"),
        (["1000000001/day"], "at most $1,000,000,000"),
        (["5/day", "6/day"], "two budgets of one day"),
        (["none", "5/day"], "has no amount"),
    ],
)
def test_bad_budgets(said: list[str], why: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        words.read_budgets(said)
    assert why in caught.value.sentence
    right = caught.value.hint.removeprefix("--budget ")
    assert words.read_budgets([right]), "the hint shows a right one"


@pytest.mark.parametrize("name", ["", "   ", "a\x07b", "x" * 101, "a\nb", "\u202e"])
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 100 printable characters"):
        words.read_name(name)


def test_names_and_notes_are_trimmed() -> None:
    assert words.read_name("  Ada Lovelace ") == "Ada Lovelace"
    assert words.read_note("  the build server ") == "the build server"
    for note in ("x" * 501, "two\nlines"):
        with pytest.raises(InvalidRequest, match="--note"):
            words.read_note(note)


@pytest.mark.parametrize("number", [-1, -(10**9), 10**10])
def test_bad_counts(number: int) -> None:
    with pytest.raises(InvalidRequest, match=rf"--quota {number}"):
        words.read_count(number, "--quota")
    with pytest.raises(InvalidRequest, match="--share"):
        words.read_share(number)


def test_models_are_ids_and_globs() -> None:
    said = "qwen3-8b, claude-*,hf:org/a:7b ,openai/gpt-5*,,qwen3-8b"
    assert words.read_models(said) == ("qwen3-8b", "claude-*", "hf:org/a:7b", "openai/gpt-5*")
    for bad in ("a b", "a\x00", "x" * 201, ",".join(f"m{i}" for i in range(201))):
        with pytest.raises(InvalidRequest):
            words.read_models(bad)


def test_tags() -> None:
    assert words.read_tags(["team=web", "env = prod"]) == {"env": "prod", "team": "web"}
    assert words.read_tags(["team=", "a=b=c"], {"team": "web", "x": "1"}) == {"a": "b=c", "x": "1"}
    for bad in (["team"], ["=web"], ["te am=x"], ["team="], [f"t{i}=x" for i in range(51)], ["t=\x1b[2J"]):
        with pytest.raises(InvalidRequest):
            words.read_tags(bad)
    tags = {"team": "web"}
    assert words.has_tag(tags, "team")
    assert words.has_tag(tags, "team=web")
    assert not words.has_tag(tags, "team=")
    assert not words.has_tag(tags, "other")
    with pytest.raises(InvalidRequest):
        words.has_tag(tags, "=x")


def test_globs_that_fit_nothing() -> None:
    known = ["qwen3-8b", "openai/", "claude-*"]
    assert words.fits_nothing(("qwen*", "openai/gpt-5*", "claude-*", "claude-sonnet-4"), known) == []
    assert words.fits_nothing(("Qwen*", "llama", "openai"), known) == ["Qwen*", "llama", "openai"]
