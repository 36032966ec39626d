"""Requests of low priority let everybody else go first: when one of them may go on to the engine it wants.

Owns the rule, and who waits by it. Pure: times come in (monotonic seconds), those who may go come out; flights.py has
their futures and the clock. Refuses to know engines: what a place can take at once is asked for as a Capacity. Paid
vendors are no such place: there nobody waits for anybody.

The rule, in one place. Whatever waits here is in nobody's way: the scheduler (engines/schedule.py) has not heard of it.
One of low priority goes on to a place

1. while fewer of its kind are there than three quarters of the place's slots, and one always may: a quarter is kept
   free, so that where an engine has four or more a person starts at once, beside what is under way;
2. at an engine of ours only while nobody else waits for another of our models: that one may need the memory;
3. to a model that would need others to leave memory only when nobody else has used any of ours for SWAP_SECONDS;
4. onto the last free slot only when nobody else is there. Where there is but one, nobody else may have been there for
   LINGER_SECONDS either: a program that calls tools comes back within a second, and is to find it free. Where there are
   more, nobody for AWAY_SECONDS: while people work one slot is theirs, and at night a batch has them all.

What has gone on is not taken back: a person waits for one such answer at most, where no slot was kept free. Nobody
starves: whatever the others do, one that has waited for PATIENCE_SECONDS goes on, the next one as much later.
Pinned by tests/unit/core/test_yielding.py.
"""

from collections.abc import Callable, Iterator

from flock.engines.room import LINGER_SECONDS
from flock.engines.turns import Ticket, Turns
from flock.upstream import Capacity

# How long one of low priority lets others go first: ten times what a model in memory may keep others waiting (the
# default of loading.bound_seconds). Who sets it wants to be last, not never.
PATIENCE_SECONDS = 300.0
# How long our engines must have been left alone before a model leaves memory for one: the same default, once.
SWAP_SECONDS = 30.0
# How long nobody must have asked until nobody is thought to be at work: as long as to read a long answer, and write.
AWAY_SECONDS = 300.0

_NEVER = float("inf")
WHY = "low priority: lets others go first"


class Yielding:
    """Who of low priority waits for which place; places go by the name of their placement. `wake_at` is when `go` is to
    be called at the latest, though nothing has happened.
    """

    def __init__(self, capacity: Callable[[str], Capacity]) -> None:
        self._capacity = capacity
        self.wake_at = _NEVER
        self._lines: dict[str, Turns] = {}
        # requests there, on their way to it or in flight: of low priority, and all others
        self._low: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._waiting: dict[str, int] = {}  # of the others, those that the scheduler has not let in yet
        self._quiet: dict[str, float] = {}  # when the last of the others left
        self._let: dict[str, float] = {}  # when the last of low priority went on

    @property
    def any(self) -> bool:
        """Whether anybody waits here."""
        return bool(self._lines)

    # -- everybody else

    def came(self, place: str, *, low: bool = False) -> None:
        """Count a request in that is on its way to a place."""
        counts = self._low if low else self._others
        counts[place] = counts.get(place, 0) + 1

    def left(self, place: str, now: float, *, low: bool = False) -> None:
        """Count a request out that `came`, or was let go on."""
        counts = self._low if low else self._others
        counts[place] = max(0, counts.get(place, 1) - 1)
        if not low:
            self._quiet[place] = now

    def stands(self, place: str, by: int) -> None:
        """Count one more (1) or less (-1) of the others that wait for a place."""
        self._waiting[place] = self._waiting.get(place, 0) + by

    # -- those of low priority

    def ask(self, ticket: Ticket) -> None:
        """Let one stand in line for a place (`ticket.model`); `go` says when it may go on."""
        self._lines.setdefault(ticket.model, Turns()).add(ticket)

    def waits(self, place: str) -> int:
        """Return how many stand in line for a place."""
        return len(self._lines.get(place, ()))

    def give_up(self, ticket: Ticket) -> bool:
        """Hear that one no longer waits; return whether it stood in line."""
        line = self._lines.get(ticket.model)
        found = line is not None and line.remove(ticket)
        if line is not None and not line:
            del self._lines[ticket.model]
        return found

    def go(self, now: float) -> list[Ticket]:
        """Return who may go on now, in order; they are counted in."""
        found: list[Ticket] = []
        self.wake_at = _NEVER
        for place, line in list(self._lines.items()):
            while line and self._may(place, line, now):
                found.append(line.pop())
                self._let[place] = now
                self.came(place, low=True)
            if not line:
                del self._lines[place]
        return found

    def __iter__(self) -> Iterator[tuple[int, Ticket]]:
        """Yield those who wait, each with where it stands in its line, from 1."""
        for line in self._lines.values():
            yield from enumerate(line, start=1)

    # -- the rule

    def _may(self, place: str, line: Turns, now: float) -> bool:
        capacity = self._capacity(place)
        slots = max(1, capacity.slots)
        low, others = self._low.get(place, 0), self._others.get(place, 0)
        if low >= slots - slots // 4:
            return False
        due = max(line.oldest, self._let.get(place, 0.0)) + PATIENCE_SECONDS
        at = now if now >= due else min(due, self._free_at(place, capacity, low, others))
        if at > now:
            self.wake_at = min(self.wake_at, at)
        return at <= now

    def _free_at(self, place: str, capacity: Capacity, low: int, others: int) -> float:
        """Return from when on a place is free for one, as far as time alone brings that about; infinity else."""
        at = -_NEVER
        if capacity.own:
            if any(count for name, count in self._waiting.items() if name != place and self._capacity(name).own):
                return _NEVER
            if not capacity.fits:
                ours = [name for name in {*self._others, *self._quiet} if self._capacity(name).own]
                if any(self._others.get(name) for name in ours):
                    return _NEVER
                at = max((self._quiet.get(name, -_NEVER) + SWAP_SECONDS for name in ours), default=at)
        if low + others + 1 < capacity.slots:
            return at
        pause = LINGER_SECONDS if capacity.slots <= 1 else AWAY_SECONDS
        return _NEVER if others else max(at, self._quiet.get(place, -_NEVER) + pause)
