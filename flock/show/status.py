"""How the daemon as a whole looks: in full, and in brief for `flock` alone."""

from typing import Any

from flock import text
from flock.contract.op import Op
from flock.contract.status import Status
from flock.show import engine, model
from flock.show.view import Line, Pairs, View, listed, or_none


def human(op: Op[Any], value: Status, now: float) -> View:
    """Show all of it: the daemon, its models, its engines."""
    models, engines = model.models(value.models), engine.engines(value.engines, now)
    blocks = (Pairs(facts(value)), *_warning(value), Line(), *models.blocks, Line(), *engines.blocks)
    return View(blocks, (*models.aside, *engines.aside))


def ids(op: Op[Any], value: Status) -> list[str]:
    """Return the URL of the API."""
    return [value.api_url]


def facts(status: Status) -> tuple[tuple[str, str], ...]:
    """Return the daemon's facts as labelled values."""
    state = "going down, takes no new requests" if status.draining else f"up for {text.duration(status.uptime_seconds)}"
    running = f"{status.requests_running:,} running, {status.requests_total:,} since the start"
    return (
        ("flock", f"{status.version}, process {status.pid}, {state}"),
        ("machine", machine(status)),
        ("api", status.api_url),
        ("health", status.health_url),
        ("keys", "required" if status.require_keys else "not required: anybody who reaches the address may use it"),
        ("admin key", status.admin_key_file),
        ("model", or_none(status.default_model)),
        ("requests", running),
        ("home", status.home),
    )


def machine(status: Status) -> str:
    """Return what the daemon runs on, in one line."""
    m = status.machine
    parts = [m.hostname, f"{m.os} {m.arch}", m.cpu, text.count(m.cores, "core"), f"{text.size(m.memory_bytes)} RAM"]
    return ", ".join([p for p in parts if p] + ([listed(m.gpus)] if m.gpus else []))


def brief(status: Status, command: str) -> View:
    """Show what runs in a few lines and the next commands; `command` is how flock is called here."""
    ready = [m.id for m in status.models if m.state in ("ready", "stopped")]
    broken = [f"{e.name}: {e.error}" for e in status.engines if e.error]
    rows = (
        ("flock", f"{status.version}, up for {text.duration(status.uptime_seconds)}"),
        ("api", status.api_url),
        ("models", listed(ready)),
        ("requests", f"{status.requests_running:,} running, {status.requests_total:,} since the start"),
    )
    notes = tuple(Line(f"{m.id}: {m.note}", "dim") for m in status.models if m.note)
    faults = (*_warning(status), *(Line(words, "bad") for words in broken))
    return View((Pairs(rows), *faults, *notes, *_next(command, _RUNNING)))


def _warning(status: Status) -> tuple[Line, ...]:
    if not status.warning:
        return ()
    return (Line(f"usage waits in memory and is lost if flock ends now: {status.warning}", "bad"),)


def absent(sentence: str, command: str) -> View:
    """Say that nothing runs, and the next commands."""
    return View((Line(sentence), *_next(command, _STOPPED)))


_RUNNING = (
    ("status", "all that runs"),
    ("model ls", "the models that answer"),
    ("token create NAME", "a key for somebody"),
    ("explain last", "where the last request went"),
    ("--help", "everything else"),
)
_STOPPED = (("up", "start it"), ("doctor", "look for what is wrong"), ("--help", "everything else"))


def _next(command: str, steps: tuple[tuple[str, str], ...]) -> tuple[Line | Pairs, ...]:
    return (Line(), Pairs(tuple((f"{command} {words}", what) for words, what in steps)))
