"""Numbers as people say them: bytes, durations, counts and ago-times as plain strings.

Owns no state and knows no terminal; used by the CLI, the log and error sentences.
"""

import re
from collections.abc import Iterable

# Every C0 and C1 control character but tab and newline: an id or a log line must not be able to steer a terminal.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def closest(word: str, known: Iterable[str]) -> str:
    """Return the word of a closed set that was probably meant, "" when none is near."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word.strip().lower(), list(known), n=1)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" to go behind a sentence, "" when no word is near."""
    near = closest(word, known)
    return f"; did you mean {near}?" if near else ""


def size(count: float) -> str:
    """Return a byte count in decimal units ("3.5 MB"), as disks and catalogs count them."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Return seconds as "0.3 ms", "12 ms", "3.4 s", "5 m 3 s", "2 h 10 m" or "3 d 4 h"."""
    if 0 < seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def ago(seconds: float) -> str:
    """Return how long ago something was: "just now" below two seconds, else "3 m 10 s ago"."""
    return "just now" if seconds < 2 else f"{duration(seconds)} ago"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 model" or "3 models"; thousands are grouped by commas."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def one_line(words: str, limit: int = 300) -> str:
    """Return the words without line breaks, cut to `limit` characters with an ellipsis."""
    flat = " ".join(words.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def clean(words: str) -> str:
    """Return the words with control characters made visible as "\\xNN"."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", words)
