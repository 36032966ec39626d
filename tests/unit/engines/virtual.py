"""A machine in virtual time around the scheduler: what it wants done takes a while, and the rules are looked at after
every event.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from flock.engines.acts import Act, Admit, Gate, Load, Refuse, Unload
from flock.engines.resident import IN, LOADING, OUT, Resident
from flock.engines.room import OUT_SECONDS
from flock.engines.schedule import Rules, Schedule
from flock.engines.turns import Ticket
from flock.errors import EngineFailed, FlockError


@dataclass
class Machine:
    """`load_seconds` and `answer_seconds` by model; `answer_seconds` is how long each request takes once let in."""

    budget: int
    rules: Rules = field(default_factory=Rules)
    answer_seconds: float = 1.0
    loads: list[tuple[float, str]] = field(default_factory=list)
    waits: dict[str, float] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    refused: dict[str, FlockError] = field(default_factory=dict)
    on_answer: Callable[[Ticket], None] | None = None
    failing: set[str] = field(default_factory=set)
    # how long each stood in line before its load began, and what was its turn
    stood: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = 0.0
        self.schedule = Schedule(self.rules, self.budget)
        self._events: list[tuple[float, int, Callable[[], list[Act]]]] = []
        self._number = itertools.count()
        self._waiting: set[Ticket] = set()

    def model(self, name: str, need: int = 1, load: float = 2.0, **facts: object) -> Resident:
        resident = Resident(name, name, need, load_seconds=load, **facts)  # type: ignore[arg-type]
        self.schedule.know(resident)
        return resident

    def at(self, moment: float, act: Callable[[], list[Act]]) -> None:
        heapq.heappush(self._events, (moment, next(self._number), act))

    def ask(self, model: str, moment: float, key: str = "", *, load: bool = False, id: str = "") -> Ticket:
        ticket = Ticket(model, key, moment, id or f"{model}{next(self._number)}", load=load)

        def asked() -> list[Act]:
            if not load and self.schedule.take(model):
                self.waits[ticket.id] = 0.0
                self._answer(ticket)
                return []
            self._waiting.add(ticket)
            return self.schedule.ask(ticket, self.now)

        self.at(moment, asked)
        return ticket

    def leave(self, ticket: Ticket, moment: float) -> None:
        def left() -> list[Act]:
            if ticket not in self._waiting:
                return []
            self._waiting.discard(ticket)
            return self.schedule.give_up(ticket, self.now)

        self.at(moment, left)

    def run(self, until: float = float("inf")) -> None:
        """Let time pass until nothing happens any more."""
        while True:
            event = self._events[0][0] if self._events else float("inf")
            wake = self.schedule.wake_at
            moment = min(event, max(wake, self.now))
            if moment == float("inf") or moment > until:
                self.now = max(self.now, until if until < float("inf") else self.now)
                break
            self.now = max(self.now, moment)
            acts = heapq.heappop(self._events)[2]() if event <= wake else self.schedule.tick(self.now)
            self._do(acts)
            self._look()
        if until == float("inf"):
            assert not self._waiting, "somebody waits for ever"

    def _do(self, acts: list[Act]) -> None:
        for act in acts:
            if isinstance(act, Load):
                self._load(act.resident)
            elif isinstance(act, Unload):
                assert act.resident.running == 0
                assert act.why == "asked" or not act.resident.pinned
                self.at(self.now + OUT_SECONDS, lambda name=act.resident.name: self.schedule.gone(name, self.now))
            elif isinstance(act, Admit):
                self._waiting.discard(act.ticket)
                self.waits[act.ticket.id] = self.now - act.ticket.arrived
                if not act.ticket.load:
                    assert self.schedule.residents[act.ticket.model].state == IN
                    self._answer(act.ticket)
            elif isinstance(act, Refuse):
                self._waiting.discard(act.ticket)
                self.refused[act.ticket.id] = act.error
                assert act.error.sentence
            else:
                assert isinstance(act, Gate)

    def _load(self, resident: Resident) -> None:
        held = sum(r.need for r in self.schedule.residents.values() if r.state != OUT)
        assert held <= self.schedule.budget, "memory is overcommitted"
        if self.rules.exclusive:
            assert [r.name for r in self.schedule.residents.values() if r.state != OUT] == [resident.name]
        self.loads.append((self.now, resident.name))
        if resident.queue.any:
            self.stood.append((resident.name, self.now - resident.lined_up))
        name = resident.name
        if name in self.failing:
            error = EngineFailed("it says no", hint="flock logs")
            self.at(self.now + resident.load_estimate, lambda: self.schedule.failed(name, error, self.now))
        else:
            self.at(self.now + resident.load_estimate, lambda: self.schedule.loaded(name, self.now))

    def _answer(self, ticket: Ticket) -> None:
        def answered() -> list[Act]:
            self.answered.append(ticket.id)
            acts = self.schedule.left(ticket.model, self.answer_seconds, self.now)
            if self.on_answer is not None:
                self.on_answer(ticket)
            return acts

        self.at(self.now + self.answer_seconds, answered)

    def _look(self) -> None:
        for resident in self.schedule.residents.values():
            assert resident.running >= 0
            assert not (resident.open and resident.state != IN)
            assert not (resident.open and len(resident.queue) and resident.running < resident.most)
            assert not (resident.state == LOADING and resident.open)
            assert resident.running <= resident.most

    @property
    def order(self) -> str:
        """The models in the order of their loads."""
        return "".join(name for _, name in self.loads)
