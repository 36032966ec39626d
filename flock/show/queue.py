"""How the queue looks."""

from typing import Any

from flock import text
from flock.contract.op import Op
from flock.contract.queue import Queue
from flock.show.view import NONE, Line, View, or_none, table


def human(op: Op[Any], value: Queue, now: float) -> View:
    """Show who waits for what; which models are loaded next stands beside it."""
    rows: list[tuple[str, ...]] = [
        (
            w.request_id or NONE,
            w.user,
            w.model,
            or_none(w.position or None),
            text.duration(w.waited_seconds),
            or_none(None if w.eta_seconds is None else f"about {text.duration(w.eta_seconds)}"),
            w.why,
        )
        for w in value.waiting
    ]
    shown = table("request user model place waited still why", rows, "nobody waits", "why user")
    if not value.waiting:
        return shown
    bound = f"a model in memory keeps others waiting for {text.duration(value.bound_seconds)} at most"
    aside = [Line(f"loaded next: {', '.join(value.next_models)}", "dim")] if value.next_models else []
    return View(shown.blocks, (*aside, Line(f"{bound} (loading.bound_seconds)", "dim")))


def ids(op: Op[Any], value: Queue) -> list[str]:
    """Return the ids of the requests that wait."""
    return [w.request_id for w in value.waiting if w.request_id]
