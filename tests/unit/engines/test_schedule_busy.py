"""The scheduler in virtual time: engines that still work on what nobody waits for are in use."""

from flock.engines.resident import IN, OUT
from flock.engines.schedule import Rules
from tests.unit.engines.virtual import Machine


def test_an_engine_that_works_on_what_nobody_waits_for_is_in_use() -> None:
    """It neither leaves for the time it has been idle nor before others that are; when its turn is over it ends."""
    machine = Machine(budget=2, rules=Rules(bound_seconds=30))
    for name in "ABC":
        machine.model(name, idle_seconds=100 if name == "A" else 0)
    machine.ask("A", 0)
    machine.ask("B", 10)
    machine.at(5, lambda: machine.schedule.occupied("A", 5, busy=True))
    machine.run(until=300)
    a, b = machine.schedule.residents["A"], machine.schedule.residents["B"]
    assert (a.state, a.idle, b.state) == (IN, False, IN)
    assert "A (1 B) is in use" in machine.schedule.shortfall("C", 300)
    machine.ask("C", 300)  # B has been used later, but does nothing
    machine.run(until=310)
    assert (a.state, b.state, machine.order) == (IN, OUT, "ABC")
    machine.ask("B", 310)
    machine.schedule.residents["C"].pinned = True
    machine.run(until=339)
    assert a.state == IN
    machine.run(until=345)
    assert (a.state, machine.order) == (OUT, "ABCB")


def test_an_engine_that_is_free_again_leaves_when_it_has_been_idle() -> None:
    machine = Machine(budget=10)
    a = machine.model("A", idle_seconds=100)
    machine.ask("A", 0)
    machine.at(5, lambda: machine.schedule.occupied("A", 5, busy=True))
    machine.at(250, lambda: machine.schedule.occupied("A", 250, busy=False))
    machine.run(until=349)
    assert a.state == IN
    machine.run()
    assert a.state == OUT
