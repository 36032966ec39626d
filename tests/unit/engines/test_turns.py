"""Who is let in next, and who stands where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.engines.turns import Ticket, Turns


def test_turns_know_who_stands_where() -> None:
    turns = Turns()
    tickets = [Ticket("A", key, 0.0, f"{key}{n}") for n, key in enumerate("aaabbc")]
    for ticket in tickets:
        turns.add(ticket)
    assert [ticket.id for ticket in turns] == ["a0", "b3", "c5", "a1", "b4", "a2"]
    assert [turns.position(ticket) for ticket in turns] == [1, 2, 3, 4, 5, 6]
    assert [turns.pop().id for _ in range(6)] == ["a0", "b3", "c5", "a1", "b4", "a2"]
    with pytest.raises(IndexError):
        turns.pop()


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.data())
def test_positions_are_the_order_in_which_they_are_let_in(keys: list[str], data: st.DataObject) -> None:
    turns = Turns()
    tickets = [Ticket("A", key, float(n), str(n)) for n, key in enumerate(keys)]
    for ticket in tickets:
        turns.add(ticket)
    for ticket in data.draw(st.lists(st.sampled_from(tickets), unique=True, max_size=5)) if tickets else []:
        assert turns.remove(ticket)
    shown = list(turns)
    assert [turns.position(ticket) for ticket in shown] == list(range(1, len(turns) + 1))
    assert [turns.pop() for _ in range(len(turns))] == shown
