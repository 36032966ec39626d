"""The scheduler in virtual time: what is in memory, who is let in, who waits, who is refused."""

from flock.engines.resident import IN, OUT, Resident
from flock.engines.schedule import Rules, Schedule
from flock.engines.turns import Ticket
from flock.errors import Conflict, Draining, EngineBusy, EngineFailed, ModelNotFound, ModelNotLoaded, NotEnoughMemory
from tests.unit.engines.virtual import Machine


def test_requests_are_batched_by_model() -> None:
    machine = Machine(budget=1)
    for name in "ABC":
        machine.model(name)
    for number, name in enumerate("ABCABC"):
        machine.ask(name, 0.01 * number)
    machine.run()
    assert machine.order == "ABC"
    assert len(machine.answered) == 6


def test_turns_are_not_changed_between_two_requests_of_one_program() -> None:
    """Two agents, room for one model, a tool called between requests: a swap for each request would be thrash."""
    machine = Machine(budget=1, rules=Rules(bound_seconds=20), answer_seconds=0.5)
    machine.model("A")
    machine.model("B")
    left = {"A": 20, "B": 20}

    def again(ticket: Ticket) -> None:
        left[ticket.model] -= 1
        if left[ticket.model] > 0:
            machine.ask(ticket.model, machine.now + 0.3)

    machine.on_answer = again
    machine.ask("A", 0)
    machine.ask("B", 0.1)
    machine.run()
    assert len(machine.answered) == 40
    assert len(machine.loads) <= 4


def test_a_hundred_requests_start_a_model_once() -> None:
    machine = Machine(budget=10)
    machine.model("A", load=30)
    for number in range(100):
        machine.ask("A", number / 10)
    machine.run()
    assert machine.order == "A"
    assert len(machine.answered) == 100


def test_a_load_that_fails_fails_all_who_wait_once() -> None:
    machine = Machine(budget=10, failing={"A"})
    machine.model("A")
    tickets = [machine.ask("A", 0.01 * number) for number in range(50)]
    machine.run()
    assert machine.order == "A"
    errors = [machine.refused[ticket.id] for ticket in tickets]
    assert {type(error) for error in errors} == {EngineFailed}
    assert len({id(error) for error in errors}) == 50


def test_waiters_are_let_in_in_rounds_by_key() -> None:
    machine = Machine(budget=1)
    machine.model("A", slots=1)
    for number in range(6):
        machine.ask("A", 0.01 * number, "greedy", id=f"greedy{number}")
    machine.ask("A", 0.1, "modest", id="modest0")
    machine.ask("A", 0.2, "modest", id="modest1")
    machine.run()
    assert machine.answered.index("modest0") == 1
    assert machine.answered.index("modest1") == 3


def test_an_engine_gets_twice_its_slots_at_once() -> None:
    schedule = Schedule(Rules(), 10)
    model = Resident("A", "A", 1, slots=2, state=IN, open=True)
    schedule.know(model)
    assert [schedule.take("A") for _ in range(5)] == [True, True, True, True, False]
    waiting = [Ticket("A", "k", 0.0, str(number)) for number in range(3)]
    for ticket in waiting:
        assert schedule.ask(ticket, 0.0) == []
    assert [model.queue.position(ticket) for ticket in waiting] == [1, 2, 3]
    model.answer_seconds = 4.0
    assert [schedule.eta(ticket, 0.0) for ticket in waiting] == [2.0, 4.0, 6.0]
    # nobody overtakes those who wait
    model.running = 0
    assert not schedule.take("A")
    assert schedule.give_up(waiting[0], 0.0)
    assert schedule.give_up(waiting[0], 0.0) == []


def test_the_queue_has_an_end_and_says_when_to_come_back() -> None:
    schedule = Schedule(Rules(queue_limit=2), 10)
    model = Resident("A", "A", 1, state=IN, open=True, running=2, answer_seconds=10.0)
    schedule.know(model)
    for number in range(2):
        assert schedule.ask(Ticket("A", "k", 0.0, str(number)), 0.0) == []
    (refused,) = schedule.ask(Ticket("A", "k", 0.0, "late"), 0.0)
    error = refused.error  # type: ignore[union-attr]
    assert isinstance(error, EngineBusy)
    assert error.details["retry_after"] == 30


def test_idle_models_leave_for_others_the_longest_idle_first() -> None:
    machine = Machine(budget=3)
    for name in "ABCD":
        machine.model(name)
    for number, name in enumerate("BAC"):
        machine.ask(name, 10.0 * number)
    machine.ask("D", 60)
    machine.run()
    assert {name for name in "ABCD" if machine.schedule.residents[name].state == IN} == {"A", "C", "D"}


def test_lower_priority_leaves_first() -> None:
    machine = Machine(budget=2)
    machine.model("A", priority=1)
    machine.model("B")
    machine.model("C")
    machine.ask("A", 0)
    machine.ask("B", 10)
    machine.ask("C", 60)
    machine.run()
    assert machine.schedule.residents["A"].state == IN
    assert machine.schedule.residents["B"].state == OUT


