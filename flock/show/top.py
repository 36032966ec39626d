"""How one look at a busy daemon looks: figures, memory, models, requests. `cli/top.py` shows it again and again."""

from typing import Any

from flock import text
from flock.contract.events import Top
from flock.contract.models import Model
from flock.contract.op import Op
from flock.contract.requests import RequestRow
from flock.show.view import NONE, Line, Table, View, or_none

# Columns of a bar: with a name, a state and figures beside it a line fits into 80
_BAR = 12


def human(op: Op[Any], value: Top, now: float) -> View:
    """Show what goes on."""
    memory = value.memory
    blocks = (
        Line(_first(value), "strong"),
        Line(_rates(value)),
        Line(
            f"memory {bar(memory.used_bytes, memory.budget_bytes)} {text.size(memory.used_bytes)} of "
            f"{text.size(memory.budget_bytes)}, {text.size(memory.free_bytes)} free{_next(value)}"
        ),
        Line(),
        _models(value),
        Line(),
        _requests(value),
    )
    return View(blocks)


def ids(op: Op[Any], value: Top) -> list[str]:
    """Return the ids of the requests that run."""
    return [request.id for request in value.requests]


def bar(part: float, whole: float, width: int = _BAR) -> str:
    """Return a share as a bar of so many columns."""
    filled = round(width * min(max(part / whole, 0.0), 1.0)) if whole > 0 else 0
    return "█" * filled + "░" * (width - filled)


def _first(value: Top) -> str:
    waiting = len(value.queue.waiting)
    running = max(len(value.requests) - waiting, 0)
    return (
        f"flock, up {text.duration(value.uptime_seconds)}   {running:,} running   {waiting:,} waiting   "
        f"{value.requests_per_minute:,.1f} requests/min   {value.tokens_per_second:,.1f} tokens/s"
    )


def _rates(value: Top) -> str:
    errors = NONE if value.error_rate is None else f"{value.error_rate:.1%}".replace("%", " %")
    took = f"p50 {_ms(value.p50_ms)}   p95 {_ms(value.p95_ms)}   p99 {_ms(value.p99_ms)}"
    return f"last minute: {took}   errors {errors}"


def _next(value: Top) -> str:
    return f", next: {', '.join(value.queue.next_models[:3])}" if value.queue.next_models else ""


def _models(value: Top) -> Table:
    rows = tuple(_model(model, value.memory.budget_bytes) for model in value.memory.models)
    names = ("model", "state", "memory", "of the budget", "running", "queued", "tok/s")
    return Table(names, rows, "no model of flock's own is in memory", ("tok/s", "of the budget"))


def _model(model: Model, budget: int) -> tuple[str, ...]:
    state = model.state
    if model.progress is not None and state != "ready":
        state = f"{state} {model.progress:.0%}".replace("%", " %")
    size = None if model.memory_bytes is None else text.size(model.memory_bytes)
    pinned = " (pinned)" if model.pinned else ""
    return (
        model.id + pinned,
        state,
        or_none(size),
        bar(model.memory_bytes or 0, budget),
        str(model.running),
        str(model.queued),
        or_none(model.tokens_per_second),
    )


def _requests(value: Top) -> Table:
    rows = tuple(_request(request) for request in value.requests)
    names = ("stage", "user", "model", "tokens", "tok/s", "ttft", "took", "request")
    return Table(names, rows, "no request runs", ("request", "ttft"))


def _request(request: RequestRow) -> tuple[str, ...]:
    took = text.duration(request.elapsed_ms / 1000)
    if request.position:
        about = "" if request.eta_seconds is None else f", {text.duration(request.eta_seconds)} left"
        took = f"{took} (#{request.position}{about})"
    return (
        request.stage,
        request.user,
        request.model,
        f"{request.output_tokens:,}",
        or_none(request.tokens_per_second),
        _ms(request.ttft_ms),
        took,
        request.id,
    )


def _ms(value: float | None) -> str:
    return NONE if value is None else text.duration(value / 1000)
