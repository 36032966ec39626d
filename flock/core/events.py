"""Reading the bus: which events a reader wants, and those that are remembered.

Refuses kinds that do not exist. Called by daemon/events.py for a stream, and as an operation for what has happened.
"""

from flock.contract.events import KINDS, Event, FollowEvents
from flock.core.bus import Reader
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.errors import InvalidRequest
from flock.text import closest, did_you_mean


def reader_of(context: Context, op: FollowEvents, since: int) -> Reader:
    """Return a reader of the events an operation wants; it must be closed. Raises InvalidRequest for no such kind."""
    kinds = frozenset(word.strip() for word in op.kind.split(",") if word.strip())
    if unknown := sorted(kinds.difference(KINDS)):
        raise InvalidRequest(
            f"there are no events of the kind {unknown[0]!r}{did_you_mean(unknown[0], KINDS)}",
            hint=f"flock events --kind {closest(unknown[0], KINDS) or KINDS[0]}",
        )
    subject = op.subject

    def wanted(kind: str, of: str) -> bool:
        return (not kinds or kind in kinds) and (not subject or of == subject)

    return context.bus.follow(wanted, since)


@handles(FollowEvents)
async def remembered(context: Context, op: FollowEvents, _actor: Actor) -> list[Event]:
    """Return the events after `since` that are remembered, all of them without it; nothing is waited for."""
    reader = reader_of(context, op, max(op.since, 0))
    found: list[Event] = []
    try:
        while reader.seen < context.bus.last:
            found += reader.take()
    finally:
        reader.close()
    return found
