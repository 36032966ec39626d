"""What a noun looks like, as data: lines, labelled values and tables.

Owns the three blocks that everything shown is made of, and the words for times and missing values. Refuses to know a
terminal: `out.py` draws the blocks. Called by every `show/<noun>.py`.
"""

from calendar import timegm
from dataclasses import dataclass, replace
from time import strptime
from typing import Literal

from flock import text

Tone = Literal["", "good", "bad", "warn", "dim", "strong"]

NONE = "-"

# What is longer may be broken over several lines of a table; states, counts and times are shorter
BROKEN = 24
GAP = 2


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
    """Rows of cells. `empty` is said in place of a table without rows; `spare` names the columns that a terminal which
    is too narrow goes without, the most easily missed one first.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    spare: tuple[str, ...] = ()

    def widths(self) -> tuple[int, ...]:
        """Return how many columns of a terminal each column takes when nothing in it is broken."""
        columns = zip(self.columns, *self.rows, strict=True)
        return tuple(max(len(cell) for cell in column) for column in columns)

    def least(self) -> int:
        """Return how many columns of a terminal it takes when what is longer than BROKEN is broken; ids never are."""
        first, *others = self.widths()
        return first + sum(min(width, BROKEN) + GAP for width in others)

    def fitted(self, width: int) -> "Table":
        """Return the table without as many of its spare columns as a terminal of `width` columns cannot hold."""
        table = self
        for name in self.spare:
            if table.least() <= width:
                break
            at = table.columns.index(name)
            rows = tuple((*row[:at], *row[at + 1 :]) for row in table.rows)
            table = replace(table, columns=(*table.columns[:at], *table.columns[at + 1 :]), rows=rows)
        return table


@dataclass(frozen=True, slots=True)
class View:
    """What is shown: `blocks` are the data, for standard output; `aside` is said to people, on standard error."""

    blocks: tuple[Line | Pairs | Table, ...]
    aside: tuple[Line, ...] = ()


def table(columns: str, rows: "list[tuple[str, ...]]", empty: str, spare: str = "") -> View:
    """Return a view of one table; `columns` and `spare` are words separated by spaces ("created_at" becomes "created
    at").
    """
    names, spared = (tuple(c.replace("_", " ") for c in words.split()) for words in (columns, spare))
    return View((Table(names, tuple(rows), empty, spared),))


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
