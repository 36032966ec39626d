"""How this machine's hardware looks."""

from typing import Any

from flock import text
from flock.contract.hardware import Gpu, Hardware
from flock.contract.op import Op
from flock.show.view import NONE, Line, Pairs, View, or_none

_POOLS = {
    "memory": "in the machine's memory",
    "unified": "in the memory that processor and graphics share",
    "gpu": "on the graphics cards",
}


def human(op: Op[Any], value: Hardware, now: float) -> View:
    """Show what there is, what models may take of it, and what cannot be used."""
    rows = [
        ("processor", f"{or_none(value.cpu)}, {value.arch}, {text.count(value.cores, 'core')}"),
        ("memory", f"{_whole(value.memory_bytes, value.memory_free_bytes)}, a {value.memory_class_gb} GB machine"),
        *(("graphics", gpu(card)) for card in value.gpus),
        *(() if value.gpus else (("graphics", NONE),)),
        ("models", _budget(value)),
        ("disk", f"{_whole(value.disk_total_bytes, value.disk_free_bytes)}, {value.models_dir}"),
    ]
    return View((Pairs(tuple(rows)),), tuple(Line(f"note: {note}", "warn") for note in value.notes))


def ids(op: Op[Any], value: Hardware) -> list[str]:
    """Return the memory as people say it, in GB."""
    return [str(value.memory_class_gb)]


def gpu(card: Gpu) -> str:
    """Return a graphics card in one line."""
    memory = _whole(card.total_bytes, card.free_bytes)
    if card.unified:
        memory = f"up to {text.size(card.total_bytes)} of the machine's memory"
    return f"{card.name}, {memory}" + (f", driver {card.driver}" if card.driver else "")


def _whole(total: int, free: int | None) -> str:
    return text.size(total) if free is None else f"{text.size(total)}, {text.size(free)} free"


def _budget(value: Hardware) -> str:
    where = _POOLS.get(value.pool, value.pool)
    kept = f", {text.size(value.headroom_bytes)} left to others" if value.headroom_bytes else ""
    return f"{text.size(value.budget_bytes)} {where}, {text.size(value.resident_bytes)} in use{kept}"
