"""Listing, attaching and detaching engines."""

from flock.contract.engines import AttachEngine, DetachEngine, Engine, ListEngines
from flock.core.context import Actor, Context
from flock.core.operations import handles


@handles(ListEngines)
async def list_engines(context: Context, _op: ListEngines, _actor: Actor) -> list[Engine]:
    """Return the engines, ours first."""
    return context.registry.engines()


@handles(AttachEngine)
async def attach_engine(context: Context, op: AttachEngine, _actor: Actor) -> Engine:
    """Adopt a running server; when this returns its models answer."""
    return await context.registry.attach(op.url, op.name, op.key)


@handles(DetachEngine)
async def detach_engine(context: Context, op: DetachEngine, _actor: Actor) -> Engine:
    """Forget an adopted server; it is not touched."""
    return await context.registry.detach(op.name)
