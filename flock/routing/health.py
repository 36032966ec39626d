"""Which upstreams failed lately. In memory, on an injected clock; read by choose.py, written by the forward path."""

from flock.clock import Clock

# After a refused connection an upstream ranks last for this long; long enough to spare the next requests the wait,
# short enough that a restarted engine is found at once.
SUSPECT_SECONDS = 5.0


class Health:
    """Failures by upstream name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def failed(self, upstream: str) -> None:
        """Remember that an upstream could not be reached."""
        self._until[upstream] = self._clock.monotonic() + SUSPECT_SECONDS

    def served(self, upstream: str) -> None:
        """Forget the failures of an upstream that answered."""
        if self._until:
            self._until.pop(upstream, None)

    def suspect(self, upstream: str) -> bool:
        """Return whether the upstream failed within the last SUSPECT_SECONDS."""
        if not self._until:
            return False
        until = self._until.get(upstream)
        return until is not None and until > self._clock.monotonic()
