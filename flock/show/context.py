"""How contexts look: other machines' flocks, and which of them commands go to."""

from typing import Any, cast

from flock.contract.contexts import FlockContext, ListContexts, RemoveContext
from flock.contract.op import Op
from flock.show.view import Line, View, or_none, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the contexts, or what has become of one."""
    if isinstance(op, ListContexts):
        return _listed(cast("list[FlockContext]", value))
    one: FlockContext = value
    where = one.host or "this machine"
    if isinstance(op, RemoveContext):
        again = (Line("commands go to this machine again", "dim"),) if one.current else ()
        return View((Line(f"{one.name} ({where}) is forgotten"),), again)
    if one.current:
        return View(
            (Line(f"commands go to {one.name} ({where}) from now on" if one.host else f"commands go to {where}"),)
        )
    return View(
        (Line(f"{one.name} is {where}"),),
        (Line(f"to send commands there: flock context use {one.name}", "dim"),),
    )


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the names."""
    return [one.name for one in cast("list[FlockContext]", value)] if isinstance(value, list) else [value.name]


def _listed(known: list[FlockContext]) -> View:
    rows: list[tuple[str, ...]] = [
        (one.name, "*" if one.current else "", one.host or "this machine", or_none(one.remote_bin), or_none(one.key))
        for one in known
    ]
    return table("name current host remote_bin key", rows, "", "key remote_bin")
