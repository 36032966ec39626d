"""Histograms of milliseconds that can be added up: what percentiles over any time and any group are read from.

Buckets grow by 4 %, so that a percentile is at most 2 % from the value of that rank, from 0.01 ms on
(tests/unit/store/test_histogram.py). Owns the buckets and their encodings, told apart by the first byte. Refuses to
keep single values. Called by sums.py, hours.py and reckoning.py.

A histogram in memory is a dict from bucket to count; stored it is b"" when empty, else the shorter of

- 1: for each observation its bucket, 16 bits, little-endian, ascending;
- 2, 3, 4: the first bucket, 16 bits, then the counts from there on, one after the other, of 8, 16 or 32 bits.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import ceil, log

# a bucket ends 4 % above its begin: its middle is (1.04 - 1) / (1.04 + 1) = 1.96 % from either end
GROWTH = 1.04
# what is shorter counts as this: no answer of a network takes less
LEAST_MS = 0.01
# what is longer counts as this, thirty years: the clocks went wrong
MOST_MS = 1e12

_PER_LOG = 1 / log(GROWTH)
_SHIFT = -log(LEAST_MS) * _PER_LOG
_LISTED = 1
# by the first byte: the bytes of a count, and for more than one the letter of struct
_OF_KIND = {2: 1, 3: 2, 4: 4}
_LETTERS = {3: "H", 4: "I"}
# the same while histograms are added as whole numbers: each bucket is two bytes wider at least, so that 65,536 of them
# can be added before a bucket would flow into the next one
_LANES = {2: (4, "I"), 3: (4, "I"), 4: (8, "Q")}
_ADDED = 1 << 16
# observations of the first kind that are gathered before they are counted: 2 MB
_GATHERED = 1_000_000

Buckets = dict[int, int]


def bucket(ms: float) -> int:
    """Return the bucket of a duration; what is no number is 0."""
    if not ms > LEAST_MS:
        return 0
    return ceil(log(ms if ms < MOST_MS else MOST_MS) * _PER_LOG + _SHIFT)


def tally(counts: Buckets, values: Iterable[float]) -> None:
    """Count durations in milliseconds into a histogram."""
    get = counts.get
    for ms in values:
        # the formula of `bucket`, whose call would cost as much again
        index = ceil(log(ms) * _PER_LOG + _SHIFT) if LEAST_MS < ms < MOST_MS else bucket(ms)
        counts[index] = get(index, 0) + 1


def middle(index: int) -> float:
    """Return the duration in milliseconds that stands for a bucket: at most 2 % from all that are in it."""
    return LEAST_MS if index <= 0 else 2 * LEAST_MS * GROWTH**index / (GROWTH + 1)


def percentiles(counts: Buckets, shares: Sequence[float]) -> list[float | None]:
    """Return the milliseconds that each share (0 to 1, ascending) of the observations did not exceed, None where there
    are none.
    """
    if not counts:
        return [None] * len(shares)
    total, seen, found = sum(counts.values()), 0, list[float | None]()
    ranks = [max(1, ceil(share * total)) for share in shares]
    for index in sorted(counts):
        seen += counts[index]
        while len(found) < len(ranks) and seen >= ranks[len(found)]:
            found.append(middle(index))
    return found


def added(one: Buckets, other: Buckets) -> Buckets:
    """Return the sum of two histograms."""
    if not one or not other:
        return one or other
    return {index: one.get(index, 0) + other.get(index, 0) for index in one.keys() | other.keys()}


def encode(counts: Buckets) -> bytes:
    """Return the stored form. A busy writer does this 200 times a second: about 5 µs."""
    if not counts:
        return b""
    first, last = min(counts), max(counts)
    dense = list(map(counts.get, range(first, last + 1), repeat(0)))
    most = max(dense)
    kind, width = (2, 1) if most < 1 << 8 else (3, 2) if most < 1 << 16 else (4, 4)
    if 2 * len(counts) <= 2 + len(dense) * width and 2 * (total := sum(dense)) <= 2 + len(dense) * width:
        return struct.pack(f"<B{total}H", _LISTED, *[i for i in sorted(counts) for _ in range(counts[i])])
    head = bytes((kind, first & 0xFF, first >> 8))
    return head + (bytes(dense) if width == 1 else struct.pack(f"<{len(dense)}{_LETTERS[kind]}", *dense))


def decode(stored: bytes) -> Buckets:
    """Return the histogram of its stored form. Raises ValueError for what is none."""
    adding = Adding()
    adding.add(stored)
    return adding.counts()


class Adding:
    """Stored histograms being added up: about a microsecond for each, since a summary may need 100,000 of them.

    Counts of 8 to 32 bits are spread and then added as one whole number, which no loop over buckets beats.
    """

    __slots__ = ("_counted", "_listed", "_numbers", "_spread", "_waiting")

    def __init__(self) -> None:
        self._listed: list[bytes] = []
        self._waiting = 0
        self._counted: Buckets = {}
        # by kind and first bucket, which are the stored form's first three bytes
        self._numbers: dict[bytes, int] = {}
        self._spread = 0

    def add(self, stored: bytes) -> None:
        """Add one. Raises ValueError for what is no histogram."""
        if not stored:
            return
        kind, size = stored[0], len(stored)
        if kind == _LISTED and size % 2:
            self._listed.append(stored[1:])
            self._waiting += size // 2
            if self._waiting > _GATHERED:
                self._count()
            return
        width = _OF_KIND.get(kind)
        if width is None or size < 4 or (size - 3) % width:
            raise ValueError(f"these bytes are no histogram: {stored[:16].hex()}")
        lane = _LANES[kind][0]
        spread = bytearray((size - 3) // width * lane)
        for byte in range(width):
            spread[byte::lane] = stored[3 + byte :: width]
        head = stored[:3]
        self._numbers[head] = self._numbers.get(head, 0) + int.from_bytes(spread, "little")
        self._spread += 1
        if self._spread >= _ADDED:
            self._fold()

    def counts(self) -> Buckets:
        """Return the sum so far."""
        self._count()
        self._fold()
        return dict(self._counted)

    def _count(self) -> None:
        if self._listed:
            data = b"".join(self._listed)
            self._counted = added(self._counted, Counter(struct.unpack(f"<{len(data) // 2}H", data)))
            self._listed, self._waiting = [], 0

    def _fold(self) -> None:
        for lane, letter in set(_LANES.values()):
            numbers = [(h[1] | h[2] << 8, n) for h, n in self._numbers.items() if _LANES[h[0]][0] == lane]
            if not numbers:
                continue
            first = min(at for at, _ in numbers)
            number = sum(number << 8 * lane * (at - first) for at, number in numbers)
            count = number.bit_length() // (8 * lane) + 1
            counts = struct.unpack(f"<{count}{letter}", number.to_bytes(count * lane, "little"))
            self._counted = added(self._counted, {first + at: n for at, n in enumerate(counts) if n})
        self._numbers, self._spread = {}, 0
