"""How many rows an answer may have: what is more is for a file, not for a terminal. Called by the handlers of core."""

from flock.errors import InvalidRequest

MOST_ROWS = 10_000


def limited(limit: int, command: str) -> int:
    """Return the rows to read at most; `command` is what asks, for the hint. Raises InvalidRequest."""
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidRequest(f"--limit is 1 to {MOST_ROWS}, not {limit}", hint=f"{command} --limit 50")
    return limit
