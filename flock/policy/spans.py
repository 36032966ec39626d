"""Lengths of time as people write them: 90s, 12h, 7d, 4w, 1d12h.

Owns the words of --ttl, --grace, --after and --over. Refuses months and years, which have no one length, and anything
beyond a century: a slip of the finger. Points in time (--since) are core/times.py's. Called by core.
"""

import re

from flock.errors import InvalidRequest

# seconds in each unit
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
# a hundred years: everything flock dates stays far from the year 9999, where RFC 3339 ends
LONGEST = 100 * 365.25 * 86400.0

_PART = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw])"
_PARTS = re.compile(_PART)
_WHOLE = re.compile(rf"(?:{_PART}\s*)+")


def seconds_of(words: str, option: str = "", example: str = "7d") -> float:
    """Return the seconds that words such as "12h", "7d" or "1d12h" mean; "0" is none at all.

    `option` ("--ttl") stands in the error's sentence, and with `example` in its hint. Raises InvalidRequest naming the
    words.
    """
    said = words.strip().lower()
    if said == "0":
        return 0.0
    if not _WHOLE.fullmatch(said):
        raise _wrong(words, option, example, "is no length of time: a number with s, m, h, d or w behind it")
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PARTS.findall(said))
    if seconds > LONGEST:
        raise _wrong(words, option, example, "is longer than a hundred years")
    return seconds


def _wrong(words: str, option: str, example: str, why: str) -> InvalidRequest:
    shown = words if len(words) <= 40 else words[:39] + "…"
    return InvalidRequest(f"{option} {shown!r} {why}".strip(), hint=f"{option} {example}".strip())
