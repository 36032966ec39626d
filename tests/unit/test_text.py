"""Numbers as people say them."""

import pytest

from flock import text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.000_31, "0.3 ms"),
        (0.0099, "9.9 ms"),
        (0.00999, "10 ms"),
        (0.0123, "12 ms"),
        (3.44, "3.4 s"),
        (303, "5 m 3 s"),
        (7800, "2 h 10 m"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_500_000, "3.5 MB"), (2.5e12, "2.5 TB")]
)
def test_sizes(count: float, words: str) -> None:
    assert text.size(count) == words


def test_counts_and_times_past() -> None:
    assert (text.count(1, "model"), text.count(3000, "model")) == ("1 model", "3,000 models")
    assert (text.ago(1.9), text.ago(190)) == ("just now", "3 m 10 s ago")


def test_one_line() -> None:
    assert text.one_line("a\n  b\tc") == "a b c"
    assert text.one_line("x" * 400, 10) == "x" * 9 + "…"
