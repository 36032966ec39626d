"""Who waits for one model, and in which order they are let in.

Owns the order: among those of one key, first come first served; between keys by their shares, so that one user's
hundred requests stand behind another's one, and that a key with a share of 3 has three turns where one with 1 has one.
Pure. Called by schedule.py. A rank of the request (interactive before batch) would sort before the key.

The rule is start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each turn of a key has a moment in a time of
its own, 1/share after the turn before it, and the earliest is next. Who comes anew begins at the moment of the last
turn that was given, and not before the one it would have had next: to leave the line and come back wins nothing.
Nobody starves: between two turns of a key every other one has at most its share over that key's share, and one more.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from flock.upstream import Waiting

# the greatest share of a key (contract/tokens.py)
SHARE_MOST = 100
# one turn of a share of 1; every share up to the greatest divides it, so that moments are whole numbers and never drift
_TURN = math.lcm(*range(1, SHARE_MOST + 1))


@dataclass(eq=False, slots=True)
class Ticket:
    """A request in line for a model, or a load somebody asked for: `load`, which counts as no request when let in.

    `model` is the engine's name, `key` what fairness goes by, `share` that key's weight, `arrived` monotonic seconds.
    """

    model: str
    key: str
    arrived: float
    id: str = ""
    load: bool = False
    share: int = 1

    @classmethod
    def of(cls, model: str, waiting: Waiting) -> Self:
        """Return the ticket of a request that waits."""
        return cls(model, waiting.key, waiting.since, waiting.request_id, share=waiting.share)


@dataclass(slots=True)
class _Line:
    """The tickets of one key: its next turn's moment, what lies between two, and which of equal moments is first."""

    moment: int
    step: int
    number: int
    tickets: deque[Ticket] = field(default_factory=deque[Ticket])

    def at(self, index: int) -> tuple[int, int]:
        """Return when the ticket at an index has its turn."""
        return self.moment + index * self.step, self.number


class Turns:
    """The tickets for one model."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        # the moment of the last turn that was given, and when keys that left the line would have had their next one
        self._now = self._number = 0
        self._left: dict[str, int] = {}
        self._count = 0
        self.loads: list[Ticket] = []

    def __len__(self) -> int:
        """Return how many requests wait; loads are not counted."""
        return self._count

    @property
    def any(self) -> bool:
        """Whether anybody waits, for an answer or for the load alone."""
        return bool(self._count or self.loads)

    @property
    def oldest(self) -> float:
        """When the one that waits longest came; infinity for nobody."""
        first = [line.tickets[0].arrived for line in self._lines.values()]
        return min([*first, *(load.arrived for load in self.loads)], default=float("inf"))

    def add(self, ticket: Ticket) -> None:
        """Let somebody stand in line. The share of a key is that of its last ticket."""
        if ticket.load:
            self.loads.append(ticket)
            return
        line = self._lines.get(ticket.key)
        if line is None:
            self._number += 1
            line = _Line(max(self._now, self._left.pop(ticket.key, 0)), 0, self._number)
            self._lines[ticket.key] = line
        line.step = _TURN // min(max(1, ticket.share), SHARE_MOST)
        line.tickets.append(ticket)
        self._count += 1

    def remove(self, ticket: Ticket) -> bool:
        """Take somebody out of the line; return whether he stood in it. The key keeps its turn for those behind him."""
        if ticket.load:
            if ticket not in self.loads:
                return False
            self.loads.remove(ticket)
            return True
        line = self._lines.get(ticket.key)
        if line is None or ticket not in line.tickets:
            return False
        line.tickets.remove(ticket)
        self._less(ticket.key, line)
        return True

    def pop(self) -> Ticket:
        """Return who is next. Raises IndexError when nobody waits."""
        if not self._lines:
            raise IndexError("nobody waits")
        key, line = min(self._lines.items(), key=lambda item: item[1].at(0))
        self._now = line.moment
        line.moment += line.step
        ticket = line.tickets.popleft()
        self._less(key, line)
        return ticket

    def _less(self, key: str, line: _Line) -> None:
        """Count one less in a key's line; with nobody in any, what was is forgotten."""
        self._count -= 1
        if line.tickets:
            return
        del self._lines[key]
        self._left[key] = line.moment
        self._left = {name: at for name, at in self._left.items() if at > self._now} if self._lines else {}
        if not self._lines:
            self._now = 0

    def empty(self) -> list[Ticket]:
        """Take everybody out, in order, and return them."""
        found = [*self.loads, *self]
        self._lines.clear()
        self._left.clear()
        self.loads.clear()
        self._count = self._now = 0
        return found

    def __iter__(self) -> Iterator[Ticket]:
        """Yield the requests in the order in which they would be let in."""
        moments = [(line.at(i), ticket) for line in self._lines.values() for i, ticket in enumerate(line.tickets)]
        moments.sort(key=lambda one: one[0])
        yield from (ticket for _, ticket in moments)

    def position(self, ticket: Ticket) -> int:
        """Return where a request stands, counted from 1; 0 for one that does not wait, or waits for the load alone."""
        own = self._lines.get(ticket.key)
        if own is None or ticket not in own.tickets:
            return 0
        at = own.at(own.tickets.index(ticket))
        return 1 + sum(_before(line, at) for line in self._lines.values())


def _before(line: _Line, at: tuple[int, int]) -> int:
    """Return how many tickets of a line have their turn before a moment."""
    moment, number = at
    whole, rest = divmod(moment - line.moment, line.step)
    earlier = whole + 1 if rest or line.number < number else whole
    return min(max(0, earlier), len(line.tickets))
