"""How savings look."""

from typing import Any

from flock import text
from flock.contract.op import Op
from flock.contract.prices import Saving
from flock.show.dollars import amount, total, usd
from flock.show.view import Line, Table, View, or_none

_EMPTY = "no request stayed on the team's own machines in that time"
_COLUMNS = ("month", "user", "model", "requests", "in", "out", "there", "Wh", "power", "saved")
# what a narrow terminal goes without, first to last
_SPARE = ("Wh", "requests", "power", "out", "in")


def human(op: Op[Any], value: list[Saving], now: float) -> View:
    """Show a row for each group and what all of them come to; columns that nobody asked for are left out."""
    if not value:
        return View((Line(_EMPTY),))
    shown = [name for name in _COLUMNS if name not in ("month", "user", "model") or _has(name, value)]
    rows = tuple(tuple(_cells(row)[name] for name in shown) for row in value)
    table = Table(tuple(shown), rows, _EMPTY, tuple(name for name in _SPARE if name in shown))
    asides = [
        Line(_total(value), "strong"),
        Line(f"there: what the same tokens cost at {value[0].compared_with}", "dim"),
    ]
    if value[0].vendor_usd is None:
        named = value[0].compared_with
        asides.append(Line(f"nobody says what {named} costs: flock price set {named} --input 3 --output 15", "warn"))
    if value[0].power_usd is None:
        asides.append(Line("power is not counted: flock price set --local --watts 350 --per-kwh 0.31", "dim"))
    return View((table,), tuple(asides))


def ids(op: Op[Any], value: list[Saving]) -> list[str]:
    """Return what each row is of."""
    return [" ".join(filter(None, ((row.start or "")[:7], row.user, row.model))) or "all" for row in value]


def _has(name: str, value: list[Saving]) -> bool:
    return any((row.start if name == "month" else getattr(row, name)) is not None for row in value)


def _cells(row: Saving) -> dict[str, str]:
    hours = None if row.watt_hours is None else amount(row.watt_hours)
    return {
        "month": or_none((row.start or "")[:7]),
        "user": or_none(row.user),
        "model": or_none(row.model),
        "requests": f"{row.requests:,}",
        "in": f"{row.input_tokens:,}",
        "out": f"{row.output_tokens:,}",
        "there": usd(row.vendor_usd),
        "Wh": or_none(row.watt_hours if hours is None else f"{hours:,.1f}"),
        "power": usd(row.power_usd),
        "saved": usd(row.saved_usd),
    }


def _total(value: list[Saving]) -> str:
    requests = text.count(sum(row.requests for row in value), "request")
    saved = total(row.saved_usd for row in value)
    if saved is None:
        return f"{requests} stayed here"
    return f"{usd(saved)} saved by {requests} that stayed here"
