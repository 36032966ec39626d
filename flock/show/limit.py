"""How a replay through other limits looks."""

from typing import Any

from flock.contract.limits import SimulatedUser, Simulation
from flock.contract.op import Op
from flock.show.dollars import usd
from flock.show.view import Line, Table, View, or_none

_COLUMNS = ("user", "requests", "refused", "by", "tokens", "refused tokens", "cost", "refused cost", "first refused")


def human(op: Op[Any], value: Simulation, now: float) -> View:
    """Show who would have been refused, how often and by which limit, and when first."""
    rows = tuple(_row(user) for user in value.users)
    span = f"{value.since[:16]}Z to {value.until[:16]}Z".replace("T", " ")
    share = f" ({value.refused / value.requests:.1%})" if value.requests else ""
    line = Line(f"{span}: {value.refused:,} of {value.requests:,} requests would have been refused{share}", hang=2)
    aside = (*(Line(words, "warn", hang=2) for words in value.warnings), Line(_COUNTED, "dim", hang=2))
    shown = Table(_COLUMNS, rows, "nothing was asked", ("cost", "tokens", "refused tokens", "first refused"))
    return View((line, shown), aside)


def ids(op: Op[Any], value: Simulation) -> list[str]:
    """Return the users that would have been refused."""
    return [user.user for user in value.users if user.refused]


_COUNTED = "what would have been refused does not count as used; nothing was changed"


def _row(user: SimulatedUser) -> tuple[str, ...]:
    by = ", ".join(f"{name} {count:,}" for name, count in user.refused.items())
    first = user.first_refused_at
    return (
        user.user,
        f"{user.requests:,}",
        f"{sum(user.refused.values()):,}",
        or_none(by),
        f"{user.tokens:,}",
        f"{user.tokens_refused:,}",
        usd(user.cost_usd),
        usd(user.cost_refused_usd),
        or_none(first and f"{first[:16]}Z".replace("T", " ")),
    )
