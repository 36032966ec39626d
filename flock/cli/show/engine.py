"""How engines look."""

from typing import Any, cast

from flock.cli.show.view import Line, View, listed, or_none, since, table
from flock.contract.engines import AttachEngine, Engine
from flock.contract.op import Op


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the engines, or one that was attached or detached."""
    if not isinstance(value, Engine):
        return engines(cast("list[Engine]", value), now)
    if isinstance(op, AttachEngine):
        serves = f" and serves {listed(value.models)}" if value.models else ", and has no models"
        return View((Line(f"{value.name} ({value.endpoint}) is {value.state}{serves}"),), _troubles([value]))
    return View((Line(f"{value.name} is forgotten; it keeps running at {value.endpoint}"),))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the engines' names."""
    return [value.name] if isinstance(value, Engine) else [e.name for e in cast("list[Engine]", value)]


def engines(found: "list[Engine] | tuple[Engine, ...]", now: float) -> View:
    """Show a table of engines; their errors stand beside it on stderr."""
    rows: list[tuple[str, ...]] = [
        (
            e.name,
            e.state,
            e.kind,
            e.ownership,
            e.endpoint,
            or_none(e.pid),
            since(e.since, now),
            listed(e.models),
            e.source,
        )
        for e in found
    ]
    columns = "name state kind ownership endpoint pid since models source"
    empty = "no engine runs yet; the first request or `flock model add` starts one"
    return View(table(columns, rows, empty, "since pid source kind ownership").blocks, _troubles(found))


def _troubles(found: "list[Engine] | tuple[Engine, ...]") -> tuple[Line, ...]:
    return tuple(Line(f"{e.name}: {e.error}", "bad") for e in found if e.error)
