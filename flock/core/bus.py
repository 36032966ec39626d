"""The bus: what happens in the daemon, told to whoever follows it.

Owns the numbering of events and the newest KEPT of them, in one ring that every reader reads at its own pace: a reader
costs one number, and telling costs the same however many there are. Refuses to wait for a reader: one that falls
further behind than the ring is long has lost what was written over, and is told how much. Called by everything that
changes a state; read by daemon/events.py and core/events.py.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from flock.clock import Clock, rfc3339
from flock.contract.events import Event

# What is remembered, for readers that come back and for slow ones: about a minute of a busy gateway. 400 bytes each.
KEPT = 10_000
# Events made of what was told, in one turn of the loop: 10 ms at most, so that requests do not wait for a reader.
AT_ONCE = 500

# an event before it is written out: id, epoch, kind, subject, data
_Told = tuple[int, float, str, str, dict[str, Any]]
Wanted = Callable[[str, str], bool]


class Bus:
    """The events of one daemon; used in its loop only. `last` is the id of the newest, 0 before the first."""

    def __init__(self, clock: Clock, kept: int = KEPT) -> None:
        self._clock = clock
        self._ring: list[_Told | None] = [None] * kept
        self._readers: set[Reader] = set()
        self.last = 0
        self.closed = False

    def tell(self, kind: str, subject: str, data: dict[str, Any] | None = None) -> None:
        """Tell of an event; half a microsecond while nobody reads. `data` must not be changed afterwards."""
        self.last = number = self.last + 1
        self._ring[number % len(self._ring)] = (number, self._clock.now(), kind, subject, data or {})
        for reader in self._readers:
            reader.wake()

    @property
    def oldest(self) -> int:
        """The id of the oldest event that is remembered; one more than `last` while there is none."""
        return max(1, self.last + 1 - len(self._ring))

    def now(self) -> float:
        """Return the epoch."""
        return self._clock.now()

    def at(self, number: int) -> _Told:
        """Return what was told under a number from `oldest` to `last`."""
        told = self._ring[number % len(self._ring)]
        assert told is not None
        return told

    def follow(self, wanted: Wanted, since: int = -1) -> "Reader":
        """Return a reader of the events whose kind and subject are wanted: from the one after `since` on as far as they
        are remembered, from now on where it is negative. It must be closed.
        """
        reader = Reader(self, wanted, self.last if since < 0 else since)
        self._readers.add(reader)
        return reader

    def forget(self, reader: "Reader") -> None:
        """Wake a reader no more."""
        self._readers.discard(reader)

    def close(self) -> None:
        """Let every reader come to its end: nothing more will be told."""
        self.closed = True
        for reader in self._readers:
            reader.wake()

    @property
    def readers(self) -> int:
        """How many follow."""
        return len(self._readers)


class Reader:
    """One who follows. `seen` is the id of the last event that was taken or passed over."""

    def __init__(self, bus: Bus, wanted: Wanted, seen: int) -> None:
        self._bus = bus
        self._wanted = wanted
        self._wake = asyncio.Event()
        # an id that was never given is an earlier daemon's: all that this one remembers is new to its reader
        self._strange = seen > bus.last
        self.seen = 0 if self._strange else seen

    def wake(self) -> None:
        """Hear that something was told."""
        self._wake.set()

    def take(self, most: int = AT_ONCE) -> list[Event]:
        """Return the next events, at most about `most` of them looked at, [] when there is none yet.

        What was written over before it was read comes first, as `feed.lost` with how many there were of all kinds.
        """
        bus, found = self._bus, list[Event]()
        lost = bus.oldest - 1 - self.seen
        if lost > 0 or self._strange:
            self.seen = max(self.seen, bus.oldest - 1)
            found.append(Event(self.seen, rfc3339(bus.now()), "feed.lost", "", {"lost": max(lost, 0)}))
            self._strange = False
        end = min(bus.last, self.seen + most)
        for number in range(self.seen + 1, end + 1):
            _, at, kind, subject, data = bus.at(number)
            if self._wanted(kind, subject):
                found.append(Event(number, rfc3339(at), kind, subject, data))
        self.seen = end
        return found

    async def wait(self, seconds: float) -> bool:
        """Wait until something was told; return False when nothing was for so long, or when the bus has closed.

        `seconds` bounds the silence of a connection, so that it can be kept warm.
        """
        if self.seen < self._bus.last:
            return True
        self._wake.clear()
        if self._bus.closed:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return self.seen < self._bus.last

    def close(self) -> None:
        """Hear nothing more."""
        self._bus.forget(self)
