"""Whether a ready engine of ours still generates: asked when it is idle, and when requests wait for it in vain.

Owns the pauses, the count of silences and the verdict. An engine whose requests receive bytes is alive and is not
asked; one that computes or reads from a disk while a request waits (a long prompt) is at work, for a while. Refuses to
end anything: it tells supervisor.py, which does.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flock.clock import Clock
from flock.engines.footprint import Effort, reads, works
from flock.engines.pulse import Heard
from flock.engines.surroundings import Traffic

# The least time an engine has for one token, whatever the pause between two questions is: a machine under load.
ANSWER_LEAST = 2.0
# How often an engine that cannot cancel is asked whether it is free again where the pause is longer or is 0.
BUSY_SECONDS = 30.0
# Work that keeps everybody waiting is believed for so long: 100,000 tokens of a prompt at 60 tokens a second.
WORKING_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How an engine is watched: a question after so many idle seconds (0: never), a verdict after so many silences."""

    seconds: float = 30.0
    failures: int = 3

    @property
    def suspicion(self) -> float:
        """After how long without a byte an engine is asked although requests run on it."""
        return self.seconds / 3

    @property
    def patience(self) -> float:
        """How long one answer may take."""
        return max(self.seconds, ANSWER_LEAST)


class Watchdog:
    """Watches one engine while it is ready. `ask` asks its canary with so many seconds of patience; `effort` looks at
    its processes; `traffic` at its requests; `hung` hears the verdict, `free` that an engine that was busy answered.
    """

    def __init__(
        self,
        manner: Manner,
        clock: Clock,
        *,
        ask: Callable[[float], Awaitable[Heard]],
        effort: Callable[[], Awaitable[Effort]],
        traffic: Callable[[], Traffic],
        hung: Callable[[str], None],
        free: Callable[[], None],
    ) -> None:
        self.busy = False
        self._manner = manner
        self._clock = clock
        self._ask = ask
        self._effort = effort
        self._traffic = traffic
        self._hung = hung
        self._free = free
        self._wake = asyncio.Event()
        self._silences = 0
        self._well_at = 0.0
        self._failed = False
        self._answered = False
        self._working_since = 0.0

    def abandoned(self) -> None:
        """Hear that a request was given up which the engine cannot cancel: it is busy until it answers."""
        self.busy = True
        self._wake.set()

    async def run(self) -> None:
        """Watch until this is cancelled or the engine is hung."""
        self._well()
        while True:
            await self._pause()
            if self._is_due() and (why := await self._question()):
                self._hung(why)
                return

    async def _pause(self) -> None:
        seconds: float | None = self._manner.suspicion or None
        if self._silences:
            # a silence has lasted long enough; an error comes at once and would be asked for again at once
            seconds = min(self._manner.suspicion, 1.0) if self._failed else 0.0
        elif self.busy:
            seconds = min(self._manner.suspicion or BUSY_SECONDS, BUSY_SECONDS)
        with contextlib.suppress(TimeoutError):
            # not a hang: the pause between two questions
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    def _is_due(self) -> bool:
        if self.busy or self._silences:
            return True
        now = self._clock.monotonic()
        if self._is_heard(now - self._manner.suspicion):
            self._well()
            return False
        return self._traffic().running > 0 or now - self._well_at >= self._manner.seconds - self._manner.suspicion / 2

    async def _question(self) -> str:
        """Ask once; return why it is hung, "" while it is not."""
        began, before = self._clock.monotonic(), await self._effort()
        heard = await self._ask(self._manner.patience)
        self._failed = heard.state == "failed"
        if heard.state in ("ok", "refused"):
            self._answered |= heard.state == "ok"
            self._well()
            if self.busy:
                self.busy = False
                self._free()
            return ""
        if self._is_heard(began):
            self._well()
            return ""
        if heard.state == "failed" and not self._answered:
            # it has never answered this question, so it may be the question
            self._well()
            return ""
        if heard.state == "silent" and self._works(before, await self._effort(), heard.seconds):
            return ""
        self._silences += 1
        if self._silences < self._manner.failures:
            return ""
        return f"hung: {heard.sentence}, {self._silences} times" if self._silences > 1 else f"hung: {heard.sentence}"

    def _is_heard(self, since: float) -> bool:
        traffic = self._traffic()
        return traffic.running > 0 and traffic.heard >= since

    def _works(self, before: Effort, after: Effort, seconds: float) -> bool:
        """Return whether a silent engine is at work on what somebody waits for, or fetches its weights from a disk."""
        waited_for = self.busy or self._traffic().running > 0
        if not (works(before, after, seconds) if waited_for else reads(before, after)):
            self._working_since = 0.0
            return False
        now = self._clock.monotonic()
        self._working_since = self._working_since or now - seconds
        return now - self._working_since < WORKING_SECONDS

    def _well(self) -> None:
        self._well_at = self._clock.monotonic()
        self._silences = 0
        self._working_since = 0.0
