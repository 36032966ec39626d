"""A minute's limit: how many units (requests, tokens) may pass a minute, by the generic cell rate algorithm.

Owns one number per limit: the moment at which all that passed would be worn off (ITU-T I.371's theoretical arrival
time). A unit lasts 60/limit seconds; what passes may reach one minute ahead of now, so an unused limit lets a whole
minute's worth through at once, and no span of S seconds ever sees more than limit × (1 + S/60). Moments are monotonic
seconds: the wall clock may jump. Refuses to know keys, errors and journals. Called by policy/limits.py.
"""

from collections import deque

MINUTE = 60.0
# a retry after exactly the seconds that were told must pass: floats err by less, and a limit of 60 million a minute
# has units as short
EPSILON = 1e-6
# how long a reserve can be given back, and into how many parts that time is cut: what is given back errs by a part at
# most (2 s of 60, never in the caller's favour), a key remembers 60 of them, a settlement looks at 60 at most (3 µs)
GIVEN_BACK_SECONDS = 120.0
PART_SECONDS = 2.0


class Gcra:
    """A limit a minute, above 0. `full_at` is the monotonic second at which it is unused again."""

    __slots__ = ("full_at", "limit", "unit")

    def __init__(self, limit: int, full_at: float = 0.0) -> None:
        self.limit = limit
        self.unit = MINUTE / limit
        self.full_at = full_at

    def wait(self, units: int, now: float) -> float:
        """Return the seconds until so many units may pass, 0 for now. More than the limit never may."""
        full_at = self.full_at
        ahead = (full_at - now if full_at > now else 0.0) + units * self.unit - MINUTE
        return ahead if ahead > EPSILON else 0.0

    def take(self, units: int, now: float) -> None:
        """Let units pass, whether or not they may."""
        self.full_at = max(self.full_at, now) + units * self.unit

    def start(self, full_at: float) -> None:
        """Begin with what was used before the start."""
        self.full_at = full_at

    def used(self, now: float) -> float:
        """Return how many units are not worn off."""
        return max(0.0, self.full_at - now) / self.unit

    def change(self, limit: int, now: float) -> None:
        """Set another limit; the units that are used stay used."""
        unit = MINUTE / limit
        self.full_at = now + max(0.0, self.full_at - now) * unit / self.unit
        self.limit, self.unit = limit, unit


# what passed in one part of the time: first moment, last moment, units
Part = list[float]


class Reserving(Gcra):
    """A limit a minute on units that are known exactly only later: reserved, then settled.

    What was too much is taken back as if it had never passed, however many passed since and in whichever order they
    settle: the parts of the time are counted again. Simply moving `full_at` back would let more than the limit pass,
    since the reserve has worn off in part meanwhile and what passed later stands behind it
    (tests/unit/policy/test_gcra.py).
    """

    __slots__ = ("_before", "_parts")

    def __init__(self, limit: int, full_at: float = 0.0) -> None:
        super().__init__(limit, full_at)
        self._parts: deque[Part] = deque()
        # `full_at` as it was before the first part
        self._before = full_at

    def reserve(self, units: int, now: float) -> Part:
        """Let units pass that may be fewer or more in the end. Return what `settle` needs."""
        self.take(units, now)
        parts = self._parts
        if parts and now < parts[-1][0] + PART_SECONDS:
            part = parts[-1]
            part[1] = now
            part[2] += units
            return part
        while parts and parts[0][1] < now - GIVEN_BACK_SECONDS:
            _, last, passed = parts.popleft()
            self._before = max(self._before, last) + passed * self.unit
        part = [now, now, float(units)]
        parts.append(part)
        return part

    def settle(self, part: Part, reserved: int, used: int, now: float) -> None:
        """Say how many of the reserved units passed in truth; more than reserved pass now."""
        if used > reserved:
            self.reserve(used - reserved, now)
        elif used < reserved and self._parts and part[0] >= self._parts[0][0]:
            part[2] -= reserved - used
            full_at = self._counted()
            if full_at < self.full_at:
                self.full_at = full_at

    def start(self, full_at: float) -> None:
        """Begin with what was used before the start, which nothing gives back."""
        super().start(full_at)
        self._before = full_at

    def change(self, limit: int, now: float) -> None:
        """Set another limit; the units that are used stay used, and what running requests reserved wears off."""
        super().change(limit, now)
        self._parts.clear()
        self._before = self.full_at

    def _counted(self) -> float:
        """Return `full_at` as the parts make it; all of a part counts as passed at its last moment."""
        full_at, unit = self._before, self.unit
        for _, last, units in self._parts:
            full_at = (full_at if full_at > last else last) + units * unit
        return full_at