def test_only_as_many_leave_as_are_needed() -> None:
    machine = Machine(budget=10)
    machine.model("small", need=1)
    machine.model("large", need=8)
    machine.model("new", need=8)
    machine.ask("small", 0)
    machine.ask("large", 10)
    machine.ask("new", 60)
    machine.run()
    assert machine.schedule.residents["small"].state == IN
    assert machine.schedule.residents["large"].state == OUT


def test_pinned_models_stay_and_who_needs_their_room_is_told_at_once() -> None:
    machine = Machine(budget=10_000_000_000)
    machine.model("A", need=8_000_000_000).pinned = True
    machine.model("B", need=4_000_000_000)
    machine.ask("A", 0)
    ticket = machine.ask("B", 60)
    machine.run()
    error = machine.refused[ticket.id]
    assert isinstance(error, NotEnoughMemory)
    assert error.sentence == "B needs 4.0 GB, 2.0 GB free; A (8.0 GB) is pinned"
    assert error.hint == "flock model unload A"
    assert machine.schedule.residents["A"].state == IN


def test_a_pinned_model_stays_also_where_another_one_has_to_be_waited_for() -> None:
    machine = Machine(budget=2, rules=Rules(bound_seconds=1), answer_seconds=30)
    machine.model("A").pinned = True
    machine.model("B")
    machine.model("C")
    machine.ask("A", 0, load=True)
    machine.ask("B", 0)
    machine.ask("C", 10)
    machine.run()
    assert machine.order == "ABC"
    assert machine.schedule.residents["A"].state == IN


def test_who_was_left_behind_at_the_end_of_a_turn_stands_at_the_end_of_the_line() -> None:
    machine = Machine(budget=1, rules=Rules(bound_seconds=12), answer_seconds=1)
    for name in "ABC":
        machine.model(name, load=1)
    for number in range(60):
        machine.ask("A", 0.01 * number)
    machine.ask("B", 1)
    machine.ask("C", 1.1)
    machine.run()
    assert machine.order == "ABCA"
    assert len(machine.answered) == 62


def test_what_others_wait_for_is_not_free() -> None:
    machine = Machine(budget=10, answer_seconds=100)
    machine.model("busy", need=6)
    machine.model("large", need=8)
    machine.model("small", need=3)
    machine.ask("busy", 0)
    machine.run(until=20)
    assert machine.schedule.shortfall("small", 20) == ""
    machine.ask("large", 21)
    machine.run(until=22)
    assert machine.schedule.shortfall("small", 22).startswith("small needs 3 B, 0 B free; busy (6 B) is in use")


def test_what_does_not_fit_even_alone_is_refused_at_once() -> None:
    machine = Machine(budget=17_800_000_000)
    machine.model("B", need=21_400_000_000)
    ticket = machine.ask("B", 0)
    machine.run()
    assert machine.loads == []
    assert machine.refused[ticket.id].sentence == "B needs 21.4 GB, and there are 17.8 GB for models here"


def test_the_sum_says_who_could_go() -> None:
    machine = Machine(budget=20_000_000_000)
    machine.model("X", need=10_000_000_000)
    machine.model("B", need=12_000_000_000)
    machine.ask("X", 0)
    machine.run(until=723)
    assert machine.schedule.shortfall("B", 723) == (
        "B needs 12.0 GB, 10.0 GB free; X (10.0 GB), idle 12 m 0 s, could go"
    )
    assert machine.schedule.shortfall("X", 723) == ""


def test_models_leave_when_idle_unless_pinned_or_busy_or_told_to_stay() -> None:
    machine = Machine(budget=10, answer_seconds=1.0)
    machine.model("A", idle_seconds=300)
    machine.model("pinned", idle_seconds=300).pinned = True
    machine.model("stays", idle_seconds=0)
    for name in ("A", "pinned", "stays"):
        machine.ask(name, 0)
    machine.ask("A", 290)
    machine.run(until=500)
    assert machine.schedule.residents["A"].state == IN
    machine.run(until=592)
    assert machine.schedule.residents["A"].state == OUT
    assert machine.schedule.residents["pinned"].state == IN
    assert machine.schedule.residents["stays"].state == IN


def test_a_long_answer_is_never_cut_off_by_the_idle_time() -> None:
    machine = Machine(budget=10, answer_seconds=1000)
    machine.model("A", idle_seconds=300)
    machine.ask("A", 0)
    machine.run(until=1000)
    assert machine.schedule.residents["A"].state == IN
    machine.run()
    assert machine.answered
    assert machine.schedule.residents["A"].state == OUT


def test_without_just_in_time_loading_requests_load_nothing_and_nothing_leaves() -> None:
    machine = Machine(budget=10, rules=Rules(jit=False))
    machine.model("A", idle_seconds=300)
    early = machine.ask("A", 0)
    machine.run()
    error = machine.refused[early.id]
    assert isinstance(error, ModelNotLoaded)
    assert error.hint == "flock model load A"
    machine.ask("A", 10, load=True)
    machine.ask("A", 11)
    machine.run()
    assert machine.order == "A"
    assert len(machine.answered) == 1
    assert machine.schedule.residents["A"].state == IN


