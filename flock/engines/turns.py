"""Who waits for one model, and in which order they are let in.

Owns the order: round robin by key, so that one user's hundred requests stand behind another's one; among those of one
key, first come first served. Pure. Called by schedule.py. A rank of the request (interactive before batch) would sort
before the key.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Ticket:
    """A request in line for a model, or a load somebody asked for: `load`, which counts as no request when let in.

    `model` is the engine's name, `key` what fairness goes by, `arrived` monotonic seconds.
    """

    model: str
    key: str
    arrived: float
    id: str = ""
    load: bool = False


class Turns:
    """The tickets for one model."""

    def __init__(self) -> None:
        self._keys: dict[str, deque[Ticket]] = {}
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
        first = [queue[0].arrived for queue in self._keys.values()]
        return min([*first, *(load.arrived for load in self.loads)], default=float("inf"))

    def add(self, ticket: Ticket) -> None:
        """Let somebody stand in line; who has none in it yet is the last in the round."""
        if ticket.load:
            self.loads.append(ticket)
            return
        self._keys.setdefault(ticket.key, deque()).append(ticket)
        self._count += 1

    def remove(self, ticket: Ticket) -> bool:
        """Take somebody out of the line; return whether he stood in it."""
        if ticket.load:
            if ticket not in self.loads:
                return False
            self.loads.remove(ticket)
            return True
        queue = self._keys.get(ticket.key)
        if queue is None or ticket not in queue:
            return False
        queue.remove(ticket)
        self._count -= 1
        if not queue:
            del self._keys[ticket.key]
        return True

    def pop(self) -> Ticket:
        """Return who is next, and put his key at the end of the round. Raises IndexError when nobody waits."""
        if not self._keys:
            raise IndexError("nobody waits")
        key = next(iter(self._keys))
        queue = self._keys.pop(key)
        ticket = queue.popleft()
        if queue:
            self._keys[key] = queue
        self._count -= 1
        return ticket

    def empty(self) -> list[Ticket]:
        """Take everybody out, in order, and return them."""
        found = [*self.loads, *self]
        self._keys.clear()
        self.loads.clear()
        self._count = 0
        return found

    def __iter__(self) -> Iterator[Ticket]:
        """Yield the requests in the order in which they would be let in."""
        rounds = [list(queue) for queue in self._keys.values()]
        for number in range(max(map(len, rounds), default=0)):
            for queue in rounds:
                if number < len(queue):
                    yield queue[number]

    def position(self, ticket: Ticket) -> int:
        """Return where a request stands, counted from 1; 0 for one that does not wait, or waits for the load alone."""
        own = self._keys.get(ticket.key)
        if own is None or ticket not in own:
            return 0
        index = own.index(ticket)
        ahead, before = index, True
        for key, queue in self._keys.items():
            if key == ticket.key:
                before = False
            else:
                ahead += min(len(queue), index + before)
        return ahead + 1
