"""The queue: who waits for which model. Called through the operations table and by core/events."""

from dataclasses import replace

from flock.contract.queue import Queue, ShowQueue, Waiter
from flock.core.context import Actor, Context
from flock.core.operations import handles


@handles(ShowQueue)
async def show_queue(context: Context, _op: ShowQueue, _actor: Actor) -> Queue:
    """Return who waits for what, and for how long yet."""
    return queued(context)


def queued(context: Context) -> Queue:
    """Return the queue, each waiter with the name of who asked; a load on purpose is an admin's. Behind them come those
    who let all others go first.
    """
    found = context.registry.queue()
    named = tuple(_named(context, waiter) for waiter in found.waiting)
    return replace(found, waiting=(*named, *context.inference.yielding()))


def _named(context: Context, waiter: Waiter) -> Waiter:
    record = context.inference.running.get(waiter.request_id)
    return replace(waiter, user=record.key.name if record is not None else "flock model load")
