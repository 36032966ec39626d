"""What was changed, and taking it back.

Owns which acts can be undone and which not, and the refusal where the same thing was changed since. Refuses to know how
a thing is set: its kind does (undoing.py, undo_kinds.py). Called through the operations table.

An act that a local command carried out without the daemon (`flock config set` while nothing runs) left no row, and is
not here.
"""

from dataclasses import replace

from flock.contract.audit import Act, ListHistory, UndoAct
from flock.core import undo_kinds
from flock.core.context import Actor, Context
from flock.core.operations import completes, handles
from flock.core.rows import limited
from flock.core.undoing import KINDS, NEVER, NOTING, note, noted
from flock.errors import Conflict, NotFound
from flock.store.audit import ActRow, Wanted

undo_kinds.enter()
# SQLite's largest number of a row
_MOST = 2**63 - 1


@handles(ListHistory)
async def list_history(context: Context, op: ListHistory, _actor: Actor) -> list[Act]:
    """Return the newest acts that were carried out, and what each could be taken back by."""
    limit = limited(op.limit, "flock history")
    await context.store.writer.flush()
    acts = await context.store.audit.acts(limit, Wanted(done=True))
    undone = await context.store.audit.undone(acts[-1].row.id) if acts else {}
    found = [_act(act, undone.get(act.row.id)) for act in acts]
    return [act for act in found if act.undo and act.undone_by is None] if op.undoable else found


@handles(UndoAct)
async def undo_act(context: Context, op: UndoAct, actor: Actor) -> Act:
    """Set what an act changed to what it was before.

    Raises NotFound for a number that is on no record, Conflict for an act that changed nothing, that was undone
    already, that nothing can take back, or whose fields were changed since; and what the rules of the thing refuse.
    """
    async with context.store.audit.undoing:
        await context.store.writer.flush()
        act = await context.store.audit.act(op.id) if 0 < op.id <= _MOST else None
        if act is None:
            raise NotFound(f"no act has the number {op.id}", hint="flock history")
        if act.row.outcome != "ok":
            raise Conflict(
                f"act {op.id}, {_name(act)}, was refused ({act.row.outcome}) and changed nothing", hint="flock history"
            )
        by = (await context.store.audit.undone(op.id)).get(op.id)
        if by is not None:
            raise Conflict(f"act {op.id}, {_name(act)}, was undone already, by act {by}", hint=f"flock undo {by}")
        made = noted(act.before)
        if made is None:
            raise Conflict(f"act {op.id}, {_name(act)}, cannot be undone: {_reason(act)}", hint="flock history")
        await KINDS[made.kind].restore(context, made)
        note(actor, made.kind, made.id, made.now, made.was)
    return _act(act, None)


@completes(UndoAct)
async def number(context: Context, answer: Act) -> Act:
    """Return an act that was just undone with the number of the act that did, once that is known."""
    await context.store.writer.flush()
    return replace(answer, undone_by=(await context.store.audit.undone(answer.id)).get(answer.id))


def _act(act: ActRow, by: int | None) -> Act:
    row, made = act.row, noted(act.before)
    return Act(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        target=row.target,
        details=row.details,
        undo="" if made is None else KINDS[made.kind].words(made),
        undone_by=by,
        reason="" if made is not None else _reason(act),
    )


def _reason(act: ActRow) -> str:
    if act.before is not None:
        return "another release of flock wrote down what was before"
    if act.row.action in NOTING:
        return "it changed nothing" if act.row.hash else "its release did not write down what was before"
    return NEVER.get(act.row.action) or NEVER["*"]


def _name(act: ActRow) -> str:
    return f"{act.row.action} {act.row.target}".rstrip()
