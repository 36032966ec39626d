"""What people write for a time: --since and --until of usage, audit, savings and logs of what was.

Owns the words (today, week, month, 7d, a date, RFC 3339) and what they mean in UTC. Refuses to read a clock: `now` is
a parameter. Called by the handlers of core; lengths of time that are no point in it (--ttl) are policy/spans.py's.
"""

import re
from datetime import UTC, datetime, timedelta

from flock.clock import rfc3339
from flock.errors import InvalidRequest
from flock.policy.spans import UNITS

# SQLite and datetime go further; a time before the epoch or in the year 9999 is a slip of the finger
LATEST = 253_370_764_800.0
_EXAMPLES = {"--since": "--since 7d", "--until": "--until today", "--day": "--day 2026-11-20"}

_AGO = re.compile(r"(\d{1,9})([smhdw])")
_WORDS = ("now", "today", "yesterday", "week", "month", "year")


def parse_since(words: str, now: float, option: str = "--since") -> float:
    """Return the epoch seconds that `--since words` means, or another `option`; 0.0 for "".

    "today", "yesterday", "week" (from Monday), "month" and "year" begin with the UTC's that `now` is in; "7d" is that
    long before now (s m h d w); a date is its midnight in UTC; a time without a zone is UTC. Raises InvalidRequest.
    """
    return _moment(option, words, now) if words.strip() else 0.0


def parse_until(words: str, now: float, since: float = 0.0, since_words: str = "") -> float:
    """Return the epoch seconds that `--until words` means, `now` for ""; written as parse_since takes it.

    Raises InvalidRequest for nonsense, and, naming both, for what is before `since`.
    """
    until = _moment("--until", words, now) if words.strip() else now
    if until < since:
        raise InvalidRequest(
            f"--until {words.strip() or 'now'} ({_day(until)}) is before --since {since_words.strip() or _day(since)} "
            f"({_day(since)})",
            hint="give the earlier time to --since: --since 2026-11-01 --until 2026-11-08",
        )
    return until


def parse_span(since: str, until: str, now: float) -> tuple[float, float]:
    """Return both ends of what --since and --until name. Raises InvalidRequest."""
    begin = parse_since(since, now)
    return begin, parse_until(until, now, begin, since)


def _moment(option: str, words: str, now: float) -> float:
    said = words.strip()
    at = _named(said.lower(), now)
    at = _dated(said) if at is None else at
    if at is None:
        raise InvalidRequest(
            f"{option} {said!r} is no time: say {', '.join(_WORDS[1:-1])}, 7d, 2026-11-01 or 2026-11-01T08:00:00Z",
            hint=_EXAMPLES[option],
        )
    if not 0.0 <= at <= LATEST:
        raise InvalidRequest(f"{option} {said!r} is outside the years 1970 to 9998", hint=_EXAMPLES[option])
    return at


def _named(said: str, now: float) -> float | None:
    if ago := _AGO.fullmatch(said):
        # an age beyond the epoch is "from the beginning", not a mistake
        return max(0.0, now - int(ago[1]) * UNITS[ago[2]])
    if said not in _WORDS:
        return None
    if said == "now":
        return now
    midnight = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = {
        "today": midnight,
        "yesterday": midnight - timedelta(days=1),
        "week": midnight - timedelta(days=midnight.weekday()),
        "month": midnight.replace(day=1),
        "year": midnight.replace(month=1, day=1),
    }[said]
    return begin.timestamp()


def _dated(said: str) -> float | None:
    # fromisoformat takes more than is meant here (20261101, 2026-W45): those read as numbers or as nothing at all
    if not re.match(r"\d{4}-\d\d-\d\d($|[Tt ]\d\d:\d\d)", said):
        return None
    try:
        at = datetime.fromisoformat(said.upper())
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _day(at: float) -> str:
    return rfc3339(at)[:19] + "Z"
