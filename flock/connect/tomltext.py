"""TOML as statements, with the place of each: tables, items of arrays of tables, and pairs of a key and a value.

Own code, since no library keeps the bytes: tomlkit knows no places, ends the lines it adds with "\\n" in a file of
"\\r\\n", puts a new key of a table below the comment of the next one, and leaves the blank lines it added behind. What
is read here has been read by tomllib before, so this only has to tell statements from each other. Pure; called by
tomldocument.py.
"""

import re
import tomllib
from dataclasses import dataclass

from flock.connect.brackets import Member, Node
from flock.connect.changes import Json, Path
from flock.connect.document import Unreadable

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\r\n]*[^,\]}#\r\n\s]")
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Statement:
    """`[table]`, `[[item]]` or `key = value`, from `start` to `end`; `path` is what it defines.

    `section` is the path of the table it stands in (a header's is its own); `value` is None for a header.
    """

    path: Path
    section: Path
    start: int
    end: int
    value: Node | None


def parse(text: str) -> dict[str, Json]:
    """Return what a TOML text holds. Raises Unreadable."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        found = _WHERE.search(words)
        index = len(text)
        if found and found[1]:
            lines = text.split("\n")
            index = sum(len(line) + 1 for line in lines[: int(found[1]) - 1]) + int(found[2]) - 1
        raise Unreadable(index, words[: found.start()] if found else words) from None
    except RecursionError:
        raise Unreadable(0, "nested too deeply") from None
    except ValueError:
        raise Unreadable(0, "a number is longer than Python reads") from None


def statements(text: str) -> list[Statement]:
    """Return the statements of a text that `parse` has read. Raises Unreadable where they cannot be told apart."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.counts: dict[Path, int] = {}  # arrays of tables, and how many items each has so far

    def run(self) -> list[Statement]:
        found: list[Statement] = []
        section: Path = ()
        while self._skip() < len(self.text):
            start = self.place
            if self.text[start] == "[":
                section = self._header()
                found.append(Statement(section, section, start, self.place, None))
                continue
            keys = self._keys()
            self._sign("=")
            value = self._value()
            found.append(Statement((*section, *keys), section, start, self.place, value))
        return found

    def _skip(self) -> int:
        if found := _BLANK.match(self.text, self.place):
            self.place = found.end()
        return self.place

    def _sign(self, sign: str) -> None:
        self._skip()
        if not self.text.startswith(sign, self.place):
            raise Unreadable(self.place, f"{sign} is missing")
        self.place += len(sign)
        if sign == "=":
            self._skip()

    def _header(self) -> Path:
        item = self.text.startswith("[[", self.place)
        self.place += 2 if item else 1
        self._skip()
        *above, last = self._keys()
        self._sign("]]" if item else "]")
        path: Path = ()
        for key in above:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        path = (*path, last)
        if item:
            self.counts[path] = self.counts.get(path, 0) + 1
            path = (*path, self.counts[path] - 1)
        return path

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip()
            found = _STRING.match(self.text, self.place) or _BARE_KEY.match(self.text, self.place)
            if found is None:
                raise Unreadable(self.place, "a key is missing")
            self.place = found.end()
            raw = found[0]
            keys.append(str(tomllib.loads(f"k = {raw}")["k"]) if raw[0] in "\"'" else raw)
            if not self.text.startswith(".", self._skip()):
                return keys
            self.place += 1

    def _value(self) -> Node:
        start = self.place
        opening = self.text[start : start + 1]
        if opening == "[":
            return self._container(Node("list", start, start), "]")
        if opening == "{":
            return self._container(Node("map", start, start), "}")
        found = _STRING.match(self.text, start) or _BARE_VALUE.match(self.text, start)
        if found is None:
            raise Unreadable(start, "a value is missing")
        self.place = found.end()
        return Node("scalar", start, self.place)

    def _container(self, node: Node, closing: str) -> Node:
        self.place += 1
        while not self.text.startswith(closing, self._skip()):
            if self.place == len(self.text):
                raise Unreadable(node.start, f"{closing} is missing")
            start, name = self.place, None
            if node.kind == "map":
                # a dotted key inside braces is nobody's name, so nothing will be edited below it
                name = "\0".join(self._keys())
                self._sign("=")
            member = Member(name, start, self._value())
            node.members.append(member)
            if self.text.startswith(",", self._skip()):
                member.comma = self.place
                self.place += 1
        self.place += 1
        node.end = self.place
        return node
