"""How an invitation looks: the card, and what its sender should know."""

from typing import Any, cast

from flock.contract.connect import Invitation
from flock.contract.op import Op
from flock.show.view import Line, View


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the card, and beside it what is for the sender."""
    made = cast("Invitation", value)
    aside = [Line(f"warning: {words}", "warn") for words in made.warnings]
    aside.append(Line(f"the key is shown here and never again; to end it: flock token revoke {made.token_id}"))
    return View(tuple(Line(line) for line in made.card.splitlines()), tuple(aside))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the key itself, since no other chance comes."""
    return [cast("Invitation", value).token]
