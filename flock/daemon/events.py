"""The event feed of both doors: server-sent events, for as long as the reader stays.

Owns the framing (WHATWG HTML, 9.2), resuming, and how a feed is kept warm and ends. The data of each event is the
codec's JSON of it, as everywhere. Refuses to hold anything for a slow reader: the bus tells it what it has missed.
Called by daemon/control.py.
"""

from dataclasses import replace

from aiohttp import web

from flock import __version__
from flock.contract import codec
from flock.contract.events import Event, FollowEvents
from flock.core.bus import Reader
from flock.core.context import Actor, Context
from flock.core.events import reader_of
from flock.core.operations import permit
from flock.wire.sse import KEEPALIVE

# A reader behind a proxy is cut off after a minute of silence by most, after 15 s by some load balancers.
SILENCE_SECONDS = 10.0
# What a browser waits before it comes back (`retry:`), in milliseconds.
RETRY_MS = 1000
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
    "X-Flock-Version": __version__,
}


async def feed(
    context: Context, op: FollowEvents, actor: Actor, request: web.Request, silence: float = SILENCE_SECONDS
) -> web.StreamResponse:
    """Answer with the events an operation wants until the reader leaves or the daemon goes down.

    `Last-Event-ID` goes before `since`, as browsers send it when they come back to the same URL. Raises NotAllowed and
    InvalidRequest before anything is sent.
    """
    permit(context, op, actor)
    if since := _last_event(request, context.instance_id, context.bus.last):
        op = replace(op, since=int(since))
    reader = reader_of(context, op, op.since)
    response = web.StreamResponse(headers=_HEADERS)
    try:
        await response.prepare(request)
        await response.write(b"retry: %d\n\n" % RETRY_MS)
        await _pass_on(context, reader, response, silence)
        await response.write_eof()
    except ConnectionError:
        pass  # the reader has left
    finally:
        reader.close()
    return response


async def _pass_on(context: Context, reader: Reader, response: web.StreamResponse, silence: float) -> None:
    mark = context.instance_id.encode()
    while True:
        if events := reader.take():
            # one write for all that is there; it waits while the reader's buffer is full, and the bus goes on
            await response.write(b"".join(frame(event, mark) for event in events))
        elif not await reader.wait(silence):
            if context.bus.closed:
                return
            await response.write(KEEPALIVE)


def frame(event: Event, mark: bytes) -> bytes:
    """Return an event as a frame; its id names the daemon, since another one counts anew."""
    return b"id: %d-%b\ndata: %b\n\n" % (event.id, mark, codec.dumps(event))


def _last_event(request: web.Request, instance: str, last: int) -> str:
    """Return the number of the event a reader that comes back has seen, "" for one that is new.

    An id of another daemon is none that this one has given: all that is remembered is new to its reader.
    """
    number, _, mark = request.headers.get("Last-Event-ID", "").partition("-")
    if not (number.isascii() and number.isdecimal()):
        return ""
    return number if mark in ("", instance) else str(last + 1)
