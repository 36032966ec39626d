"""JSON, JSON with comments (JSONC) and JSON5, with the place of every value.

Own code, since no library keeps the bytes: those for JSON and JSON5 drop comments, and none says where a value stands.
This one reads no more than it must to tell values from each other; what it cannot read it refuses with the place. Of
two members of one name the last counts, as it does for the programs that read such files. Pure; called by leaves.py
through formats.py.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property

from flock.connect.brackets import Member, Node, Style, add, removals
from flock.connect.changes import MISSING, Json, Path, Refused, words
from flock.connect.document import Inserted, Unreadable, indent_at, line_end

# Python's own limit is 1,000 frames; a settings file nests ten deep
DEEPEST = 150

_BLANKS = re.compile(r"[ \t\r\n]+")
_BLANKS_5 = re.compile(r"[\s\ufeff]+")
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_STRING_5 = re.compile(r""""(?:[^"\\\r\n]|\\(?:\r\n|.))*"|'(?:[^'\\\r\n]|\\(?:\r\n|.))*'""", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])")
_NUMBER_5 = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|Infinity|NaN|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.])"
)
_NAME_5 = re.compile(r"(?:[^\W\d]|[$_]|\\u[0-9a-fA-F]{4})(?:[\w$\u200c\u200d]|\\u[0-9a-fA-F]{4})*")
_WORD = re.compile(r"(?:null|true|false)(?![\w$])")
_WORDS: dict[str, Json] = {"null": None, "true": True, "false": False}
_ESCAPE_5 = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)
_ESCAPES_5 = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}


class _Reader:
    """One pass over a text; `kind` is json, jsonc or json5."""

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self.comments = kind != "json"
        self.loose = kind == "json5"
        self.place = 0

    def whole(self) -> Node | None:
        """Return the document, None for one without a value. Raises Unreadable."""
        self._skip()
        if self.place == len(self.text):
            return None
        root = self._value(0)
        self._skip()
        if self.place < len(self.text):
            raise Unreadable(self.place, "something stands behind the end")
        return root

    def _skip(self) -> None:
        while True:
            found = (_BLANKS_5 if self.loose else _BLANKS).match(self.text, self.place)
            if found is None and self.text.startswith("/", self.place):
                if not self.comments:
                    raise Unreadable(self.place, "JSON has no comments")
                found = _COMMENT.match(self.text, self.place)
                if found is None:
                    raise Unreadable(self.place, "a comment without an end")
            if found is None:
                return
            self.place = found.end()

    def _value(self, depth: int) -> Node:
        start = self.place
        if depth > DEEPEST:
            raise Unreadable(start, f"nested more than {DEEPEST} deep")
        opening = self.text[start : start + 1]
        if opening == "{":
            return self._container("map", "}", depth)
        if opening == "[":
            return self._container("list", "]", depth)
        value: Json
        if opening == '"' or (opening == "'" and self.loose):
            value = self._string()
        elif found := _WORD.match(self.text, start):
            self.place = found.end()
            value = _WORDS[found[0]]
        elif found := (_NUMBER_5 if self.loose else _NUMBER).match(self.text, start):
            self.place = found.end()
            value = _number(found[0])
        else:
            raise Unreadable(start, "a value is missing here" if opening else "the text ends in the middle")
        return Node("scalar", start, self.place, value)

    def _container(self, kind: str, closing: str, depth: int) -> Node:
        node = Node(kind, self.place, self.place)
        self.place += 1
        self._skip()
        while not self.text.startswith(closing, self.place):
            if node.members and node.members[-1].comma < 0:
                raise Unreadable(self.place, f"neither a comma nor {closing}")
            start = self.place
            name = self._name() if kind == "map" else None
            node.members.append(Member(name, start, self._value(depth + 1)))
            self._skip()
            if self.text.startswith(",", self.place):
                node.members[-1].comma = self.place
                self.place += 1
                self._skip()
                if self.text.startswith(closing, self.place) and not self.comments:
                    raise Unreadable(node.members[-1].comma, "JSON has no comma behind the last")
        self.place += 1
        node.end = self.place
        return node

    def _name(self) -> str:
        start = self.place
        if self.text.startswith(('"', "'") if self.loose else '"', start):
            name = self._string()
        elif self.loose and (found := _NAME_5.match(self.text, start)):
            self.place = found.end()
            name = _unescaped(found[0])
        else:
            at_end = start == len(self.text)
            raise Unreadable(start, "the text ends in the middle" if at_end else "a name in double quotes is missing")
        self._skip()
        if not self.text.startswith(":", self.place):
            raise Unreadable(self.place, "a colon is missing")
        self.place += 1
        self._skip()
        return name

    def _string(self) -> str:
        found = (_STRING_5 if self.loose else _STRING).match(self.text, self.place)
        if found is None:
            raise Unreadable(self.place, "a text without an end, or with a line end in it")
        start, self.place = self.place, found.end()
        if self.loose:
            return _unescaped(found[0][1:-1])
        try:
            return json.loads(found[0])
        except ValueError:
            raise Unreadable(start, "an escape that JSON does not have") from None


