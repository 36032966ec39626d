"""Who is let in next, and who stands where."""

import itertools

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


def served(turns: Turns, count: int) -> str:
    return "".join(turns.pop().key for _ in range(count))


def test_a_share_of_three_has_three_turns_to_one() -> None:
    turns = Turns()
    for n in range(12):
        turns.add(Ticket("A", "a", float(n), share=3))
        turns.add(Ticket("A", "b", float(n)))
    shown = "".join(ticket.key for ticket in turns)
    first = served(turns, 16)
    assert shown.startswith(first)
    assert all(first[at : at + 4].count("a") == 3 for at in range(0, 16, 4)), first
    assert served(turns, 8) == "b" * 8  # whoever is left has all the turns


def test_who_asks_one_by_one_has_no_more_than_its_share() -> None:
    turns = Turns()
    for n in range(12):
        turns.add(Ticket("A", "a", float(n), share=3))
    turns.add(Ticket("A", "b", 0.0))
    found = ""
    for _ in range(12):
        found += (key := turns.pop().key)
        if key == "b":  # it comes back as soon as it was answered: its line was empty meanwhile
            turns.add(Ticket("A", "b", 0.0))
    assert all(found[at : at + 4].count("b") == 1 for at in range(0, 12, 4)), found


def test_newcomers_wait_for_no_more_than_those_whose_turn_it_is() -> None:
    turns = Turns()
    for n in range(100):
        turns.add(Ticket("A", "a", float(n), share=100))
    assert served(turns, 50) == "a" * 50
    turns.add(Ticket("A", "b", 50.0))
    assert turns.position(next(t for t in turns if t.key == "b")) <= 2
    assert "b" in served(turns, 2)


SHARES = st.lists(st.integers(1, 100), min_size=2, max_size=5)


@given(SHARES, st.data())
def test_nobody_starves_and_turns_are_in_proportion(shares: list[int], data: st.DataObject) -> None:
    """Virtual time: all wait all the time. Between two turns of one, another has at most shares' ratio and one more."""
    turns = Turns()
    for number in data.draw(st.permutations(range(len(shares)))):
        for n in range(3):
            turns.add(Ticket("A", str(number), float(n), share=shares[number]))
    history: list[int] = []
    for moment in range(3 * sum(shares)):
        number = int(turns.pop().key)
        history.append(number)
        turns.add(Ticket("A", str(number), float(moment), share=shares[number]))
    assert [history.count(number) for number in range(len(shares))] == [3 * share for share in shares]
    for one, share in enumerate(shares):
        at = [index for index, number in enumerate(history) if number == one]
        for begin, end in itertools.pairwise(at):
            between = history[begin + 1 : end]
            for other, its in enumerate(shares):
                assert between.count(other) <= its / share + 1


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 5)), max_size=30), st.data())
def test_positions_hold_with_shares_and_while_others_come_and_go(
    tickets: list[tuple[str, int]], data: st.DataObject
) -> None:
    turns = Turns()
    share = {key: data.draw(st.integers(1, 100)) for key in "abcd"}
    for key, pops in tickets:
        turns.add(Ticket("A", key, 0.0, share=share[key]))
        shown = list(turns)
        assert [turns.position(ticket) for ticket in shown] == list(range(1, len(turns) + 1))
        if pops == 1:
            assert turns.pop() is shown[0]
        elif pops == 2:
            assert turns.remove(shown[-1])
    shown = list(turns)
    assert [turns.pop() for _ in range(len(turns))] == shown
