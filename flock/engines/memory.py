"""How much memory models may take: what was set or what the machine has less a headroom, and never more than is free.

Owns that sum. What other programs take counts: it is looked at before every load. Refuses to look from the event loop.
Called by residence.py; the numbers of a machine come from hardware/seen.py.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable

import psutil

from flock.engines.engine import EngineSettings
from flock.hardware.seen import Seen


def _nothing() -> int:
    return 0


class Memory:
    """The memory of one machine; `seen` looks at it, blocking."""

    def __init__(self, seen: Callable[[], Seen], settings: EngineSettings) -> None:
        self._look = seen
        self._settings = settings
        # what models take that flock does not load itself but runs the engine of
        self.elsewhere: Callable[[], int] = _nothing
        self._seen: Seen | None = None

    @property
    def seen(self) -> Seen:
        """The last look; the first one is taken where it is asked for."""
        if self._seen is None:
            self._seen = self._look()
        return self._seen

    @property
    def headroom_bytes(self) -> int:
        """What is left to everybody else."""
        return self._settings.headroom_bytes

    @property
    def budget_bytes(self) -> int:
        """What models may take in all while nobody else takes more than the headroom: what was set, else what the
        memory they lie in has, less the headroom.
        """
        if self._settings.memory_bytes:
            return self._settings.memory_bytes
        return max(0, self.seen.pool_total_bytes - self.headroom_bytes)

    async def look(self) -> None:
        """Look at the machine again."""
        self._seen = await asyncio.to_thread(self._look)

    def limit(self, held: int) -> int:
        """Return what models may take in all now, `held` of it being taken by them: others may take more than the
        headroom.
        """
        return max(0, min(self.budget_bytes - self.elsewhere(), self.seen.pool_free_bytes + held))

    def free_for(self, resident: int) -> int:
        """Return what is left for another model beside those that take `resident` bytes."""
        return max(0, min(self.budget_bytes - self.elsewhere() - resident, self.seen.pool_free_bytes))

    def held(self, needs: int, pids: Iterable[int]) -> int:
        """Return what our engines take of what does not count as free: `needs` on a card or where memory is shared with
        one; in a machine's own memory what their processes have for themselves, since the weights they map count as
        free there. Blocking.
        """
        if self.seen.pool != "memory" or not sys.platform.startswith("linux"):
            return needs
        return sum(map(_private, pids))


def _private(pid: int) -> int:
    """Return the bytes a process and those below it have for themselves: what is resident less what files back."""
    try:
        leader = psutil.Process(pid)
        found = (leader, *leader.children(recursive=True))
    except psutil.Error:
        return 0
    taken = 0
    for process in found:
        try:
            told = process.memory_info()
        except psutil.Error:
            continue
        taken += max(0, told.rss - int(getattr(told, "shared", 0)))
    return taken
