"""How engines look."""

from typing import Any, cast

from flock import text
from flock.contract.engines import (
    AttachEngine,
    DetachEngine,
    Engine,
    EngineCheck,
    EngineLog,
    RestartEngine,
)
from flock.contract.jobs import Job
from flock.contract.op import Op
from flock.show import job
from flock.show.view import NONE, Line, Pairs, View, listed, or_none, since, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the engines, one of them, what it said, what engines answered, or the job that installs one."""
    if isinstance(value, Job):
        return job.human(op, value, now) if value.state == "running" else _installed(value)
    if isinstance(value, EngineLog):
        return _log(value)
    if isinstance(value, Engine):
        return _single(op, value, now)
    return _checks(value) if op.spec.name == "engine.check" else engines(cast("list[Engine]", value), now)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the engines' names, the lines of a log, or the kind of an engine that is installed."""
    if isinstance(value, Job):
        return [value.target]
    if isinstance(value, EngineLog):
        return list(value.lines)
    if isinstance(value, Engine):
        return [value.name]
    return [e.name for e in cast("list[Engine | EngineCheck]", value)]


def _installed(done: Job) -> View:
    follow = Line("models that it suits are served by it from their next load on: flock model search --fits")
    return View((Line(f"{done.target} is installed"),), (follow,))


def _single(op: Op[Any], value: Engine, now: float) -> View:
    if isinstance(op, AttachEngine):
        serves = f" and serves {listed(value.models)}" if value.models else ", and has no models"
        return View((Line(f"{value.name} ({value.endpoint}) is {value.state}{serves}"),), _troubles([value]))
    if isinstance(op, DetachEngine):
        return View((Line(f"{value.name} is forgotten; it keeps running at {value.endpoint}"),))
    if isinstance(op, RestartEngine):
        return _restarted(value)
    return _one(value, now)


def _restarted(engine: Engine) -> View:
    done = Line(f"{engine.name} was started again and is {_state(engine)}")
    follow = [] if engine.state == "ready" else [Line(f"see how far it is: flock engine show {engine.name}")]
    return View((done,), (*follow, *_troubles([engine])))


def _one(e: Engine, now: float) -> View:
    rows = [
        ("name", e.name),
        ("kind", f"{e.kind}, {e.version}" if e.version else e.kind),
        ("ownership", "flock's own" if e.ownership == "own" else f"adopted, known from {e.source}"),
        ("state", _state(e)),
        ("since", since(e.since, now)),
        ("models", listed(e.models)),
        ("endpoint", e.endpoint or NONE),
    ]
    if e.ownership == "own":
        rows += [
            ("pid", or_none(e.pid)),
            ("memory", NONE if e.memory_bytes is None else text.size(e.memory_bytes)),
            ("restarts", str(e.restarts)),
            ("log", e.log_file or NONE),
            ("command", e.command or NONE),
        ]
    return View((Pairs(tuple(rows)),), _troubles([e]))


def _state(engine: Engine) -> str:
    return engine.state if engine.progress is None else f"{engine.state}, {engine.progress:.0%}"


def _log(log: EngineLog) -> View:
    aside = (
        () if log.lines else (Line("it has said nothing of the kind; what it says is kept over its restarts", "dim"),)
    )
    return View(tuple(Line(line) for line in log.lines), aside)


def _checks(found: list[EngineCheck]) -> View:
    rows: list[tuple[str, ...]] = [
        (c.name, c.state, NONE if c.seconds is None else text.duration(c.seconds), c.sentence) for c in found
    ]
    return table("name state took said", rows, "no engine runs, so none was asked")


def engines(found: "list[Engine] | tuple[Engine, ...]", now: float) -> View:
    """Show a table of engines; their errors stand beside it on stderr."""
    rows: list[tuple[str, ...]] = [
        (
            e.name,
            _state(e),
            e.kind,
            e.ownership,
            e.endpoint,
            or_none(e.pid),
            since(e.since, now),
            listed(e.models),
            e.source,
        )
        for e in found
    ]
    columns = "name state kind ownership endpoint pid since models source"
    empty = "no engine runs yet; the first request or `flock model add` starts one"
    return View(table(columns, rows, empty, "since pid source kind ownership").blocks, _troubles(found))


def _troubles(found: "list[Engine] | tuple[Engine, ...]") -> tuple[Line, ...]:
    return tuple(Line(f"{e.name}: {e.error}", "bad") for e in found if e.error)
