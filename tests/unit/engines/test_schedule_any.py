"""The scheduler under any history: its rules hold after every event, and nobody waits for ever."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.engines.resident import IN
from flock.engines.schedule import Rules
from tests.unit.engines.virtual import Machine

MODELS = st.lists(
    st.tuples(st.integers(1, 6), st.floats(0.1, 20), st.booleans(), st.integers(0, 2), st.integers(1, 3)),
    min_size=1,
    max_size=5,
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "ask", "load", "leave", "release", "pin", "unpin", "die", "budget"]),
        st.integers(0, 4),
        st.floats(0, 120),
        st.sampled_from("xyz"),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(
    models=MODELS,
    events=EVENTS,
    budget=st.integers(1, 10),
    exclusive=st.booleans(),
    bound=st.floats(0, 40),
    answer=st.floats(0.01, 15),
    failing=st.sets(st.integers(0, 4), max_size=2),
)
def test_whatever_happens_memory_is_never_overcommitted_and_nobody_waits_for_ever(
    models: list[tuple[int, float, bool, int, int]],
    events: list[tuple[str, int, float, str]],
    budget: int,
    exclusive: bool,
    bound: float,
    answer: float,
    failing: set[int],
) -> None:
    """The rules of virtual.Machine hold after every event; and who pins nothing for ever is served or refused."""
    machine = Machine(budget, Rules(bound, exclusive=exclusive), answer, failing={str(n) for n in failing})
    for number, (need, load, pinned, priority, slots) in enumerate(models):
        machine.model(str(number), need, load, pinned=pinned, priority=priority, slots=slots, idle_seconds=60)
    asked = []
    schedule = machine.schedule
    for what, number, moment, key in events:
        name = str(number % len(models))

        def act(what: str = what, name: str = name, number: int = number) -> list:
            resident = schedule.residents[name]
            match what:
                case "release":
                    return schedule.release(name, machine.now)
                case "pin" | "unpin":
                    resident.pinned = what == "pin"
                    return schedule.tick(machine.now)
                case "die" if resident.state == IN and resident.running == 0:
                    return schedule.gone(name, machine.now)
                case "budget":
                    return schedule.limit(number * 2 + 1, machine.now)
                case _:
                    return []

        if what in ("ask", "load"):
            asked.append(machine.ask(name, moment, key, load=what == "load"))
        elif what == "leave" and asked:
            machine.leave(asked[number % len(asked)], moment)
        else:
            machine.at(moment, act)
    machine.run()
    loads = [ticket.id for ticket in asked if ticket.load]
    assert len(machine.answered) + len([i for i in machine.refused if i not in loads]) <= len(asked) - len(loads)
    for resident in schedule.residents.values():
        assert resident.running == 0
        assert not resident.queue.any
