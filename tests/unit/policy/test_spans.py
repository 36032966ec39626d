"""Lengths of time as people write them."""

import pytest

from flock.errors import InvalidRequest
from flock.policy.spans import seconds_of


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("90s", 90.0),
        ("5m", 300.0),
        ("12h", 43200.0),
        ("7d", 604800.0),
        ("4w", 2419200.0),
        ("1d12h", 129600.0),
        ("1d 12h", 129600.0),
        (" 7D ", 604800.0),
        ("1.5h", 5400.0),
        ("0", 0.0),
        ("0s", 0.0),
    ],
)
def test_what_they_mean(words: str, seconds: float) -> None:
    assert seconds_of(words) == seconds


@pytest.mark.parametrize(
    "words", ["7x", "", "d", "7", "-7d", "7 days", "1e9d", "½h", "٧d", "7d,", "100000d", "9999999999d", "7d\n1h x"]
)
def test_what_means_nothing_is_named(words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        seconds_of(words, "--ttl")
    assert caught.value.sentence.startswith("--ttl ")
    assert repr(words) in caught.value.sentence
    assert caught.value.hint == "--ttl 7d"


def test_a_long_word_is_cut() -> None:
    with pytest.raises(InvalidRequest) as caught:
        seconds_of("x" * 10_000)
    assert len(caught.value.sentence) < 200
