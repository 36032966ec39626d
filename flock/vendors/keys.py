"""The keys of one vendor, used in turn: a key that is refused rests, the others go on.

Owns the order, the rest each refusal earns, and what has been read. Refuses to show a secret anywhere but in `headers`.
Reads each source once, at the first request that needs it, and again after a while only what could not be read. Called
by listed.py; implements Credential of flock/upstream.py.
"""

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence

from flock.clock import Clock
from flock.errors import FlockError, SecretsLocked, StorageFailed, VendorKeyMissing
from flock.upstream import Credential
from flock.vendors.row import AUTHS
from flock.vendors.sources import Source, cleaned
from flock.vendors.vendor import KeyState

log = logging.getLogger(__name__)

# Seconds that a key rests: too many requests, where the vendor does not say how long; a key that is not good, which
# somebody has to repair; everything else, which passes.
BUSY_SECONDS = 30.0
REFUSED_SECONDS = 600.0
FAILED_SECONDS = 5.0
# A vendor that says "tomorrow" may mean it; one that says more is not believed.
LONGEST_SECONDS = 86400.0
# A key that could not be read is looked for again no sooner; only a store that was locked is asked each time.
AGAIN_SECONDS = 30.0


def shown(auth: str, secret: str) -> dict[str, str]:
    """Return the headers by which a vendor is shown a key; `auth` is a word of row.AUTHS."""
    return {AUTHS[auth]: f"Bearer {secret}" if auth == "bearer" else secret}


class Key:
    """One key of the team's, with the time until which it rests."""

    def __init__(self, name: str, auth: str, secret: str, clock: Clock) -> None:
        self.name = name
        self.rests_until = 0.0
        self._headers = shown(auth, secret)
        self._clock = clock

    def __repr__(self) -> str:
        return f"Key({self.name!r})"

    def headers(self) -> dict[str, str]:
        """Return the headers that show it."""
        return dict(self._headers)

    def failed(self, status: int, retry_after: float | None) -> None:
        """Hear that the vendor refused it with this status (0: no answer at all): it rests for a while."""
        seconds = {429: BUSY_SECONDS, 401: REFUSED_SECONDS}.get(status, FAILED_SECONDS)
        if retry_after is not None and math.isfinite(retry_after) and retry_after >= 0:
            told = min(retry_after, LONGEST_SECONDS)
            # a key that is not good does not become so because the vendor asks for patience
            seconds = max(seconds, told) if status == 401 else told
        self.rests_until = self._clock.monotonic() + seconds

    def served(self) -> None:
        """Hear that it was taken."""
        self.rests_until = 0.0


class Lent:
    """A caller's own credential, passed through as it came. It belongs to nobody here, so it never rests."""

    name = "the caller's own credential"

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __repr__(self) -> str:
        return "Lent()"

    def headers(self) -> dict[str, str]:
        """Return the headers that show it."""
        return dict(self._headers)

    def failed(self, status: int, retry_after: float | None) -> None:
        """Take no notice: the next request brings its own."""

    def served(self) -> None:
        """Take no notice."""


class KeyPool:
    """The keys of one vendor, from the sources in their order."""

    def __init__(self, vendor: str, auth: str, sources: Sequence[Source], clock: Clock) -> None:
        self._vendor = vendor
        self._auth = auth
        self._clock = clock
        self._sources = tuple(sources)
        self._read: dict[str, Key] = {}
        self._unread = list(sources)
        self._failure: FlockError | None = None
        self._again_at = 0.0
        self._reading = asyncio.Lock()
        self._turn = 0

    async def credentials(self) -> list[Credential]:
        """Return the keys: those that are ready in turn, then those that rest, the soonest free first.

        Raises VendorKeyMissing, never an empty list; SecretsLocked and StorageFailed when that is why there is none.
        """
        if self._unread and (self._locked or self._clock.monotonic() >= self._again_at):
            await self._load()
        keys = [self._read[source.name] for source in self._sources if source.name in self._read]
        if not keys:
            raise self._failure or missing(self._vendor)
        now = self._clock.monotonic()
        ready = [key for key in keys if key.rests_until <= now]
        resting = sorted((key for key in keys if key.rests_until > now), key=lambda key: key.rests_until)
        if ready:
            at = self._turn % len(ready)
            self._turn += 1
            ready = ready[at:] + ready[:at]
        return [*ready, *resting]

    def states(self) -> tuple[KeyState, ...]:
        """Return every key as people see it."""
        now = self._clock.monotonic()
        return tuple(self._state(source, now) for source in self._sources)

    def _state(self, source: Source, now: float) -> KeyState:
        key = self._read.get(source.name)
        if key is None:
            return KeyState(source.name, "unread")
        if key.rests_until > now:
            return KeyState(source.name, "resting", round(key.rests_until - now, 1))
        return KeyState(source.name, "ready")

    @property
    def _locked(self) -> bool:
        """Whether there is no key for want of a passphrase, which may be given at any moment."""
        return not self._read and isinstance(self._failure, SecretsLocked)

    async def _load(self) -> None:
        """Read what has not been read, and keep the last failure."""
        async with self._reading:
            for source in list(self._unread):
                try:
                    key = Key(source.name, self._auth, cleaned(source.name, await source.read()), self._clock)
                except (SecretsLocked, StorageFailed, VendorKeyMissing) as error:
                    if str(error) != str(self._failure):
                        log.warning("a key of the vendor %s cannot be used: %s", self._vendor, error.sentence)
                    self._failure = error
                else:
                    self._read[source.name] = key
                    self._unread.remove(source)
            self._again_at = self._clock.monotonic() + AGAIN_SECONDS


def missing(vendor: str) -> VendorKeyMissing:
    """Return the error of a vendor without a key."""
    return VendorKeyMissing(
        f"no key for the vendor {vendor} is known here", hint=f"flock vendor add {vendor} < key.txt"
    )
