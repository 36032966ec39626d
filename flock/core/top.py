"""One look at a busy daemon: what runs, what is in memory, who waits, how the last minute went.

Called through the operations table, by `flock top` once a second and after events.
"""

from flock.clock import rfc3339
from flock.contract.events import MOST_REQUESTS, ShowTop, Top
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.core.queue import queued


@handles(ShowTop)
async def show_top(context: Context, _op: ShowTop, _actor: Actor) -> Top:
    """Return what goes on now, the oldest request first."""
    now, monotonic = context.clock.now(), context.clock.monotonic()
    uptime = now - context.started_at
    rates = context.inference.rates.rates(monotonic, uptime)
    running = list(context.inference.running.values())[:MOST_REQUESTS]
    return Top(
        at=rfc3339(now),
        uptime_seconds=round(uptime, 1),
        requests=tuple(record.row(monotonic) for record in running),
        memory=context.registry.residents(),
        queue=queued(context),
        requests_per_minute=rates.requests_per_minute,
        tokens_per_second=rates.tokens_per_second,
        p50_ms=rates.p50_ms,
        p95_ms=rates.p95_ms,
        p99_ms=rates.p99_ms,
        error_rate=rates.error_rate,
        last_event=context.bus.last,
    )
