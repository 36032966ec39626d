"""How an opened door looks."""

from typing import Any

from flock.contract.exposing import Expose, Exposed
from flock.contract.op import Op
from flock.show.view import Line, Pairs, View


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the URL to hand out, and what was looked at; a command stands on a line of its own."""
    found: Exposed = value
    shut = isinstance(op, Expose) and op.off
    rows = [("listens", found.listen), ("URL", found.url), ("reached", "yes" if found.reached else "no")]
    aside = [Line(check, "dim", hang=2) for check in found.checks]
    for command in found.firewall:
        aside += [Line("a firewall on this machine may stand between; this opens it:", "warn"), Line(f"  {command}")]
    if found.restart:
        aside.append(Line(f"it counts from the next start: {found.restart}", "warn"))
    if not shut:
        aside += [Line("invite somebody:"), Line("  flock invite NAME")]
    head = Line("only this machine reaches flock now" if shut else "other machines may reach flock now", "good")
    return View((head, Pairs(tuple(rows))), tuple(aside))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the URL."""
    found: Exposed = value
    return [found.url]
