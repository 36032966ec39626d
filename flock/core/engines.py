"""Listing, attaching and detaching engines; looking at one, restarting it, asking whether it generates."""

from flock.contract.engines import (
    AttachEngine,
    CheckEngines,
    DetachEngine,
    Engine,
    EngineCheck,
    EngineLog,
    ListEngines,
    RestartEngine,
    ShowEngine,
    ShowEngineLog,
)
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


@handles(ShowEngine)
async def show_engine(context: Context, op: ShowEngine, _actor: Actor) -> Engine:
    """Return one engine."""
    return context.registry.inspection.show(op.name)


@handles(ShowEngineLog)
async def show_log(context: Context, op: ShowEngineLog, _actor: Actor) -> EngineLog:
    """Return what an engine of ours said, waiting for more where the caller follows it."""
    return await context.registry.inspection.log(op.name, op.lines, op.grep, op.after, op.wait_seconds)


@handles(RestartEngine)
async def restart_engine(context: Context, op: RestartEngine, _actor: Actor) -> Engine:
    """End an engine of ours and load its model again; returns once it is ready."""
    return await context.registry.inspection.restart(op.name)


@handles(CheckEngines)
async def check_engines(context: Context, op: CheckEngines, _actor: Actor) -> list[EngineCheck]:
    """Ask engines for one token each."""
    return await context.registry.inspection.check(op.name)