def _number(text: str) -> Json:
    """Return a number as Python has it; one it has no room for stands for itself."""
    bare = text.lstrip("+-")
    try:
        value = int(bare, 16) if bare[:2] in ("0x", "0X") else float(bare) if set(bare) & set(".eEIN") else int(bare)
    except ValueError:  # more digits than Python reads (sys.int_info.default_max_str_digits)
        return ("number", text)
    return -value if text.startswith("-") else value


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if code := found[1] or found[2]:
            return chr(int(code, 16))
        plain = found[3]
        return "" if plain in ("\n", "\r\n", "\u2028", "\u2029") else _ESCAPES_5.get(plain, plain)

    return _ESCAPE_5.sub(one, text)


class JsonText:
    """A text of JSON, JSONC or JSON5."""

    def __init__(self, text: str, kind: str) -> None:
        """Read a text. Raises Unreadable."""
        self.text = text
        self._kind = kind
        self._root = _Reader(text, kind).whole()

    @cached_property
    def data(self) -> Json:
        """All values."""
        return MISSING if self._root is None else self._root.plain()

    @cached_property
    def _style(self) -> Style:
        comments = () if self._kind == "json" else ("//", "/*")
        return Style(line_end(self.text), self._unit(), "" if self._tight else " ", comments)

    def _unit(self) -> str:
        found = re.search(r"^([ \t]+)[^\s/*]", self.text, re.MULTILINE)
        if found is None:
            return "  "
        return "\t" if found[1].startswith("\t") else found[1]

    @cached_property
    def _tight(self) -> bool:
        """Whether the text is written without blanks, as by a program that saves space."""
        root = self._root
        first = root.members[0] if root and root.kind == "map" and root.members else None
        return first is not None and self.text[first.node.start - 1] == ":" and "\n" not in self.text.strip()

    def _node(self, path: Path) -> Node:
        node = self._root
        for step in path:
            member = node.child(step) if node else None
            node = member.node if member else None
        if node is None:
            raise Refused(f"{words(path)} is not there")
        return node

    def _spread(self, path: Path) -> bool:
        """Whether what fills an empty value may take several lines: its parent does."""
        if not path:
            return True
        parent = self._node(path[:-1])
        return "\n" in self.text[parent.start : parent.end]

    def _piece(self, name: str | None, value: Json) -> Callable[[str, bool], str]:
        colon = ":" if self._tight else ": "
        head = "" if name is None else json.dumps(name, ensure_ascii=False) + colon

        def piece(blanks: str, inline: bool) -> str:
            return head + (self._inline(value) if inline else self._spelled(value, blanks))

        return piece

    def _inline(self, value: Json) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":") if self._tight else (", ", ": "))

    def _spelled(self, value: Json, blanks: str) -> str:
        """Return a value over several lines, each but the first beginning with `blanks` and what its depth adds."""
        lines = json.dumps(value, ensure_ascii=False, indent=self._style.unit).split("\n")
        return (self._style.newline + blanks).join(lines)

    def raw(self, path: Path) -> str:
        """Return the text of a value."""
        node = self._node(path)
        return self.text[node.start : node.end]

    def with_raw(self, path: Path, raw: str) -> str:
        """Return the text with that of one value replaced."""
        node = self._node(path)
        return self.text[: node.start] + raw + self.text[node.end :]

    def render(self, path: Path, value: Json) -> str:
        """Return the text of a value in the place of the one at a path."""
        if not self._spread(path):
            return self._inline(value)
        return self._spelled(value, indent_at(self.text, self._node(path).start))

    def insert(self, path: Path, name: str | None, value: Json) -> Inserted:
        """Add a member or an item behind the last one."""
        whole: Json = [value] if name is None else {name: value}
        if self._root is None:
            lead = "" if not self.text or self.text.endswith("\n") else self._style.newline
            trail = self._style.newline
            return Inserted(self.text + lead + self._spelled(whole, "") + trail, None, lead, trail, root=True)
        node = self._node(path)
        if node.kind == "scalar":
            return Inserted(self.with_raw(path, self.render(path, whole)), shell=self.raw(path))
        text, shell = add(self.text, node, self._piece(name, value), self._style, spread=self._spread(path))
        return Inserted(text, shell)

    def removals(self, path: Path, lead: str, trail: str) -> Iterator[str]:
        """Yield texts without a value, the neatest first."""
        node = self._node(path)
        if not path:
            yield self.text[: node.start].removesuffix(lead) + self.text[node.end :].removeprefix(trail)
            return
        parent = self._node(path[:-1])
        member = parent.child(path[-1])
        yield from removals(self.text, parent, next(i for i, m in enumerate(parent.members) if m is member))

    def bare(self, path: Path) -> bool:
        """Return whether a value holds no comments."""
        return self._bare(self._node(path))

    def _bare(self, node: Node) -> bool:
        """A comment is what stands between the members and is neither blank nor sign."""
        if node.kind == "scalar" or self._kind == "json":
            return True
        place, between = node.start + 1, ""
        for member in node.members:
            between += self.text[place : member.start]
            place = member.node.end
        between += self.text[place : node.end - 1]
        if node.kind == "map":
            between += "".join(self._behind_name(member) for member in node.members)
        return "/" not in between and all(self._bare(member.node) for member in node.members)

    def _behind_name(self, member: Member) -> str:
        """Return what stands between a member's name and its value: a colon, and perhaps a comment."""
        if found := (_STRING_5 if self._kind == "json5" else _STRING).match(self.text, member.start):
            return self.text[found.end() : member.node.start]
        return self.text[member.start : member.node.start]
