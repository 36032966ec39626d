"""What an event costs the state of the full screen: the same, however many came before."""

import sys
from typing import Any

import pytest

from flock.contract.events import MOST_REQUESTS
from flock.tui.state import State
from tests.unit.tui.test_state import STAGES, look, row, staged


@pytest.mark.parametrize("running", [10, 200])
def test_ten_thousand_events_cost_the_same_each(running: int) -> None:
    """Counts the steps of the interpreter: twice as many events are twice as many steps, however many run."""

    def steps(events: int) -> int:
        state, counted = State(), 0
        state.take_top(look(0, *(row(f"r{n}", "queued") for n in range(min(running, MOST_REQUESTS - 1)))))

        def count(_frame: Any, what: str, _arg: Any) -> Any:
            nonlocal counted
            counted += what == "line"
            return count

        told = [staged(n, f"r{n % running}", STAGES[n // running % 5], outcome="ok") for n in range(1, events + 1)]
        before = sys.gettrace()
        sys.settrace(count)
        try:
            for event in told:
                state.apply(event)
        finally:
            sys.settrace(before)
        return counted

    few, many = steps(5_000), steps(10_000)
    assert many < 2.05 * few
