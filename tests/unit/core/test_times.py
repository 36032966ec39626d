"""What people write for a time, and what it means."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.clock import rfc3339
from flock.core.times import parse_since, parse_span, parse_until
from flock.errors import InvalidRequest

# a Thursday
NOW = datetime(2026, 11, 26, 21, 4, 51, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("words", "means"),
    [
        ("", "1970-01-01T00:00:00.000Z"),
        ("now", "2026-11-26T21:04:51.000Z"),
        ("today", "2026-11-26T00:00:00.000Z"),
        ("yesterday", "2026-11-25T00:00:00.000Z"),
        ("week", "2026-11-23T00:00:00.000Z"),
        ("month", "2026-11-01T00:00:00.000Z"),
        ("year", "2026-01-01T00:00:00.000Z"),
        (" Month ", "2026-11-01T00:00:00.000Z"),
        ("7d", "2026-11-19T21:04:51.000Z"),
        ("12h", "2026-11-26T09:04:51.000Z"),
        ("90m", "2026-11-26T19:34:51.000Z"),
        ("30s", "2026-11-26T21:04:21.000Z"),
        ("2w", "2026-11-12T21:04:51.000Z"),
        ("99999999w", "1970-01-01T00:00:00.000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00.000Z"),
        ("2026-11-01t08:00:00z", "2026-11-01T08:00:00.000Z"),
        ("2026-11-01T08:00:00.250+02:00", "2026-11-01T06:00:00.250Z"),
        ("2026-11-01 08:00", "2026-11-01T08:00:00.000Z"),
    ],
)
def test_what_the_words_mean(words: str, means: str) -> None:
    assert rfc3339(parse_since(words, NOW)) == means


def test_a_monday_is_the_begin_of_its_own_week() -> None:
    monday = datetime(2026, 11, 23, 0, 0, 1, tzinfo=UTC).timestamp()
    assert rfc3339(parse_since("week", monday)) == "2026-11-23T00:00:00.000Z"


def test_nothing_said_about_the_end_is_now() -> None:
    assert parse_until("", NOW) == NOW


@pytest.mark.parametrize(
    "words",
    [
        *("banana", "7x", "7", "-7d", "d", "2026", "20261101", "2026-13-01", "2026-02-30", "2026-11-01T25:00:00Z"),
        *("2026-W45-1", "0001-01-01", "9999-12-31", "2026-11-01T08", "2026-11-01T08:00:00+99:00", "today 3"),
    ],
)
def test_nonsense_is_named(words: str) -> None:
    for option, read in (("--since", parse_since), ("--until", parse_until)):
        with pytest.raises(InvalidRequest) as told:
            read(words, NOW)
        assert option in told.value.sentence
        assert repr(words) in told.value.sentence


def test_an_end_before_the_begin_is_refused_with_both() -> None:
    with pytest.raises(InvalidRequest) as told:
        parse_span("2026-11-08", "2026-11-01", NOW)
    assert "--until 2026-11-01" in told.value.sentence
    assert "--since 2026-11-08" in told.value.sentence
    with pytest.raises(InvalidRequest, match="--until now"):
        parse_span("2027-01-01", "", NOW)


@given(st.text(max_size=40))
def test_any_words_are_a_time_or_a_mistake_that_is_told(words: str) -> None:
    with suppress(InvalidRequest):
        assert parse_since(words, NOW) >= 0


@given(st.floats(0, 4e9))
def test_what_is_printed_can_be_given_back(at: float) -> None:
    assert abs(parse_since(rfc3339(at), NOW) - at) < 0.002
