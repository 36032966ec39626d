"""When an engine that fails may be tried again. Pure, on an injected clock; kept by supervisor.py."""

from collections import deque

from flock.clock import Clock

# Waiting times after the first, second … failure in a row (features.md row 141).
STEPS = (1.0, 2.0, 4.0, 8.0, 16.0)
# This many unexpected ends within this many seconds count as a failure to start.
LOOP_EXITS = 5
LOOP_SECONDS = 60.0


class Backoff:
    """Failures of one engine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._exits: deque[float] = deque(maxlen=LOOP_EXITS)

    def failed(self) -> None:
        """Count a failed start."""
        step = STEPS[min(self._failures, len(STEPS) - 1)]
        self._failures += 1
        self._until = self._clock.monotonic() + step

    def started(self) -> None:
        """Count a start that worked; it forgives the failed ones unless the engine keeps ending."""
        if not self._looping():
            self._failures = 0

    def exited(self) -> bool:
        """Count an unexpected end; return whether it was one too many."""
        self._exits.append(self._clock.monotonic())
        if looping := self._looping():
            self.failed()
        return looping

    def remaining(self) -> float:
        """Return the seconds until the next try is allowed, 0 when it is."""
        return max(0.0, self._until - self._clock.monotonic())

    def _looping(self) -> bool:
        recent = [at for at in self._exits if self._clock.monotonic() - at <= LOOP_SECONDS]
        return len(recent) >= LOOP_EXITS
