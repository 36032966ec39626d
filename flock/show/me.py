"""How your own key looks: what it may, how much is used, and what you used."""

from typing import Any

from flock.contract.op import Op
from flock.contract.tokens import Me
from flock.show.meters import meters, used
from flock.show.token import unmetered
from flock.show.view import Line, Pairs, View, listed

# so many ids fit beside their label without hiding the limits below
_MODELS_SHOWN = 8


def human(op: Op[Any], value: Me, now: float) -> View:
    """Show the key, its limits as bars, what it used today and this month, and the models it may ask for."""
    key = unmetered(value.token, now)
    rows = tuple((name, words) for name, words in key.rows if name not in ("used today", "models"))
    more = (
        *((("allowed", ", ".join(value.token.models)),) if value.token.models else ()),
        ("used today", used(value.requests_today, value.tokens_today, value.cost_today_usd)),
        ("this month", used(value.requests_month, value.tokens_month, value.cost_month_usd)),
        ("models", listed(value.models, _MODELS_SHOWN)),
    )
    return View((Pairs((*rows, *more)), Line(), meters(value.meters, now)))


def ids(op: Op[Any], value: Me) -> list[str]:
    """Return the id of the key."""
    return [value.token.id]
