"""What the line on top of every page stands for: how many models and engines there are, and today's dollars.

Owns these three questions. Refuses to draw. Called by `app.py`; pages that show the same ask the same, and no second
time.
"""

from flock.contract.engines import ListEngines
from flock.contract.models import ListModels
from flock.contract.usage import SummarizeUsage
from flock.tui.polls import Poll
from flock.tui.state import State

MODELS, ENGINES, TODAY = ListModels(), ListEngines(), SummarizeUsage(since="today")
POLLS = (Poll(MODELS, 10, ("models",)), Poll(ENGINES, 10, ("engines",)), Poll(TODAY, 20))


def counts(state: State) -> tuple[int | None, int | None, str | None]:
    """Return how many models, how many engines, and dollars as a decimal string; None for what is not known."""
    models, engines, today = state.models(MODELS), state.engines(ENGINES), state.answer(TODAY)
    return (
        None if models is None else len(models),
        None if engines is None else len(engines),
        None if today is None else today.cost_usd,
    )
