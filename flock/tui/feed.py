"""Keeping the state current: the feed and a look at the whole, over and over, whatever happens to the connection.

Owns connecting, and coming back quietly. Refuses to draw. Run by `app.py` for as long as the screen is open.
"""

import asyncio
from collections.abc import Callable

from flock.client.blocking import ABSENT
from flock.contract.events import ShowTop
from flock.errors import DaemonUnreachable, FlockError
from flock.tui.link import Events, Link
from flock.tui.state import State

# Between two tries to reach a daemon that has gone; it is back within a second after an ordinary restart
_AGAIN_SECONDS = (0.5, 1.0, 2.0, 4.0)
# How often the counts of running requests are looked at; an idle daemon is asked less
_BUSY_SECONDS, _IDLE_SECONDS = 1.0, 5.0


class Feed:
    """The feed of one screen. `changed` is called after every change of the connection."""

    def __init__(self, link: Link, state: State, changed: Callable[[], None]) -> None:
        self._link = link
        self._state = state
        self._changed = changed
        self._events: Events | None = None
        self._again = asyncio.Event()
        self._tries = 0

    async def run(self) -> None:
        """Connect, stay, come back; until cancelled."""
        try:
            while True:
                try:
                    await self._stay()
                except FlockError as error:
                    self._say(error)
                await self._pause(_AGAIN_SECONDS[min(self._tries, len(_AGAIN_SECONDS) - 1)])
                self._tries += 1
        finally:
            if self._events is not None:
                self._events.close()

    def hurry(self) -> None:
        """Try at once."""
        self._again.set()

    def drain(self) -> int:
        """Take in the events that have come and return how many."""
        events = self._events.take() if self._events is not None else []
        for event in events:
            self._state.apply(event)
        return len(events)

    async def _stay(self) -> None:
        """Be connected until that ends, or until another daemon answers. Raises why it could not be, or is no more."""
        state = self._state
        state.take_top(top := await self._link.call(ShowTop(once=True)))
        life = state.life
        self._events = events = self._link.events(top.last_event)
        self._tries = 0
        self._connected()
        while not events.ended.is_set():
            slower = 2 if self._link.slow else 1
            await self._pause((_BUSY_SECONDS if state.requests else _IDLE_SECONDS) * slower, events)
            self.drain()
            if not events.ended.is_set():
                state.take_top(await self._link.call(ShowTop(once=True)))
            if state.life != life and not events.ended.is_set():
                # this daemon is another one already, and what waits here was told by the one before
                self._events = None
                events.close()
                self._again.set()
                return
        self.drain()
        raise events.failure or DaemonUnreachable("the daemon has ended", hint="flock up", details={"state": "broken"})

    def _connected(self) -> None:
        self._state.connect("live")
        self._changed()

    def _say(self, error: FlockError) -> None:
        absent = isinstance(error, DaemonUnreachable) and error.details.get("state") in ABSENT
        self._state.connect("absent" if absent else "lost", error)
        self._changed()

    async def _pause(self, seconds: float, events: Events | None = None) -> None:
        """Wait, but no longer than until the feed ends or somebody is in a hurry."""
        step = 0.1
        while seconds > 0 and not self._again.is_set() and not (events is not None and events.ended.is_set()):
            # short steps, since the end of the feed comes from a thread
            await asyncio.sleep(min(step, seconds))
            seconds -= step
        self._again.clear()
