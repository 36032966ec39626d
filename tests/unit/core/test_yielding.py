"""Low priority in virtual time: who may go on when, that people find it out of their way, and that nobody starves."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.core.yielding import AWAY_SECONDS, PATIENCE_SECONDS, SWAP_SECONDS, Yielding
from flock.engines.room import LINGER_SECONDS
from flock.engines.turns import Ticket
from flock.upstream import Capacity


@dataclass
class Engine:
    """One engine in front of which requests of both kinds come; it answers `slots` at once, the others in order."""

    slots: int
    seconds: float = 1.0
    now: float = 0.0
    waited: dict[str, float] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    on_answer: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self.rule = Yielding(lambda _name: Capacity(self.slots, own=True))
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._running = 0
        self._inside: list[tuple[str, float, bool]] = []

    def at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._number), act))

    def person(self, moment: float, name: str) -> None:
        def came() -> None:
            self.rule.came("e")
            self._enter(name, self.now, low=False)

        self.at(moment, came)

    def low(self, moment: float, name: str, key: str = "batch") -> None:
        self.at(moment, lambda: self.rule.ask(Ticket("e", key, moment, name)))

    def run(self, until: float = float("inf")) -> None:
        while True:
            moment = min(self._events[0][0] if self._events else float("inf"), max(self.rule.wake_at, self.now))
            if moment == float("inf") or moment > until:
                break
            self.now = moment
            while self._events and self._events[0][0] <= moment:
                heapq.heappop(self._events)[2]()
            for ticket in self.rule.go(self.now):
                self._enter(ticket.id, ticket.arrived, low=True)

    def _enter(self, name: str, since: float, *, low: bool) -> None:
        self._inside.append((name, since, low))
        self._work()

    def _work(self) -> None:
        while self._inside and self._running < self.slots:
            name, since, low = self._inside.pop(0)
            self.waited[name] = self.now - since
            self._running += 1
            self.at(self.now + self.seconds, lambda name=name, low=low: self._ended(name, low))

    def _ended(self, name: str, low: bool) -> None:
        self._running -= 1
        self.answered.append(name)
        self.rule.left("e", self.now, low=low)
        self._work()
        if self.on_answer is not None:
            self.on_answer(name)


def test_alone_one_after_the_other_is_answered_without_a_pause() -> None:
    engine = Engine(slots=1)
    for n in range(10):
        engine.low(0.0, f"low {n}")
    engine.run()
    assert engine.now == 10.0
    assert engine.answered == [f"low {n}" for n in range(10)]


def test_a_person_who_comes_later_is_served_before_all_that_wait() -> None:
    engine = Engine(slots=1)
    for n in range(10):
        engine.low(0.0, f"low {n}")
    engine.person(2.5, "person")
    engine.run()
    assert engine.answered[:4] == ["low 0", "low 1", "low 2", "person"]
    assert engine.waited["person"] == 0.5  # what was under way was not cut off
    assert engine.waited["low 3"] == 4.0 + LINGER_SECONDS


def test_where_there_are_four_slots_one_is_kept_free_and_a_person_starts_at_once() -> None:
    engine = Engine(slots=4)
    for n in range(30):
        engine.low(0.0, f"low {n}")
    for n in range(10):
        engine.person(0.5 + n, f"person {n}")
    engine.run()
    assert len(engine.answered) == 40
    assert max(engine.waited[f"person {n}"] for n in range(10)) == 0.0


def test_of_two_slots_one_is_theirs_while_people_work_and_at_night_a_batch_has_both() -> None:
    engine = Engine(slots=2, seconds=10.0)
    for n in range(100):
        engine.low(0.0, f"low {n}")
    for n in range(5):
        engine.person(95.0 + 60 * n, f"person {n}")
    engine.run(until=94.0)
    assert len(engine.answered) == 18  # two at once
    engine.run(until=400.0)
    assert engine.waited["person 0"] == 5.0  # what was under way
    assert [engine.waited[f"person {n}"] for n in range(1, 5)] == [0.0] * 4
    came_last = 95.0 + 240 + 10
    engine.run(until=came_last + AWAY_SECONDS - 1)
    alone = len([name for name in engine.answered if name.startswith("low")])
    assert alone < 18 + 60
    engine.run()
    assert len(engine.answered) == 105


def test_a_program_that_calls_tools_finds_the_engine_free_each_time() -> None:
    """It comes back 0.3 s after each answer, twenty times; what is of low priority waits for its end."""
    engine = Engine(slots=1)
    left = 20

    def again(name: str) -> None:
        nonlocal left
        if name.startswith("person") and left:
            left -= 1
            engine.person(engine.now + 0.3, f"person {left}")

    engine.on_answer = again
    engine.person(0.0, "person first")
    for n in range(3):
        engine.low(0.1, f"low {n}")
    engine.run()
    assert engine.answered[-3:] == ["low 0", "low 1", "low 2"]
    assert max(engine.waited[f"person {n}"] for n in range(20)) == 0.0


def test_nobody_starves_one_goes_on_whenever_its_patience_is_over() -> None:
    """A person asks without a pause for half an hour: five of low priority are answered, one each five minutes."""
    engine = Engine(slots=1, seconds=10.0)

    def again(name: str) -> None:
        if name.startswith("person") and engine.now < 6 * PATIENCE_SECONDS:
            engine.person(engine.now, f"person {engine.now}")

    engine.on_answer = again
    engine.person(0.0, "person")
    for n in range(9):
        engine.low(0.0, f"low {n}")
    engine.run(until=6 * PATIENCE_SECONDS - 20)
    assert [name for name in engine.answered if name.startswith("low")] == [f"low {n}" for n in range(5)]
    for n in range(5):
        assert abs(engine.waited[f"low {n}"] - (n + 1) * PATIENCE_SECONDS) <= 10.0
    engine.run()
    assert len([name for name in engine.answered if name.startswith("low")]) == 9


def test_two_who_ask_with_low_priority_take_turns() -> None:
    engine = Engine(slots=1)
    for n in range(4):
        engine.low(0.0, f"a{n}", "a")
    for n in range(4):
        engine.low(0.1, f"b{n}", "b")
    engine.run()
    assert "".join(name[0] for name in engine.answered) == "abababab"


class Machine:
    """Two models of ours of which one is in memory, and an adopted engine."""

    def __init__(self) -> None:
        self.fits = {"in": True, "out": False}
        self.rule = Yielding(lambda name: Capacity(1, own=name in self.fits, fits=self.fits.get(name, True)))

    def ask(self, place: str, now: float) -> bool:
        ticket = Ticket(place, "batch", now)
        self.rule.ask(ticket)
        if self.rule.go(now) == [ticket]:
            return True
        assert self.rule.give_up(ticket)
        return False


def test_no_model_leaves_memory_for_one_while_somebody_uses_any_of_ours() -> None:
    machine = Machine()
    machine.rule.came("in")
    assert not machine.ask("out", 1000.0)
    assert machine.ask("adopted", 1000.0)  # that one is in nobody's memory of ours
    machine.rule.left("in", 1001.0)
    assert not machine.ask("out", 1000.9 + SWAP_SECONDS)
    assert machine.ask("out", 1001.0 + SWAP_SECONDS)


def test_one_does_not_keep_a_model_in_memory_that_another_person_waits_to_see_leave() -> None:
    machine = Machine()
    machine.rule.came("out")
    machine.rule.stands("out", 1)
    assert not machine.ask("in", 1000.0)
    machine.rule.stands("out", -1)
    assert machine.ask("in", 1000.0)


def test_beside_an_adopted_engine_of_one_slot_a_person_is_let_go_first() -> None:
    machine = Machine()
    machine.rule.came("adopted")
    assert not machine.ask("adopted", 1000.0)
    machine.rule.left("adopted", 1001.0)
    assert not machine.ask("adopted", 1001.5)
    assert machine.ask("adopted", 1001.0 + LINGER_SECONDS)


@settings(max_examples=200, deadline=None)
@given(
    slots=st.integers(1, 9),
    seconds=st.floats(0.1, 20),
    people=st.lists(st.floats(0, 300), max_size=40),
    low=st.lists(st.tuples(st.floats(0, 300), st.sampled_from("ab")), max_size=40),
)
def test_whatever_comes_everybody_is_answered_and_no_person_waits_for_two_of_low_priority(
    slots: int, seconds: float, people: list[float], low: list[tuple[float, str]]
) -> None:
    engine, alone = Engine(slots, seconds), Engine(slots, seconds)
    for number, moment in enumerate(people):
        engine.person(moment, f"person {number}")
        alone.person(moment, f"person {number}")
    for number, (moment, key) in enumerate(low):
        engine.low(moment, f"low {number}", key)
    engine.run()
    alone.run()
    assert len(engine.answered) == len(people) + len(low)
    late = max((engine.waited[name] - alone.waited[name] for name in alone.waited), default=0.0)
    assert late <= seconds + 1e-6 or max(engine.waited[n] for n in engine.waited) >= PATIENCE_SECONDS
