"""Asking again and again for what the visible page shows, and for nothing else.

Owns when. Refuses to ask for what nobody looks at, and twice at once for the same. Run by `app.py`; pages say what they
want.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flock.contract.op import Op
from flock.errors import DaemonUnreachable, FlockError
from flock.tui.link import Link
from flock.tui.state import State, Topic

# How often it is looked whether something is due
_STEP_SECONDS = 0.1
# After a change was told of: a moment, since changes come in swarms
_SWARM_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Poll:
    """An operation whose answer is shown: asked for every `seconds`, and soon after a change of one of `topics`.

    One that needs no daemon is asked for `anyway`, also while there is none.
    """

    op: Op[Any]
    seconds: float
    topics: tuple[Topic, ...] = ()
    anyway: bool = False


class Polls:
    """The questions of one screen. `failed` hears of an operation that cannot be answered, each reason once."""

    def __init__(self, link: Link, state: State, failed: Callable[[Op[Any], FlockError], None]) -> None:
        self._link = link
        self._state = state
        self._failed = failed
        self._wanted: tuple[Poll, ...] = ()
        self._asked: dict[Op[Any], float] = {}
        self._seen: dict[Op[Any], tuple[int, ...]] = {}
        self._running: dict[Op[Any], asyncio.Task[None]] = {}

    def want(self, polls: tuple[Poll, ...]) -> None:
        """Ask for these from now on, at once, and no more for others."""
        before, ops = {poll.op for poll in self._wanted}, {poll.op for poll in polls}
        self._wanted = polls
        if ops != before:
            self._asked = {op: at for op, at in self._asked.items() if op in ops & before}
            self._seen = {op: seen for op, seen in self._seen.items() if op in ops}
            self._state.keep(ops)

    def refresh(self) -> None:
        """Ask for everything that is wanted at once."""
        self._asked.clear()

    async def run(self) -> None:
        """Ask; until cancelled."""
        try:
            while True:
                self._begin(asyncio.get_running_loop().time(), self._state.connection == "live")
                await asyncio.sleep(_STEP_SECONDS)
        finally:
            for task in self._running.values():
                task.cancel()

    def _begin(self, now: float, live: bool) -> None:
        for poll in self._wanted:
            if (live or poll.anyway) and poll.op not in self._running and self._is_due(poll, now):
                self._asked[poll.op] = now
                self._seen[poll.op] = self._state.seen(*poll.topics)
                self._running[poll.op] = asyncio.create_task(self._ask(poll))

    def _is_due(self, poll: Poll, now: float) -> bool:
        asked = self._asked.get(poll.op)
        if asked is None:
            return True
        changed = bool(poll.topics) and self._state.seen(*poll.topics) != self._seen.get(poll.op)
        return now - asked >= (_SWARM_SECONDS if changed else poll.seconds * (2 if self._link.slow else 1))

    async def _ask(self, poll: Poll) -> None:
        op, asked = poll.op, self._state.mark
        self._state.ask(op)
        try:
            done = await self._link.told(op)
            if any(poll.op == op for poll in self._wanted):  # else nobody would ever forget it
                self._state.take(op, done.value, asked.with_event(done.event))
        except FlockError as error:
            # that the daemon is not there the feed notices too, and says so
            away = isinstance(error, DaemonUnreachable)
            if (poll.anyway or not away) and self._state.fail(op, error) and not away:
                self._failed(op, error)
        finally:
            self._running.pop(op, None)
            self._state.ask(op, False)
