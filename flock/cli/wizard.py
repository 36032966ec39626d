"""The first `flock up` on a terminal: three models that fit this machine, one of which may be added right away.

Owns when it is offered (once, to a person, where nothing but the built-in model is there) and what is offered. Refuses
to do anything itself: what is chosen becomes the operation that it prints. Called by `lifecycle.py` once the daemon is
up.
"""

from collections.abc import Mapping
from pathlib import Path

from flock import text
from flock.cli import ask, out, pick
from flock.cli.call import Perform
from flock.cli.deliver import deliver
from flock.cli.tree import Given, Line
from flock.contract.catalog import CatalogModel, ListPicks, SearchCatalog
from flock.contract.lifecycle import Ready, Up
from flock.contract.models import AddModel
from flock.errors import Cancelled, FlockError
from flock.paths import Home

_HINT = "flock model search --fits"
_OTHER, _LATER = "?", "-"


def is_due(op: Up, given: Given, ready: Ready, home: Home, environ: Mapping[str, str]) -> bool:
    """Say whether to ask: a person is there who was not asked before, and no model but the built-in one is."""
    if not op.wizard or given.json or given.quiet or environ.get("CI") or environ.get("TERM") == "dumb":
        return False
    if any(model.source != "built-in" for model in ready.status.models) or _asked(home).exists():
        return False
    return ask.is_anybody_there()


def offer(home: Home, perform: Perform) -> None:
    """Ask which model to begin with and add it. What goes wrong is said; the daemon is up all the same."""
    try:
        picks: list[CatalogModel] = perform(ListPicks(), False).value
        source = _choice(picks, perform)
        _asked(home).touch()
        if not source:
            out.say(f"later: {out.command(_HINT)}, then {out.command('flock model add ID')}")
            return
        op = AddModel(source=source)
        out.say(out.command(f"flock model add {source}"))
        deliver(Line(op, Given()), perform)
    except FlockError as error:
        out.error(error, as_json=False)


def _choice(picks: list[CatalogModel], perform: Perform) -> str:
    """Return the id of the model to begin with, "" for none."""
    if not picks:
        out.say("no model of the catalog fits into this machine's memory; `flock model search` says what each needs")
        return ""
    room = pick.room()
    offered = [(model.id, _words(model, room)) for model in picks]
    more = [(_OTHER, "another one of the catalog"), (_LATER, "not now")]
    try:
        chosen = ask.choose("Which model to begin with?", [*offered, *more], _HINT)
        if chosen == _OTHER:
            chosen = ask.choose("Which one?", pick.choices(SearchCatalog(), perform), _HINT)
    except (KeyboardInterrupt, Cancelled):
        return ""
    return "" if chosen == _LATER else chosen


def _words(model: CatalogModel, room: int) -> str:
    """Return a pick in one line: what it costs here first, since a narrow terminal cuts the rest."""
    parts = [model.id]
    if model.size_bytes:
        parts.append(f"{text.size(model.size_bytes)} to fetch")
    if model.needs_bytes:
        parts.append(f"{text.size(model.needs_bytes)} of memory")
    parts += [f"can {', '.join(model.capabilities)}"] if model.capabilities else []
    return out.clean("  ".join(parts))[:room]


def _asked(home: Home) -> Path:
    return home.run / "wizard.asked"
