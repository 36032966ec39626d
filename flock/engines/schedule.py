"""The scheduler: which models are in memory, who is let in to them, and who waits for what.

Owns the rules of swapping and of the queue. Pure: events come in with a time (monotonic seconds) and acts come out,
which residence.py carries out. Refuses to know engines, tasks or the clock. room.py has the bound and who leaves.

Invariants (tests/unit/engines/test_schedule_any.py, in virtual time, over generated histories): no load begins unless
what is in memory, leaves it and enters it fits the budget; a model with a request in flight or a pinned one is never
sent away for others; everybody who waits is let in or refused with a reason; one load however many ask.
"""

from collections.abc import Iterable

from flock.engines import refusals
from flock.engines.acts import Act, Admit, Gate, Load, Refuse, Unload
from flock.engines.resident import IN, LEAVING, LOADING, OUT, Resident
from flock.engines.room import Rules, going, in_line, may_leave, the_sum, victims
from flock.engines.turns import Ticket
from flock.errors import FlockError

_NEVER = float("inf")


class Schedule:
    """The models of one machine. Every method that takes a time returns what is to be done, in order.

    `wake_at` is when `tick` is to be called at the latest; `waiting` whether anybody waits for anything.
    """

    def __init__(self, rules: Rules, budget: int) -> None:
        self.rules = rules
        self.budget = budget
        self.residents: dict[str, Resident] = {}
        self.wake_at = _NEVER
        self.waiting = False
        self._closed = False
        self._room_at = _NEVER
        self._acts: list[Act] = []

    # -- the models

    def know(self, resident: Resident) -> None:
        """Take a model into the schedule, or another one in its place."""
        self.residents[resident.name] = resident

    def forget(self, name: str, now: float) -> list[Act]:
        """Take a model out of it; who waits for it is told that it was removed."""
        resident = self.residents.pop(name, None)
        if resident is None:
            return []
        self._refuse(resident, refusals.removed(resident.model))
        return self._settle(now)

    def holds(self, resident: Resident) -> int:
        """Return what a model counts for in memory: all of it where only one may be in it."""
        return max(resident.need, self.budget) if self.rules.exclusive else resident.need

    @property
    def used(self) -> int:
        """What is in memory, enters or leaves it, in bytes."""
        return sum(r.need for r in self.residents.values() if r.state != OUT)

    @property
    def free(self) -> int:
        """What is left of the budget, in bytes; may be negative when the budget has shrunk."""
        return self.budget - sum(self.holds(r) for r in self.residents.values() if r.state != OUT)

    def limit(self, budget: int, now: float) -> list[Act]:
        """Take another budget. What is in memory stays; it only decides what may be loaded."""
        self.budget = budget
        return self._settle(now)

    # -- requests

    def take(self, name: str) -> bool:
        """Count a request in where there is nothing to wait for: a few look-ups, on the path of every request."""
        resident = self.residents.get(name)
        if resident is None or not resident.open or resident.running >= resident.most or len(resident.queue):
            return False
        resident.running += 1
        return True

    def left(self, name: str, seconds: float, now: float) -> list[Act]:
        """Count a request out that took so long."""
        resident = self.residents.get(name)
        if resident is None:
            return []
        resident.running = max(0, resident.running - 1)
        resident.used_at = now
        resident.answered(seconds)
        return self._settle(now) if self.waiting or resident.closing else []

    def ask(self, ticket: Ticket, now: float) -> list[Act]:
        """Let somebody stand in line for a model."""
        resident = self.residents.get(ticket.model)
        if resident is None:
            return [Refuse(ticket, refusals.removed(ticket.model))]
        if self._closed:
            return [Refuse(ticket, refusals.going_down())]
        if not ticket.load:
            if len(resident.queue) >= self.rules.queue_limit:
                return [Refuse(ticket, refusals.too_many(resident, self.eta(ticket, now)))]
            if not (self.rules.jit or resident.wanted or resident.state in (IN, LOADING)):
                return [Refuse(ticket, refusals.not_loaded(resident))]
        resident.queue.add(ticket)
        return self._settle(now)

    def give_up(self, ticket: Ticket, now: float) -> list[Act]:
        """Hear that somebody no longer waits."""
        resident = self.residents.get(ticket.model)
        if resident is None or not resident.queue.remove(ticket):
            return []
        return self._settle(now)

    # -- what became of acts, and what happened without any

    def entering(self, name: str, now: float) -> list[Act]:
        """Hear that an engine starts that nobody was told to start: it was killed and comes back."""
        resident = self.residents.get(name)
        if resident is not None and resident.state != LOADING:
            self._move(resident, LOADING, now)
        return self._settle(now)

    def loaded(self, name: str, now: float) -> list[Act]:
        """Hear that a model is in memory and answers."""
        resident = self.residents.get(name)
        if resident is not None and resident.state != IN:
            self._move(resident, IN, now)
            resident.used_at, resident.batch = now, len(resident.queue)
            if not resident.closing:
                self._open(resident)
        return self._settle(now)

    def failed(self, name: str, error: FlockError, now: float) -> list[Act]:
        """Hear that a model cannot be loaded: everybody who waits for it is told why, once."""
        resident = self.residents.get(name)
        if resident is None or resident.state == LEAVING:
            return []
        self._move(resident, OUT, now)
        resident.closing = ""
        self._refuse(resident, error)
        return self._settle(now)

    def doubt(self, name: str) -> list[Act]:
        """Let nobody in to a model whose engine may have died, until `trust` or `gone`."""
        resident = self.residents.get(name)
        if resident is None or not resident.open:
            return []
        resident.open = False
        return [Gate(resident)]

    def trust(self, name: str, now: float) -> list[Act]:
        """Let requests in again to a model whose engine has not died."""
        resident = self.residents.get(name)
        if resident is not None and resident.state == IN and not (resident.open or resident.closing):
            self._open(resident)
        return self._settle(now)

    def occupied(self, name: str, now: float, *, busy: bool) -> list[Act]:
        """Hear whether a model's engine works on what nobody waits for: it is in use until it does not any more. A turn
        that is over ends it all the same, since it is nobody's answer that is lost.
        """
        resident = self.residents.get(name)
        if resident is None or resident.busy == busy:
            return []
        resident.busy, resident.used_at = busy, now
        return self._settle(now)

    def gone(self, name: str, now: float) -> list[Act]:
        """Hear that a model is no longer in memory, whether it was told to leave or died."""
        resident = self.residents.get(name)
        if resident is not None and resident.state != OUT:
            self._move(resident, OUT, now)
            resident.closing = ""
        return self._settle(now)

    def tick(self, now: float) -> list[Act]:
        """Hear what time it is."""
        return self._settle(now)

    def release(self, name: str, now: float) -> list[Act]:
        """Let a model leave once its requests have ended, because somebody asked for that; unpins it."""
        resident = self.residents[name]
        resident.pinned = resident.wanted = False
        self._refuse_loads(resident)
        if resident.state in (IN, LOADING) and resident.closing != "asked":
            self._close(resident, "asked", now)
        return self._settle(now)

    def renew(self, name: str, now: float) -> list[Act]:
        """Let a model leave as soon as nobody uses it, since it is to be loaded another way; one that was loaded on
        purpose, or is pinned, is loaded again at once.
        """
        resident = self.residents[name]
        resident.stale = resident.state in (IN, LOADING)
        return self._settle(now)

    def shut(self, now: float, *, at_once: bool = False) -> list[Act]:
        """Load nothing any more: the daemon goes down. Who waits for a model that is in memory may still be let in,
        unless it is to end `at_once`; everybody else is sent away.
        """
        self._closed = True
        for resident in self.residents.values():
            if at_once or not (resident.open or resident.state == LOADING):
                self._refuse(resident, refusals.going_down())
        return self._settle(now)

    # -- what people are told

    def shortfall(self, name: str, now: float) -> str:
        """Return why a model does not fit beside what is in memory and what stands in line before it, "" if it does."""
        resident = self.residents[name]
        ahead = sum(self.holds(r) for r in self._line() if r is not resident and not r.guest)
        if resident.state in (IN, LOADING) or self.holds(resident) <= self.free - ahead:
            return ""
        return the_sum(resident, self.free - ahead, list(self.residents.values()), now)

    def impossible(self, name: str, now: float) -> FlockError | None:
        """Return why a model could not be loaded as things are, whoever left for it; None when it could."""
        resident = self.residents[name]
        return self._impossible(resident, self.holds(resident), self.free, now)

    def line(self) -> list[Resident]:
        """Return the models that are to be loaded for those who wait, the next first."""
        return self._line()

    def eta(self, ticket: Ticket, now: float) -> float | None:
        """Return in how many seconds somebody will be let in, as far as can be told; None for somebody unknown.

        The load's time that is left, the loads before it, and the recent duration of an answer for each place.
        """
        resident = self.residents.get(ticket.model)
        if resident is None:
            return None
        seconds = 0.0
        if resident.state == LOADING:
            seconds = resident.load_left(now)
        elif resident.state != IN or resident.closing:
            line = self._line()
            ahead = line[: line.index(resident)] if resident in line else line
            blocked = max(0.0, self._room_at - now) if self._room_at < _NEVER else 0.0
            turns = [r.load_estimate + (r.answer_seconds or 0) * len(r.queue) / max(1, r.slots) for r in ahead]
            seconds = blocked + sum(turns) + resident.load_estimate
        position = resident.queue.position(ticket) or len(resident.queue) + 1
        behind = position - (resident.most if not resident.open else 0)
        return seconds + max(0, behind) * (resident.answer_seconds or 0.0) / max(1, resident.slots)

    # -- the rules

    def _settle(self, now: float) -> list[Act]:
        self._room_at = _NEVER
        for resident in self.residents.values():
            self._let_in(resident)
        self._swap(now)
        self.wake_at = self._room_at
        for resident in self.residents.values():
            self._send_away(resident, now)
        self.waiting = any(r.queue.any for r in self.residents.values())
        acts, self._acts = self._acts, []
        return acts

    def _let_in(self, resident: Resident) -> None:
        if not resident.open:
            return
        for load in resident.queue.loads:
            self._acts.append(Admit(load))
        resident.queue.loads.clear()
        while len(resident.queue) and resident.running < resident.most:
            ticket = resident.queue.pop()
            resident.running += 1
            resident.batch = max(0, resident.batch - 1)
            self._acts.append(Admit(ticket))

    def _line(self) -> list[Resident]:
        return in_line([r for r in self.residents.values() if r.queue.any and (r.state in (OUT, LEAVING) or r.closing)])

    def _swap(self, now: float) -> None:
        """Load who stands in line, and make room for them.

        Only what is not needed by somebody further ahead goes to those behind him, so that a small model may slip in
        beside others but never in front of the large one that waits for room.
        """
        line = self._line()
        self._reopen(line)
        free = self.free
        later = free + sum(self.holds(r) for r in self.residents.values() if r.state == LEAVING or r.closing)
        taken: set[str] = set()
        for number, resident in enumerate(line):
            need = self.holds(resident)
            if self._closed:
                self._refuse(resident, refusals.going_down())
            elif resident.state == OUT and (error := self._impossible(resident, need, later, now)) is not None:
                self._refuse(resident, error)
            elif resident.state == OUT and need <= free and need <= later:
                self._move(resident, LOADING, now)
                self._acts.append(Load(resident))
                free, later = free - need, later - need
            else:
                coming = self._make_room(line[number:], need - later, taken, now) if need > later else 0
                # of those behind the first, who cannot be made room for yet keeps nobody from what is free
                if number == 0 or later + coming >= need:
                    later += coming - need

    def _make_room(self, line: list[Resident], missing: int, taken: set[str], now: float) -> int:
        """Send away whose turn is over for the first in line; return what becomes free, now or when it is over."""
        candidates = [r for r in going(list(self.residents.values())) if r.name not in taken]
        leaving = candidates if self.rules.exclusive else victims(candidates, missing)
        if not leaving or line[0].guest:
            return 0
        at = max(may_leave(r, line, self.rules.bound_seconds) for r in leaving)
        taken.update(r.name for r in leaving)
        if now < at:
            self._room_at = min(self._room_at, at)
        else:
            for resident in leaving:
                self._close(resident, "swap", now)
        return sum(self.holds(r) for r in leaving)

    def _impossible(self, resident: Resident, need: int, later: int, now: float) -> FlockError | None:
        """Return why a model can never be loaded as things are, None when it can."""
        others = [r for r in self.residents.values() if r is not resident]
        if resident.need > self.budget:
            return refusals.too_large(resident, self.budget)
        pinned = [r for r in others if r.pinned and r.state in (IN, LOADING)]
        if need > self.budget - sum(self.holds(r) for r in pinned):
            return refusals.no_room(resident, the_sum(resident, self.free, others, now), pinned)
        if resident.guest and need > later:
            return refusals.no_room(resident, the_sum(resident, self.free, others, now), [])
        return None

    def _reopen(self, line: list[Resident]) -> None:
        """Keep who was to make way for others that no longer wait."""
        if any(not r.closing for r in line):
            return
        for resident in self.residents.values():
            if resident.state == IN and resident.closing == "swap":
                resident.closing = ""
                self._open(resident)
                self._let_in(resident)

    def _send_away(self, resident: Resident, now: float) -> None:
        if resident.state == LOADING and resident.closing == "asked":
            self._unload(resident, now)
        if resident.state != IN:
            return
        if resident.closing:
            if resident.running == 0:
                self._unload(resident, now)
            return
        if resident.stale and resident.idle:
            again, resident.stale = resident.wanted or resident.pinned, False
            if again:
                resident.queue.add(Ticket(resident.name, "", now, load=True))
            self._close(resident, "asked", now)
            self._send_away(resident, now)
            return
        if resident.pinned or not self.rules.jit or not resident.idle_seconds:
            return
        # one in use is looked at again when it could have been idle for long enough
        at = (resident.used_at if resident.idle else now) + resident.idle_seconds
        if now >= at:
            self._close(resident, "idle", now)
            self._send_away(resident, now)
        else:
            self.wake_at = min(self.wake_at, at)

    # -- changes

    def _move(self, resident: Resident, state: str, now: float) -> None:
        if resident.open:
            resident.open = False
            self._acts.append(Gate(resident))
        resident.state, resident.since, resident.progress = state, now, None

    def _unload(self, resident: Resident, now: float) -> None:
        self._acts.append(Unload(resident, resident.closing))
        self._move(resident, LEAVING, now)

    def _open(self, resident: Resident) -> None:
        resident.open = True
        self._acts.append(Gate(resident))

    def _close(self, resident: Resident, why: str, now: float) -> None:
        resident.closing, resident.turn_ended, resident.batch = why, now, 0
        if why != "asked":
            resident.wanted = False
        if resident.open:
            resident.open = False
            self._acts.append(Gate(resident))

    def _refuse(self, resident: Resident, error: FlockError) -> None:
        self._acts += (Refuse(ticket, refusals.copy(error)) for ticket in resident.queue.empty())

    def _refuse_loads(self, resident: Resident) -> None:
        loads: Iterable[Ticket] = resident.queue.loads.copy()
        resident.queue.loads.clear()
        self._acts += (Refuse(ticket, refusals.unloaded(resident)) for ticket in loads)
