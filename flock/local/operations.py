"""Which function carries out which operation that needs no daemon.

Owns the registry of LOCAL and EITHER operations and the way into it. Refuses DAEMON operations: their handlers live in
`core/`. Called by the CLI, which imports this module only when such an operation is due; a handler's file is imported
only when its operation is.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flock.contract.op import Op, Where
from flock.errors import InternalError
from flock.paths import Home, find_home

if TYPE_CHECKING:
    from flock.client.reach import Reach

Out = TypeVar("Out")


def _environment() -> Mapping[str, str]:
    return os.environ


@dataclass(frozen=True, slots=True)
class Here:
    """The place a local operation works in: the directories of one flock and the environment of the caller. `reach` is
    the way to the flock that is meant where that is another machine's, None for this one's.
    """

    home: Home = field(default_factory=find_home)
    environ: Mapping[str, str] = field(default_factory=_environment)
    reach: "Reach | None" = None

    @property
    def path(self) -> str:
        """Return PATH as the caller's shell sees it."""
        return self.environ.get("PATH", os.defpath)


Handler = Callable[[Any, Here], Any]

_HANDLERS: dict[type[Op[Any]], Handler] = {}

# Which file handles which operation; tests/house/test_operations.py holds it against the contract's table.
_FILES: dict[str, str] = {
    "daemon.up": "start",
    "daemon.doctor": "doctor",
    "daemon.logs": "logs",
    "daemon.version": "version",
    "daemon.completion": "completion",
    "backup.create": "backups",
    "backup.ls": "backups",
    "backup.restore": "backups",
    "expose.set": "expose",
    "connect.ls": "connect",
    "connect.client": "connect",
    "connect.undo": "connect",
    "context.add": "contexts",
    "context.use": "contexts",
    "context.ls": "contexts",
    "context.remove": "contexts",
    "dial.stdio": "dial",
    "tui.open": "screens",
    "service.install": "services",
    "service.remove": "services",
    "service.status": "services",
    "config.show": "settings",
    "config.get": "settings",
    "config.set": "settings",
    "config.unset": "settings",
    "config.path": "settings",
    "config.edit": "settings",
    "run.prompt": "prompts",
    "batch.run": "batches",
}


def handles(op: type[Op[Any]]) -> Callable[[Handler], Handler]:
    """Enter a function as the handler of an operation. Raises ValueError for a second one or for a DAEMON operation."""

    def enter(handler: Handler) -> Handler:
        if op in _HANDLERS or op.spec.where is Where.DAEMON:
            raise ValueError(f"{op.spec.name} cannot be handled by {handler.__module__}")
        _HANDLERS[op] = handler
        return handler

    return enter


def run(op: Op[Out], here: Here | None = None) -> Out:
    """Carry out a LOCAL or EITHER operation in this process; `here` is this user's flock unless given.

    Raises the handler's FlockErrors; InternalError for an operation that has no handler here.
    """
    file = _FILES.get(op.spec.name)
    if file:
        importlib.import_module(f"flock.local.{file}")
    handler = _HANDLERS.get(type(op))
    if handler is None:
        raise InternalError(f"{op.spec.name} has no handler outside the daemon", hint="flock doctor")
    return cast("Out", handler(op, here or Here()))
