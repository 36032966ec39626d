"""What a noun looks like, as data: lines, labelled values and tables.

Owns the three blocks that everything shown is made of, and the words for times and missing values. Refuses to know a
terminal: `out.py` draws the blocks. Called by every `show/<noun>.py`.
"""

from calendar import timegm
from dataclasses import dataclass
from time import strptime
from typing import Literal

from flock import text

Tone = Literal["", "good", "bad", "warn", "dim", "strong"]

NONE = "-"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of words. With `hang` it is prose that a terminal breaks between words, further lines indented by so
    many columns; without, it stays one line, so that a command in it can be copied.
    """

    words: str = ""
    tone: Tone = ""
    hang: int = 0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labelled values, one to a line, the values aligned."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. `empty` is said in place of a table without rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: `blocks` are the data, for standard output; `aside` is said to people, on standard error."""

    blocks: tuple[Line | Pairs | Table, ...]
    aside: tuple[Line, ...] = ()


def table(columns: str, rows: "list[tuple[str, ...]]", empty: str) -> View:
    """Return a view of one table; `columns` are words separated by spaces ("created_at" becomes "created at")."""
    names = tuple(c.replace("_", " ") for c in columns.split())
    return View((Table(names, tuple(rows), empty),))


def lines(*words: str) -> View:
    """Return a view of plain lines."""
    return View(tuple(Line(w) for w in words))


def since(at: str | None, now: float) -> str:
    """Return an RFC 3339 UTC time as "3 m 10 s ago", NONE when there is none, the words themselves when unreadable."""
    if not at:
        return NONE
    try:
        return text.ago(max(0.0, now - timegm(strptime(at[:19], "%Y-%m-%dT%H:%M:%S"))))
    except ValueError:
        return at


def or_none(value: object) -> str:
    """Return the value's words, NONE for null and the empty string."""
    return NONE if value is None or value == "" else str(value)


def listed(values: "tuple[str, ...] | list[str]", limit: int = 3) -> str:
    """Return the first `limit` values and how many more there are, NONE for none."""
    if not values:
        return NONE
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(values[:limit]) + more