def test_a_model_loaded_on_purpose_comes_back_after_it_has_died() -> None:
    machine = Machine(budget=10, rules=Rules(jit=False))
    machine.model("A").wanted = True
    machine.ask("A", 0)
    machine.run()
    machine.schedule.gone("A", 100)
    machine.ask("A", 101)
    machine.run()
    assert machine.order == "AA"


def test_one_model_at_a_time_where_it_is_to_be_so() -> None:
    machine = Machine(budget=100, rules=Rules(exclusive=True))
    for name in "ABC":
        machine.model(name)
    for number, name in enumerate("ABCABC"):
        machine.ask(name, 0.01 * number)
    machine.run()
    assert machine.order == "ABC"


def test_the_built_in_model_makes_nobody_leave() -> None:
    machine = Machine(budget=10)
    machine.model("A", need=10)
    machine.model("smoke", need=1, guest=True)
    machine.ask("A", 0)
    ticket = machine.ask("smoke", 60)
    machine.run()
    assert isinstance(machine.refused[ticket.id], NotEnoughMemory)
    assert machine.schedule.residents["A"].state == IN
    machine.schedule.release("A", 100)
    machine.schedule.gone("A", 101)
    machine.ask("smoke", 102)
    machine.ask("A", 200)
    machine.run()
    assert machine.order == "AsmokeA"


def test_a_small_model_slips_in_beside_but_not_in_front_of_one_that_waits_for_room() -> None:
    machine = Machine(budget=10, answer_seconds=20)
    machine.model("busy", need=6)
    machine.model("large", need=8)
    machine.model("small", need=2)
    machine.model("medium", need=3)
    machine.ask("busy", 0)
    machine.ask("large", 5)
    machine.ask("medium", 6)
    machine.ask("small", 7)
    machine.run(until=10)
    assert [name for _, name in machine.loads] == ["busy", "small"]
    machine.run()
    assert [name for _, name in machine.loads] == ["busy", "small", "large", "medium"]


def test_who_waited_for_room_and_left_gives_it_back() -> None:
    machine = Machine(budget=1, rules=Rules(bound_seconds=5), answer_seconds=30)
    machine.model("A")
    machine.model("B")
    machine.ask("A", 0)
    ticket = machine.ask("B", 3)
    machine.run(until=15)
    model = machine.schedule.residents["A"]
    assert model.closing == "swap"
    assert not machine.schedule.take("A")
    machine.leave(ticket, 16)
    machine.run(until=17)
    assert model.open
    machine.ask("A", 18)
    machine.run()
    assert machine.order == "A"


def test_unloading_waits_for_answers_and_the_next_request_loads_again() -> None:
    machine = Machine(budget=10, answer_seconds=10)
    model = machine.model("A", pinned=True)
    machine.ask("A", 0)
    machine.at(5, lambda: machine.schedule.release("A", machine.now))
    machine.run(until=11)
    assert (model.state, model.open, model.pinned) == (IN, False, False)
    machine.ask("A", 11)
    machine.run()
    assert machine.order == "AA"
    assert len(machine.answered) == 2


def test_a_load_that_is_taken_back_says_so() -> None:
    machine = Machine(budget=1, answer_seconds=100)
    machine.model("A")
    machine.model("B")
    machine.ask("A", 0)
    ticket = machine.ask("B", 3, load=True)
    machine.at(5, lambda: machine.schedule.release("B", machine.now))
    machine.run()
    assert isinstance(machine.refused[ticket.id], Conflict)
    assert machine.order == "A"


def test_a_removed_model_sends_its_waiters_away() -> None:
    machine = Machine(budget=1, answer_seconds=100)
    machine.model("A")
    machine.model("B")
    machine.ask("A", 0)
    ticket = machine.ask("B", 3)
    machine.at(5, lambda: machine.schedule.forget("B", machine.now))
    late = machine.ask("B", 6)
    machine.run()
    assert isinstance(machine.refused[ticket.id], ModelNotFound)
    assert isinstance(machine.refused[late.id], ModelNotFound)


def test_going_down_lets_in_who_is_there_and_sends_the_others_away() -> None:
    machine = Machine(budget=1, answer_seconds=10)
    machine.model("A", slots=1)
    machine.model("B")
    for number in range(4):
        machine.ask("A", 0.1 * number)
    other = machine.ask("B", 3)
    machine.at(5, lambda: machine.schedule.shut(machine.now))
    late = machine.ask("A", 6, id="late")
    machine.run()
    assert len(machine.answered) == 4
    assert isinstance(machine.refused[other.id], Draining)
    assert isinstance(machine.refused[late.id], Draining)


def test_an_engine_that_comes_back_by_itself_keeps_its_room() -> None:
    machine = Machine(budget=1)
    machine.model("A")
    machine.model("B")
    machine.ask("A", 0)
    machine.run()
    machine.schedule.entering("A", 10)
    machine.ask("B", 11)
    machine.run(until=12)
    assert machine.order == "A"
    machine.at(15, lambda: machine.schedule.loaded("A", machine.now))
    machine.run()
    assert machine.order == "AB"
