"""When an engine that fails may be tried again, and when it is given up. Pure, on an injected clock; kept by
supervisor.py.
"""

from collections.abc import Sequence

from flock.clock import Clock

# Waiting times after the first, second … failure in a row; one more failure and it is given up (features.md row 141).
STEPS = (1.0, 2.0, 4.0, 8.0, 16.0)
# An engine that has been ready for so long before it ended has worked: what failed before is forgiven.
STEADY_SECONDS = 60.0


class Backoff:
    """Failures of one engine in a row: starts that failed, and ends that nobody asked for."""

    def __init__(self, clock: Clock, steps: Sequence[float] = STEPS) -> None:
        self._clock = clock
        self._steps = steps
        self._until = 0.0
        self.failures = 0

    @property
    def given_up(self) -> bool:
        """Whether it has failed more often than there are steps; only `forgive` ends that."""
        return self.failures > len(self._steps)

    def failed(self, lived: float = 0.0) -> bool:
        """Count a failure of an engine that was ready for `lived` seconds; return whether it is given up now."""
        if lived >= STEADY_SECONDS:
            self.failures = 0
        self.failures += 1
        if not self.given_up:
            self._until = self._clock.monotonic() + self._steps[self.failures - 1]
        return self.given_up

    def forgive(self) -> None:
        """Forget all failures: somebody asks for a new try, or what it loads has changed."""
        self.failures = 0
        self._until = 0.0

    def remaining(self) -> float:
        """Return the seconds until the next try is allowed, 0 when it is."""
        return max(0.0, self._until - self._clock.monotonic())
