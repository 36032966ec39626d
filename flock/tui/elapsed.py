"""How long a request has been running, by the daemon's clock, from which the screen's own may differ.

Owns that difference. Refuses to ask for a time: the screen's is handed in. Used by pages that show running requests.
"""

from functools import lru_cache

from flock.contract.events import Top
from flock.tui import look
from flock.tui.state import Live


@lru_cache(4096)  # a request's arrival is looked at ten times a second
def moment(at: str) -> float:
    """Return the epoch of an RFC 3339 time in UTC, with its fraction of a second; 0 for "" and what is no time."""
    try:
        return look.epoch(at) + float(f"0{at[19:-1]}" if at[19:20] == "." else 0)
    except ValueError:
        return 0.0


class DaemonClock:
    """The daemon's clock, as its last look at the whole told it."""

    def __init__(self) -> None:
        self._top: Top | None = None
        self._ahead = 0.0

    def now(self, top: Top | None, mine: float) -> float:
        """Return the epoch over there when it is `mine` here."""
        if top is not None and top is not self._top:
            self._top, self._ahead = top, moment(top.at) - mine
        return mine + self._ahead


def elapsed_ms(live: Live, there: float) -> float:
    """Return for how long a request has run; what has ended stands still."""
    if live.outcome or not live.at:
        return live.elapsed_ms
    return max(live.elapsed_ms, (there - moment(live.at)) * 1000)
