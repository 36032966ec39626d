"""What a format has to do so that leaves.py can edit it: one protocol, four of them speak it.

A document is a text and what stands in it; every edit returns a new text, in which all but the edited characters are
as they were. Nobody trusts an edit: leaves.py opens the new text again and compares all values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from flock.connect.changes import Json, Path


class Unreadable(Exception):
    """A text that is not in its format; `index` is the character where that shows."""

    def __init__(self, index: int, words: str) -> None:
        super().__init__(words)
        self.index = index
        self.words = words


@dataclass(frozen=True, slots=True)
class Inserted:
    """A text with one more value, and what Trace says of it. `root`: the document itself was made with it."""

    text: str
    shell: str | None = None
    lead: str = ""
    trail: str = ""
    root: bool = False


class Document(Protocol):
    """One text in one format. Every method raises Refused for what cannot be done without touching other lines."""

    text: str

    @property
    def data(self) -> Json:
        """All values, MISSING for a text that holds none."""
        ...

    def raw(self, path: Path) -> str:
        """Return the text of a value."""
        ...

    def with_raw(self, path: Path, raw: str) -> str:
        """Return the text with that of one value replaced."""
        ...

    def render(self, path: Path, value: Json) -> str:
        """Return the text of a value that replaces the one at a path."""
        ...

    def insert(self, path: Path, name: str | None, value: Json) -> Inserted:
        """Add a member to the mapping at a path, or with no name an item to the list there.

        An empty document and a null count as either.
        """
        ...

    def removals(self, path: Path, lead: str, trail: str) -> Iterator[str]:
        """Yield texts without a value, the neatest first; a later one is for when an earlier one reads wrongly."""
        ...

    def bare(self, path: Path) -> bool:
        """Return whether a value holds no comments, so that nothing of the user's would go with it."""
        ...


def line_end(text: str) -> str:
    """Return how lines end in a text: as the first one does."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def line_start(text: str, index: int) -> int:
    """Return where the line of a character begins."""
    return text.rfind("\n", 0, index) + 1


def line_stop(text: str, index: int) -> int:
    """Return where the line of a character ends: its line end, or the text's."""
    stop = text.find("\n", index)
    if stop < 0:
        return len(text)
    return stop - 1 if stop > index and text[stop - 1] == "\r" else stop


def next_line(text: str, index: int) -> int:
    """Return where the line behind the one of a character begins."""
    stop = text.find("\n", index)
    return len(text) if stop < 0 else stop + 1


def indent_at(text: str, index: int) -> str:
    """Return the blanks that the line of a character begins with."""
    start = line_start(text, index)
    stop = start
    while stop < len(text) and text[stop] in " \t":
        stop += 1
    return text[start:stop]


def opens_line(text: str, index: int) -> bool:
    """Return whether nothing but blanks stands before a character on its line."""
    return not text[line_start(text, index) : index].strip(" \t")


def position(text: str, index: int) -> str:
    """Return a character's place as editors count it, "line:column", both from 1."""
    return f"{text.count(chr(10), 0, index) + 1}:{index - line_start(text, index) + 1}"


def without_lines(text: str, start: int, stop: int) -> str:
    """Return the text without the lines of what stands from `start` to `stop`; a comment behind it stays.

    The line end that goes is the one before, so that a text without a last line end keeps having none.
    """
    finish = line_stop(text, stop)
    if text[stop:finish].strip() or not opens_line(text, start):
        while stop < finish and text[stop] in " \t":
            stop += 1
        return text[:start] + text[stop:]
    begin = line_start(text, start)
    if not begin:
        return text[next_line(text, stop) :]
    begin -= 2 if text[begin - 2 : begin] == "\r\n" else 1
    return text[:begin] + text[finish:]


def appended(text: str, lines: str, newline: str) -> str:
    """Return the text with lines at its end; one without a last line end keeps having none.

    They go before the last line end and not behind it, so that taking them out is the same everywhere, in files of
    mixed line ends too.
    """
    if not text:
        return lines + newline
    stop = len(text) - (2 if text.endswith("\r\n") else 1 if text.endswith("\n") else 0)
    return text[:stop] + newline + lines + text[stop:]
