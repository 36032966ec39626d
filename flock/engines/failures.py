"""The failures of one engine in a row: what the last one was, when the next try is due, and whether there is one.

Owns the back-off, the words of the last failure, and the check of files that could not be loaded. An engine is lost
when it was given up or its files are damaged: nothing is tried then until it is forgiven, or until its files or
settings have changed. Kept by supervisor.py.
"""

import asyncio
import logging
from collections.abc import Callable

from flock.clock import Clock
from flock.engines import damage, faults
from flock.engines.backoff import Backoff
from flock.engines.own_model import OwnModel
from flock.errors import EngineFailed

log = logging.getLogger(__name__)


class Failures:
    """The failures of the engine called `name`; `last` is None while there is none. `on_change` is called when the
    check of the files ends after everybody who waited was told something else.
    """

    def __init__(self, name: str, clock: Clock, steps: tuple[float, ...], on_change: Callable[[], None]) -> None:
        self.last: EngineFailed | None = None
        self._name = name
        self._backoff = Backoff(clock, steps)
        self._checkup = damage.Checkup(self._found)
        self._on_change = on_change
        self._tried: tuple[object, ...] = ()
        self._forgiven = asyncio.Event()

    @property
    def given_up(self) -> bool:
        """Whether it failed once more than there are steps."""
        return self._backoff.given_up

    @property
    def lost(self) -> bool:
        """Whether no start is tried any more."""
        return self.given_up or (self.last is not None and bool(self.last.details.get("damaged")))

    @property
    def remaining(self) -> float:
        """The seconds until the next try is due."""
        return self._backoff.remaining()

    async def due(self, halt: asyncio.Event) -> None:
        """Return when the next try is due, or at once when `halt` is set or the failures are forgiven."""
        self._forgiven.clear()
        waits = [asyncio.create_task(event.wait()) for event in (halt, self._forgiven)]
        try:
            # not a hang: the back-off
            await asyncio.wait(waits, timeout=self.remaining, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def bars(self, model: OwnModel) -> EngineFailed | None:
        """Return why a start would fail at once, None when one is to be tried; a changed file is a reason to try."""
        if self.last is None:
            return None
        if self.lost and await asyncio.to_thread(damage.fingerprint, model) != self._tried:
            return None
        return faults.copy(self.last) if self.lost or self.remaining else None

    async def trying(self, model: OwnModel) -> None:
        """Hear that a start is tried, with the files and settings as they are now."""
        now = await asyncio.to_thread(damage.fingerprint, model)
        if self.lost and now != self._tried:
            self._backoff.forgive()
        self._tried = now

    async def load_failed(self, model: OwnModel, failure: EngineFailed) -> EngineFailed:
        """Count a start that failed, having looked whether the files are damaged; return the error that says so."""
        return self.count(await self._checkup.look(model, self._tried, damage.WAIT_SECONDS) or failure)

    def count(self, failure: EngineFailed, lived: float = 0.0) -> EngineFailed:
        """Count a failure of an engine that was ready for `lived` seconds; return the error of it."""
        gives_up = self._backoff.failed(lived)
        words = gives_up and not failure.details.get("damaged")
        self.last = faults.given_up(self._name, self._backoff.failures, failure) if words else failure
        log.log(logging.ERROR if gives_up else logging.WARNING, "%s: %s", self._name, self.last.sentence)
        return self.last

    def forgive(self) -> None:
        """Forget the failures: the next start is tried at once."""
        self._backoff.forgive()
        self._tried = ()
        self._forgiven.set()

    async def stop(self) -> None:
        """Check no files any more."""
        await self._checkup.stop()

    def _found(self, damaged: EngineFailed) -> None:
        self.last = damaged
        log.error("%s: %s", self._name, damaged.sentence)
        self._on_change()
