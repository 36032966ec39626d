"""The bus: what happens in the daemon, told to whoever follows it.

Owns the numbering of events, the memory of the newest KEPT, and one bounded queue for each reader. Refuses to wait for
a reader: one that is too slow loses events and is told how many. Called by everything that changes a state; read by
daemon/events.py.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from itertools import islice
from typing import Any

from flock.clock import Clock, rfc3339
from flock.contract.events import Event

# What a reader that comes back with an id may have missed: about a minute of a busy gateway. 300 bytes each.
KEPT = 10_000
# What a reader may be behind before it loses events.
BEHIND_MAX = 2_000

# an event before it is written out: id, epoch, kind, subject, data
_Told = tuple[int, float, str, str, dict[str, Any]]


class Bus:
    """The events of one daemon; used in its loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: deque[_Told] = deque(maxlen=KEPT)
        self._readers: set[Reader] = set()
        self.last = 0

    def tell(self, kind: str, subject: str, data: dict[str, Any] | None = None) -> None:
        """Tell of an event; costs a microsecond while nobody listens. `data` must not be changed afterwards."""
        self.last += 1
        told = (self.last, self._clock.now(), kind, subject, data or {})
        self._told.append(told)
        for reader in self._readers:
            reader.hear(told)

    def follow(self, wanted: Callable[[str, str], bool], since: int = -1) -> "Reader":
        """Return a reader of the events whose kind and subject are wanted: from the one after `since` on as far as they
        are remembered, else from now on. It must be closed.
        """
        reader = Reader(wanted, self._readers.discard)
        if since >= 0:
            oldest = self._told[0][0] if self._told else self.last + 1
            if since > self.last:
                # an id of an earlier daemon: what it had told is gone
                reader.lose(0)
            else:
                if since + 1 < oldest:
                    reader.lose(oldest - since - 1)
                for told in islice(self._told, max(0, since + 1 - oldest), None):
                    reader.hear(told)
        self._readers.add(reader)
        return reader

    @property
    def readers(self) -> int:
        """How many follow."""
        return len(self._readers)


class Reader:
    """One who follows; `async for` gives events, or None after `idle` seconds without one, so that a connection can be
    kept warm.
    """

    def __init__(self, wanted: Callable[[str, str], bool], close: Callable[["Reader"], None]) -> None:
        self._wanted = wanted
        self._close = close
        self._queue: deque[_Told] = deque()
        self._lost: int | None = None
        self._wake = asyncio.Event()

    def hear(self, told: _Told) -> None:
        """Take an event, or lose it."""
        if not self._wanted(told[2], told[3]):
            return
        if len(self._queue) >= BEHIND_MAX:
            self.lose(1)
            return
        self._queue.append(told)
        self._wake.set()

    def lose(self, count: int) -> None:
        """Note that events were lost."""
        self._lost = (self._lost or 0) + count
        self._wake.set()

    async def events(self, idle: float) -> AsyncIterator[Event | None]:
        """Yield events as they come, None after each `idle` seconds without one."""
        while True:
            if self._lost is not None:
                lost, self._lost = self._lost, None
                last = self._queue[0][0] - 1 if self._queue else 0
                yield Event(max(last, 0), "", "feed.lost", "", {"lost": lost})
            while self._queue:
                number, at, kind, subject, data = self._queue.popleft()
                yield Event(number, rfc3339(at), kind, subject, data)
                if self._lost is not None and not self._queue:
                    break
            if self._queue or self._lost is not None:
                continue
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), idle)
            except TimeoutError:
                yield None

    def close(self) -> None:
        """Hear nothing more."""
        self._close(self)
