"""How prices look."""

from typing import Any

from flock.contract.op import Op
from flock.contract.prices import ListPrices, ModelPrice, Prices
from flock.show.view import Line, Table, View, or_none, since

_COLUMNS = ("model", "in", "cached", "written", "out", "from", "when")


def human(op: Op[Any], value: Prices, now: float) -> View:
    """Show dollars a million tokens, "+" where a longer prompt costs more; power and the tables stand below."""
    asked = op.model if isinstance(op, ListPrices) else ""
    empty = "no price is set, and none was looked up so far"
    if asked:
        named = f"{op.vendor}/{asked}" if isinstance(op, ListPrices) and op.vendor else asked
        empty = f"nobody says what {named} costs: flock price set {named} --input 1.25 --output 10"
    rows = tuple(_row(price, now) for price in value.prices)
    table = Table(_COLUMNS, rows, empty, ("when", "written", "cached"))
    return View((table,), _asides(value))


def ids(op: Op[Any], value: Prices) -> list[str]:
    """Return the models with their vendors."""
    return [f"{price.vendor}/{price.model}" for price in value.prices]


def _row(price: ModelPrice, now: float) -> tuple[str, ...]:
    more = "+" if price.tiers else ""
    return (
        f"{price.vendor}/{price.model}",
        _dollars(price.input, more),
        _dollars(price.cached, more),
        _dollars(price.written, more),
        _dollars(price.output, more),
        price.source,
        since(price.at, now),
    )


def _dollars(words: str | None, more: str) -> str:
    return or_none(None if words is None else f"${words}{more}")


def _power(value: Prices) -> str:
    local = value.local
    if local.watts is None or local.usd_per_kwh is None:
        return "power here: no price is set (flock price set --local --watts 350 --per-kwh 0.31)"
    return f"power here: {local.watts} W while they work, ${local.usd_per_kwh} a kilowatt-hour"


def _asides(value: Prices) -> tuple[Line, ...]:
    words = ["dollars for a million tokens"]
    if any(price.tiers for price in value.prices):
        words.append("+: more for long prompts")
    day = f" ({value.data_at[:10]})" if value.data_at else ""
    tables = f"what nobody set is looked up in {value.data}{day}"
    if not value.data:
        tables = "what nobody set, and no vendor tells, is not looked up: prices.tables is false"
    return (Line("; ".join(words), "dim"), Line(tables, "dim"), Line(_power(value), "dim"))
