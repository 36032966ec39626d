"""The plan of a task: how embeddings, sound and the like get to an upstream, decided before any byte moves.

Pure; the counterpart of dialects/plan.py for what has no middle. Called by core/inference.py.
"""

from flock.dialects.ask import Ask
from flock.dialects.plan import Plan, Target
from flock.dialects.tasks.table import TASKS
from flock.errors import Unsupported


def plan(ask: Ask, target: Target) -> Plan:
    """Return the plan for doing a task at a target. Raises Unsupported where the upstream does not do it at all."""
    shape = target.profile.tasks.get(ask.endpoint)
    if shape is None:
        raise Unsupported(
            f"{target.profile.title} does no {ask.endpoint}", hint="use a model on another engine: flock model ls"
        )
    sent = TASKS[ask.endpoint].write(ask, target.model, shape)
    edits = sent.edits
    if ask.model != target.model:
        edits = (*edits, f"model: {ask.model or '(none)'} → {target.model}")
    made = Plan(sent.kind, shape, sent.path, sent.body, {}, edits, sent.lost, sent.headers)
    made.model, made.task = target.model, sent
    return made
