"""Why an engine of ours does not serve, in words: missing, too old, failed with its last lines, given up.

Owns these sentences and their hints. Pure but for one look at a path. Called by supervisor.py.
"""

from pathlib import Path
from shlex import quote

from flock.engines import engine_log
from flock.engines.embedded import install_hint
from flock.engines.engine import Engine, Found
from flock.engines.own_model import OwnModel
from flock.engines.process import Snapshot
from flock.errors import EngineFailed, FlockError
from flock.paths import short

_LLAMA = frozenset({"llamacpp", "embedded"})


def unusable(model: OwnModel, engine: Engine, found: Found | None) -> EngineFailed | None:
    """Return the error of an engine that is not there or cannot be used, None when it can."""
    if found is None:
        if engine.kind in _LLAMA:
            return EngineFailed(
                f"{model.id} cannot be served: neither llama-server nor the embedded engine (the extra "
                '"flockllm[embedded]", which `make up` installs) is there',
                hint=install_hint(),
            )
        return EngineFailed(
            f"{model.id} cannot be served: {engine.title} is not installed here", hint=engine.missing_hint()
        )
    if found.problem:
        return EngineFailed(
            f"{model.id} cannot be served: {engine.title} at {found.where} cannot be used: {found.problem}",
            hint=found.hint or engine.missing_hint(),
        )
    return None


def without_file(model: OwnModel) -> EngineFailed | None:
    """Return the error of a model whose file is not there, None when it is."""
    if model.path.exists():
        return None
    built_in = model.source == "built-in"
    return EngineFailed(
        f"the file of {model.id} is not there: {model.path}",
        hint="make up" if built_in else f"flock model remove {model.id}",
    )


def failed(model: OwnModel, engine: Engine, name: str, snapshot: Snapshot, log: Path) -> EngineFailed:
    """Return the error of an engine that ended, with what it said last."""
    said = " | ".join(engine_log.telling_lines(snapshot.lines))
    why = snapshot.error or "it was stopped while it started"
    return EngineFailed(
        f"{engine.title} cannot serve {model.id}: {why}" + (f"; it said: {said}" if said else ""),
        hint=f"tail -n 50 {quote(short(log)) if ' ' in str(log) else short(log)}",
        details={"engine": name, "exit_code": snapshot.exit_code, "last_lines": list(snapshot.lines[-20:])},
    )


def given_up(name: str, failures: int, last: EngineFailed) -> EngineFailed:
    """Return the error of an engine that is not started again by itself."""
    return EngineFailed(
        f"{name} failed {failures} times in a row and was given up; {last.sentence}",
        hint=f"flock engine restart {name}",
        details=last.details | {"crashloop": True},
    )


def as_failure(error: FlockError | OSError) -> EngineFailed:
    """Return any error of a start as the one that engines end in."""
    if isinstance(error, EngineFailed):
        return error
    if isinstance(error, FlockError):
        return EngineFailed(error.sentence, hint=error.hint, details=error.details)
    return EngineFailed(error.strerror or str(error))


def copy(failure: EngineFailed) -> EngineFailed:
    """Return an equal error: one instance raised in fifty tasks would grow one traceback in all of them."""
    return EngineFailed(failure.sentence, hint=failure.hint, details=failure.details)
