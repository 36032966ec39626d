"""Files of environment variables (`KEY=value`, `export`, quotes, comments), with the place of every value.

Own code: python-dotenv rewrites the file by regular expressions that lose what stands behind a value. Quotes and
comments are read as python-dotenv and the shells' `.` read them; of two lines of one name the last counts. Holds no
sections: a pointer is one name. Pure; called by leaves.py through formats.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from flock.connect.changes import Json, Path, Refused, words
from flock.connect.document import Inserted, Unreadable, appended, line_end, without_lines

_SKIP = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:#[^\n]*)?")
_NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(=[ \t]*)?")
_QUOTED = re.compile(r"'((?:\\'|[^'])*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_PLAIN = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"[ \t]+#.*|[ \t]+$")
_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=\r?\n|\Z)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "b": "\b", "a": "\a"}
# what stands for itself without quotes, in shells as in the libraries
_SAFE = re.compile(r"[\w./:@%+,=-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Line:
    """One variable: where its line begins, where its value stands and what it is."""

    name: str
    start: int
    value_start: int
    value_end: int
    value: str
    stands: bool  # has an "="


class EnvText:
    """A text of variables."""

    def __init__(self, text: str) -> None:
        """Read a text. Raises Unreadable."""
        self.text = text
        self._newline = line_end(text)
        self._lines = list(_lines(text))
        self._last = {line.name: line for line in self._lines}

    @property
    def data(self) -> Json:
        """All variables."""
        return {name: line.value for name, line in self._last.items()}

    def _line(self, path: Path) -> _Line:
        if len(path) != 1 or path[0] not in self._last:
            raise Refused(f"{words(path)} is not there")
        return self._last[path[0]]

    def raw(self, path: Path) -> str:
        """Return the text of a value, quotes included."""
        line = self._line(path)
        return self.text[line.value_start : line.value_end]

    def with_raw(self, path: Path, raw: str) -> str:
        """Return the text with that of one value replaced."""
        line = self._line(path)
        return self.text[: line.value_start] + raw + self.text[line.value_end :]

    def render(self, path: Path, value: Json) -> str:
        """Return the text of a value."""
        if not self._line(path).stands:
            raise Refused(f"{words(path)} stands without a value")
        return _spelled(value)

    def insert(self, path: Path, name: str | None, value: Json) -> Inserted:
        """Add a line at the end."""
        if path or name is None:
            raise Refused("a file of variables has no lists and no sections")
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise Refused(f"{name} is no name of a variable")
        return Inserted(appended(self.text, f"{name}={_spelled(value)}", self._newline))

    def removals(self, path: Path, lead: str, trail: str) -> Iterator[str]:
        """Yield the text without a line."""
        line = self._line(path)
        yield without_lines(self.text, line.start, line.value_end)

    def bare(self, path: Path) -> bool:
        """Return True: no value holds comments."""
        return True


def _lines(text: str) -> Iterator[_Line]:
    place = 0
    while True:
        skipped = _SKIP.match(text, place)
        place = skipped.end() if skipped else place
        if place >= len(text):
            return
        if text.startswith(("\n", "\r\n"), place):
            place = text.index("\n", place) + 1
            continue
        found = _NAME.match(text, place)
        if found is None:
            raise Unreadable(place, "a line that is neither KEY=value nor a comment")
        start, place = place, found.end()
        if not found[2]:
            line = _Line(found[1], start, found.end(1), found.end(1), "", False)
        elif quoted := _QUOTED.match(text, place):
            line = _Line(found[1], start, place, quoted.end(), _unquoted(quoted), True)
        elif text[place : place + 1] in ("'", '"') and text[place : place + 1]:
            raise Unreadable(place, "a quote that nothing closes")
        else:
            value = _COMMENT.sub("", cast("re.Match[str]", _PLAIN.match(text, place))[0])
            line = _Line(found[1], start, place, place + len(value), value, True)
        rest = _REST.match(text, line.value_end)
        if rest is None:
            raise Unreadable(line.value_end, "something stands behind the value")
        place = rest.end()
        yield line


def _unquoted(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1].replace("\\'", "'").replace("\\\\", "\\")
    return _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), found[2])


def _spelled(value: Json) -> str:
    """Return a value as it stands behind "=". Raises Refused for all but text."""
    if not isinstance(value, str):
        raise Refused("a variable is one text")
    if _SAFE.fullmatch(value):
        return value
    if not any(sign in value for sign in "'\\\r\n"):
        return f"'{value}'"
    inside = value.replace("\\", "\\\\").replace('"', '\\"')
    for sign, letter in (("\n", "n"), ("\r", "r"), ("\t", "t")):
        inside = inside.replace(sign, "\\" + letter)
    return f'"{inside}"'
