"""Those who wait for a model: each one's future, and what he is told meanwhile.

Owns the futures. Refuses to decide who goes on: schedule.py does. Called by residence.py.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from flock.engines.acts import Admit, Refuse
from flock.engines.queue import standing
from flock.engines.schedule import Schedule
from flock.engines.turns import Ticket
from flock.upstream import Waiting


@dataclass(eq=False, slots=True)
class _Wait:
    future: "asyncio.Future[None]"
    waiting: Waiting


class Waits:
    """The waiters of one schedule; `now` is monotonic seconds."""

    def __init__(self, schedule: Schedule, now: Callable[[], float]) -> None:
        self._schedule = schedule
        self._now = now
        self._waits: dict[Ticket, _Wait] = {}

    def __bool__(self) -> bool:
        """Say whether anybody waits."""
        return bool(self._waits)

    def hold(self, ticket: Ticket, waiting: Waiting) -> "asyncio.Future[None]":
        """Return the future of a waiter: done when he may go on, failed when he is sent away."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits[ticket] = _Wait(future, waiting)
        return future

    def release(self, ticket: Ticket) -> None:
        """Forget a waiter."""
        self._waits.pop(ticket, None)

    def carry_out(self, act: Admit | Refuse) -> None:
        """Let a waiter go on, or send him away."""
        wait = self._waits.get(act.ticket)
        if wait is None or wait.future.done():
            return
        if isinstance(act, Refuse):
            wait.future.set_exception(act.error)
        else:
            wait.future.set_result(None)

    def tell_all(self) -> None:
        """Tell everybody where he stands."""
        for ticket in list(self._waits):
            self.tell(ticket)

    def tell(self, ticket: Ticket, *, first: bool = False) -> None:
        """Tell one where he stands; `first`: he has just come."""
        wait = self._waits.get(ticket)
        if wait is None or wait.future.done() or ticket.model not in self._schedule.residents:
            return
        where, waiting = standing(self._schedule, ticket, self._now()), wait.waiting
        waiting.position, waiting.eta = where.position, where.eta
        if first:
            waiting.first_position, waiting.first_eta, waiting.why = where.position, where.eta, where.why
        if waiting.progress is not None:
            waiting.progress(where.words)

    def say(self, model: str, words: str) -> None:
        """Tell those who wait for a model what its engine does."""
        for ticket, wait in self._waits.items():
            if ticket.model == model and wait.waiting.progress is not None:
                wait.waiting.progress(words)
