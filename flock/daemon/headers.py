"""flock's own response headers: which request, by which path, as which model, what was left out, where the time went.

Values only; refuses to send. Called by daemon/forward.py for answers and by daemon/gateway.py for errors.
"""

from flock import __version__
from flock.core.record import Record
from flock.daemon.limits import limit_headers
from flock.policy.money import dollars

SERVER = f"flock/{__version__}"
# what a header may grow to: proxies refuse heads of a few kilobytes
LOST_MAX = 1000


def headers_of(record: Record) -> dict[str, str]:
    """Return flock's own response headers: request id, path taken, and where the time went so far."""
    turn = max(record.chosen, min(record.turn, record.loaded)) if record.sent else record.chosen
    timing = f"queue;dur={(turn - record.arrived) * 1000:.1f}" if record.chosen else "queue"
    if record.sent:
        timing += f", load;dur={(record.loaded - turn) * 1000:.1f}"
    if record.first:
        timing += f", engine;dur={(record.first - record.sent) * 1000:.1f}"
    found = {"X-Flock-Request-Id": record.id, "Server-Timing": timing, "Server": SERVER}
    if record.plan:
        found["X-Flock-Path"] = record.plan
    if record.engine:
        found["X-Flock-Route"] = plain(f"vendor/{record.vendor}" if record.vendor else f"engine/{record.engine}")
    if record.model != record.requested:
        found["X-Flock-Model"] = plain(record.model)
    if record.lost:
        found["X-Flock-Lost"] = plain(", ".join(record.lost))
    if record.levels is not None:
        found |= limit_headers(record)
    return found | cost_headers(record) | queue_headers(record)


def cost_headers(record: Record) -> dict[str, str]:
    """Return what a request cost at a paid vendor, as far as that is known, and what it may have cost at most; {} for
    one that cost the team nothing. Dollars, as decimal strings; a stream has begun before anybody knows.
    """
    if not record.vendor or record.lent:
        return {}
    found = {"X-Flock-Cost-USD": cost} if (cost := record.cost_usd) is not None else {}
    return found | ({"X-Flock-Cost-At-Most-USD": dollars(record.worst)} if record.worst is not None else {})


def queue_headers(record: Record) -> dict[str, str]:
    """Return where a request stood in the queue when it came and how long it was to take, and, where that is over, how
    long it took; {} for one that did not wait. Seconds.
    """
    waiting = record.waiting
    if waiting is None:
        return {}
    found = {"X-Flock-Queue-Position": str(max(1, waiting.first_position))}
    if waiting.first_eta is not None:
        found["X-Flock-Queue-ETA"] = f"{waiting.first_eta:.1f}"
    if record.waited:
        found["X-Flock-Queue-Seconds"] = f"{record.waited:.3f}"
    return found


def plain(words: str) -> str:
    """Return words as a header can carry them: printable ASCII, within LOST_MAX."""
    found = "".join(c if " " <= c <= "~" else "?" for c in words)
    return found if len(found) <= LOST_MAX else found[: LOST_MAX - 3] + "..."
