"""How acts look that can be taken back, and one that was."""

from typing import Any

from flock.contract.audit import Act, UndoAct
from flock.contract.op import Op
from flock.show.view import Line, View, or_none, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show what was changed and what undoing it would do; or what an undo did."""
    if isinstance(op, UndoAct):
        return _undone(value)
    acts: list[Act] = value
    rows: list[tuple[str, ...]] = [
        (str(a.id), since(a.at, now), a.actor, a.action, or_none(a.target), _undo(a)) for a in acts
    ]
    shown = table("act when actor action target undo", rows, "nothing was changed yet", "actor")
    first = next((a for a in acts if a.undo and a.undone_by is None), None)
    return shown if first is None else View(shown.blocks, (Line(f"to undo one: flock undo {first.id}", "dim"),))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the acts' numbers; of an undo the number of the act that it is."""
    if isinstance(op, UndoAct):
        return [str(value.undone_by)] if value.undone_by is not None else []
    acts: list[Act] = value
    return [str(a.id) for a in acts]


def _undo(act: Act) -> str:
    if act.undone_by is not None:
        return f"undone by {act.undone_by}"
    return act.undo or f"- ({act.reason})"


def _undone(act: Act) -> View:
    name = f"{act.action} {act.target}".rstrip()
    again = () if act.undone_by is None else (Line(f"to take that back: flock undo {act.undone_by}", "dim"),)
    return View((Line(f"act {act.id}, {name}, is undone: {act.undo}", hang=2),), again)
