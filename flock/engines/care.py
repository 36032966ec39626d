"""Looking after one child while it runs: what it takes in memory, and once it is ready whether it generates.

Owns the two tasks that do that and ends them with the child. Refuses to end the child: it tells supervisor.py.
"""

import asyncio
from collections.abc import Awaitable, Callable

from flock.engines import footprint
from flock.engines.own_model import OwnModel
from flock.engines.process import Child
from flock.engines.pulse import Heard
from flock.engines.surroundings import Surroundings
from flock.engines.watchdog import Manner, Watchdog

# How often the memory of a running engine is looked at, and while it loads.
SAMPLE_SECONDS, SAMPLE_LOADING_SECONDS = 10.0, 1.0


class Care:
    """Looks after one child. `measured` hears what it takes once it is ready; `memory_bytes` is what it takes now."""

    def __init__(self, child: Child, around: Surroundings, measured: Callable[[int], None]) -> None:
        self.memory_bytes: int | None = None
        self._child = child
        self._around = around
        self._measured = measured
        self._watchdog: Watchdog | None = None
        self._tasks = [asyncio.create_task(self._sample(), name=f"memory of {child.launch.name}")]

    @property
    def busy(self) -> bool:
        """Whether it still works on what nobody waits for."""
        return self._watchdog is not None and self._watchdog.busy

    def watch(
        self,
        ask: Callable[[float], Awaitable[Heard]],
        hung: Callable[[str], None],
        free: Callable[[], None],
    ) -> None:
        """Begin to ask whether it generates: it is ready. `hung` hears the verdict, `free` that it is busy no more."""
        settings, name = self._around.settings, self._child.launch.name
        self._watchdog = Watchdog(
            Manner(settings.probe_seconds, settings.probe_failures),
            self._around.clock,
            ask=ask,
            effort=self._effort,
            traffic=lambda: self._around.ties.traffic(name),
            hung=hung,
            free=free,
        )
        self._tasks.append(asyncio.create_task(self._watchdog.run(), name=f"watch of {name}"))

    def abandoned(self) -> None:
        """Hear that a request was given up which it cannot cancel."""
        if self._watchdog is not None:
            self._watchdog.abandoned()

    def end(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        self._watchdog = None

    async def _effort(self) -> footprint.Effort:
        pid = self._child.snapshot.pid
        if pid is None:
            return footprint.Effort()
        return await asyncio.to_thread(lambda: footprint.effort_of(footprint.family(pid)))

    async def _sample(self) -> None:
        """Look at the memory and the processes of the child again and again."""
        child = self._child
        while not child.snapshot.ended:
            was_ready = child.snapshot.state == "ready"
            if (pid := child.snapshot.pid) is not None:
                self.memory_bytes, family = await asyncio.to_thread(_look, pid)
                self._around.children.family(child.token, family)
                if was_ready and self.memory_bytes is not None and self._around.ties.in_memory():
                    self._measured(self.memory_bytes)
            await asyncio.sleep(SAMPLE_SECONDS if was_ready else SAMPLE_LOADING_SECONDS)


def is_wanted(model: OwnModel, around: Surroundings, name: str, used_at: float) -> bool:
    """Return whether an engine that ended by itself is started again without being asked for: it is pinned, requests
    run on it, or it was used (at the latest at the epoch `used_at`) within the time after which it leaves memory.
    """
    idle = around.settings.idle_seconds if model.config.idle_seconds is None else model.config.idle_seconds
    traffic, clock = around.ties.traffic(name), around.clock
    if model.pinned or traffic.running or not idle:
        return True
    used = clock.now() - (clock.monotonic() - traffic.used) if traffic.used else 0.0
    return clock.now() - max(used_at, used) <= idle


def _look(pid: int) -> tuple[int | None, list[list[float]]]:
    family = footprint.family(pid)
    return footprint.memory_of(family), footprint.pairs(family)
