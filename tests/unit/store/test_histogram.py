"""Histograms: percentiles within the stated 2 %, adding up, and what they look like stored."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.store.histogram import LEAST_MS, Adding, added, bucket, decode, encode, middle, percentiles

MS = st.floats(LEAST_MS, 1e9, allow_nan=False)


def histogram(values: list[float]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[bucket(value)] = found.get(bucket(value), 0) + 1
    return found


@given(MS)
def test_a_bucket_s_middle_is_at_most_two_percent_away(ms: float) -> None:
    assert abs(middle(bucket(ms)) - ms) <= 0.02 * ms * (1 + 1e-9)


@given(st.lists(MS, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_percentiles_are_at_most_two_percent_from_the_value_of_that_rank(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    (found,) = percentiles(histogram(values), [share])
    assert found is not None
    assert abs(found - exact) <= 0.02 * exact * (1 + 1e-9)


@pytest.mark.parametrize("value", [0.0, -5.0, math.nan, -math.inf, 1e-300])
def test_what_is_no_duration_counts_as_none(value: float) -> None:
    assert bucket(value) == 0


def test_durations_have_an_end() -> None:
    assert bucket(math.inf) == bucket(1e300) < 1 << 16


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentiles({}, [0.5, 0.99]) == [None, None]
    assert encode({}) == b""
    assert decode(b"") == {}


COUNTS = st.dictionaries(
    st.integers(0, 1300), st.one_of(st.integers(1, 3), st.integers(1, 2**32 - 1)), max_size=60
).map(
    # the first of the stored forms has one entry for each observation
    lambda counts: counts if len(counts) < 40 else dict.fromkeys(counts, 1)
)


@given(st.lists(COUNTS, max_size=8))
def test_stored_and_added_up_they_are_the_same(many: list[dict[int, int]]) -> None:
    adding, total = Adding(), dict[int, int]()
    for counts in many:
        stored = encode(counts)
        assert decode(stored) == counts
        adding.add(stored)
        for index, count in counts.items():
            total[index] = total.get(index, 0) + count
    assert adding.counts() == total
    assert adding.counts() == total, "asked twice"


@given(COUNTS, COUNTS)
def test_two_are_added(one: dict[int, int], other: dict[int, int]) -> None:
    assert added(one, other) == {i: one.get(i, 0) + other.get(i, 0) for i in {*one, *other}}


def test_more_than_a_lane_holds_at_once_is_folded_before() -> None:
    stored, adding = encode({7: 255, 8: 1, 9: 255, 200: 255}), Adding()
    assert stored[0] == 2
    for _ in range(70_000):
        adding.add(stored)
    assert adding.counts() == {7: 255 * 70_000, 8: 70_000, 9: 255 * 70_000, 200: 255 * 70_000}


def test_each_form_is_used_where_it_is_the_shortest() -> None:
    lot = random.Random(1)
    few = histogram([lot.lognormvariate(8, 0.6) for _ in range(5)])
    many = histogram([lot.lognormvariate(8, 0.6) for _ in range(400)])
    assert (encode(few)[0], len(encode(few))) == (1, 11)
    assert encode(many)[0] == 2
    assert encode(dict.fromkeys(many, 300))[0] == 3
    assert encode(dict.fromkeys(many, 70000))[0] == 4
    assert len(encode(many)) < 120


@pytest.mark.parametrize(
    "stored", [b"\x00", b"\x01\x02", b"\x02\x01\x00", b"\x03\x01\x00\x05", b"\x09abc", b"\x04\x00\x00\x01"]
)
def test_other_bytes_are_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match="no histogram"):
        decode(stored)
