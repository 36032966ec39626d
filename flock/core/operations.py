"""Carrying out operations: which handler belongs to which, and the audit row each act leaves.

Owns the dispatch table of the daemon's operations. Refuses to know about HTTP or terminals. Called by
daemon/control.py; handlers register themselves on import.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from flock.contract.op import OPERATIONS, Op, Risk, Where
from flock.core.context import Actor, Context
from flock.errors import FlockError
from flock.policy.keys import Key, require

log = logging.getLogger(__name__)

Out = TypeVar("Out")
HANDLERS: dict[type[Op[Any]], Callable[[Context, Any, Actor], Awaitable[Any]]] = {}
# what completes an answer once the act's audit row is put: an answer that names the row
COMPLETING: dict[type[Op[Any]], Callable[[Context, Any], Awaitable[Any]]] = {}


def handles(
    kind: type[Op[Out]],
) -> Callable[[Callable[[Context, Any, Actor], Awaitable[Out]]], Callable[[Context, Any, Actor], Awaitable[Out]]]:
    """Register the handler of an operation. Raises ValueError when it has one."""

    def register(
        handler: Callable[[Context, Any, Actor], Awaitable[Out]],
    ) -> Callable[[Context, Any, Actor], Awaitable[Out]]:
        if kind in HANDLERS:
            raise ValueError(f"{kind.__name__} has two handlers")
        HANDLERS[kind] = handler
        return handler

    return register


def completes(
    kind: type[Op[Out]],
) -> Callable[[Callable[[Context, Out], Awaitable[Out]]], Callable[[Context, Out], Awaitable[Out]]]:
    """Register what completes the answer of an operation when its audit row is put."""

    def register(step: Callable[[Context, Out], Awaitable[Out]]) -> Callable[[Context, Out], Awaitable[Out]]:
        COMPLETING[kind] = step
        return step

    return register


def unhandled() -> list[str]:
    """Return the names of daemon operations without a handler; a test keeps this empty."""
    return [n for n, o in OPERATIONS.items() if o.spec.where is not Where.LOCAL and o not in HANDLERS]


async def perform(context: Context, op: Op[Out], actor: Actor) -> Out:
    """Carry out an operation after the scope check; every act that changes something leaves an audit row.

    Raises NotAllowed for a scope too small, and whatever the handler raises.
    """
    spec = op.spec
    permit(context, op, actor)
    try:
        answer = await HANDLERS[type(op)](context, op, actor)
    except FlockError as error:
        if spec.risk is not Risk.READ or error.status == 403:
            _audit(context, op, actor, error.code)
        raise
    if spec.risk is not Risk.READ:
        _audit(context, op, actor, "ok")
        log.info("%s: %s %s", actor.name, spec.name, _target(op))
    completing = COMPLETING.get(type(op))
    return answer if completing is None else await completing(context, answer)


def permit(context: Context, op: Op[Any], actor: Actor) -> None:
    """Check that an actor may perform an operation; a refusal leaves an audit row. Raises NotAllowed."""
    try:
        require(Key(id="", name=actor.name, scope=actor.scope, digest=b""), op.spec.scope)
    except FlockError as error:
        _audit(context, op, actor, error.code)
        raise


def _audit(context: Context, op: Op[Any], actor: Actor, outcome: str) -> None:
    # what a refused act would have changed is as it was
    before = actor.before if outcome == "ok" else {}
    context.store.writer.audit(actor.name, op.spec.name, _target(op), outcome, _details(op), before)


def _fields(op: Op[Any]) -> "tuple[dataclasses.Field[Any], ...]":
    return dataclasses.fields(op)  # pyright: ignore[reportArgumentType]


def _target(op: Op[Any]) -> str:
    words = next((str(getattr(op, f.name)) for f in _fields(op) if f.metadata.get("kind") == "arg"), "")
    # the query of a URL that a file is fetched from may be a key
    return words.partition("?")[0] if "://" in words else words


def _details(op: Op[Any]) -> dict[str, Any]:
    """Return what was said beside the target: further arguments and options that are not the default; secrets never."""
    arguments = [f for f in _fields(op) if f.metadata.get("kind") == "arg"]
    options = [f for f in _fields(op) if f.metadata.get("kind") == "flag"]
    said = [(f, getattr(op, f.name)) for f in (*arguments[1:], *options)]
    return {f.name: value for f, value in said if value != f.default}
