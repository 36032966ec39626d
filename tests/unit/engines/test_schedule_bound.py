"""The bound on waiting, as engines/room.py states it: in virtual time, over generated arrivals, room for one model."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.engines.resident import Resident
from flock.engines.room import OUT_SECONDS, in_line, turn_end
from flock.engines.schedule import Rules
from flock.engines.turns import Ticket
from tests.unit.engines.virtual import Machine


@settings(max_examples=300, deadline=None)
@given(
    loads=st.lists(st.floats(0.1, 15), min_size=2, max_size=5),
    arrivals=st.lists(st.tuples(st.integers(0, 4), st.floats(0, 200)), min_size=1, max_size=150),
    bound=st.floats(1, 60),
    answer=st.floats(0.05, 5),
)
def test_every_model_is_reached_within_the_bound_or_the_loads_before_it(
    loads: list[float], arrivals: list[tuple[int, float]], bound: float, answer: float
) -> None:
    """From the moment a model stands in line until its load begins; an answer under way is never cut off."""
    machine = Machine(1, Rules(bound_seconds=bound, queue_limit=1000), answer)
    for number, load in enumerate(loads):
        machine.model(str(number), load=load)
    for number, moment in arrivals:
        machine.ask(str(number % len(loads)), moment)
    machine.run()
    assert len(machine.answered) == len(arrivals)
    for name, seconds in machine.stood:
        others = [load for number, load in enumerate(loads) if str(number) != name]
        # before it: each of the others is loaded, lets in who waited for that for as long again, answers, and leaves
        turns = sum(load + load + answer + OUT_SECONDS for load in others)
        assert seconds <= max(bound, turns) + answer + 1e-6


@settings(max_examples=200, deadline=None)
@given(
    clients=st.integers(1, 12),
    models=st.integers(2, 4),
    answer=st.floats(0.05, 1),
    load=st.floats(0.2, 1.5),
    first=st.permutations(range(12)),
)
def test_clients_in_turn_wait_at_most_the_bound_and_one_load(
    clients: int, models: int, answer: float, load: float, first: list[int]
) -> None:
    """Closed loop, sixty requests, three models in turn: few loads, and nobody waits longer than bound and load."""
    bound = 30.0
    machine = Machine(1, Rules(bound_seconds=bound), answer)
    for number in range(models):
        machine.model(str(number), load=load, slots=4)
    left = 60 - clients

    def again(ticket: Ticket) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            machine.ask(str((int(ticket.model) + 1) % models), machine.now, ticket.key)

    machine.on_answer = again
    for number in range(clients):
        machine.ask(str(number % models), 0.02 * first[number], f"client {number}")
    machine.run()
    assert len(machine.answered) == 60
    assert max(machine.waits.values()) <= bound + load + answer
    if clients == 12 and models == 3:
        assert len(machine.loads) <= 9


def test_of_those_who_came_together_the_one_most_wait_for_is_first() -> None:
    def waiting(name: str, since: float, many: int) -> Resident:
        found = Resident(name, name, 1, load_seconds=2.0)
        for number in range(many):
            found.queue.add(Ticket(name, "", since + number / 10))
        return found

    first, second, later = waiting("first", 100.0, 1), waiting("second", 101.5, 9), waiting("later", 102.5, 20)
    assert in_line([later, second, first]) == [second, first, later]
    second.load_seconds = 0.1  # else a model that loads fast would go before a slow one again and again
    assert in_line([later, second, first]) == [first, later, second]


def test_a_turn_is_shared_among_those_who_wait() -> None:
    now = 100.0
    resident = Resident("R", "R", 1, state="in", since=0.0)

    def waiting(name: str, since: float) -> Resident:
        found = Resident(name, name, 1, load_seconds=2.0)
        found.queue.add(Ticket(name, "", since))
        return found

    line = [waiting("A", now), waiting("B", now), waiting("C", now)]
    bound = 30.0
    assert turn_end(resident, line[:1], bound) == now + bound - OUT_SECONDS
    assert turn_end(resident, line[:2], bound) == now + (bound - 2 * OUT_SECONDS - 2) / 2
    assert turn_end(resident, line, bound) == now + (bound - 3 * OUT_SECONDS - 4) / 3
    assert turn_end(resident, line, 0.0) == now


def test_a_load_longer_than_the_bound_still_serves_those_who_waited_for_it() -> None:
    machine = Machine(1, Rules(bound_seconds=5), answer_seconds=1)
    machine.model("A", load=20, slots=1)
    machine.model("B", load=20, slots=1)
    for number in range(20):
        machine.ask("A", 0.01 * number)
        machine.ask("B", 0.01 * number)
    machine.run()
    assert machine.order == "AB"
    assert len(machine.answered) == 40
