"""Edits of YAML that keep every other byte: lines for what stands in lines, brackets for what stands in brackets.

ruamel.yaml reads; its writing is not used, since a dump moves comments and indentation and breaks long lines. A text
is written without quotes only where every reader takes it for that text, YAML 1.1's `on` and `1_000` included. Pure;
called by leaves.py through formats.py.
"""

import json
import re
from collections.abc import Iterator
from typing import cast

from flock.connect.brackets import Style, add, removals
from flock.connect.changes import Json, Path, Refused, is_mapping, words
from flock.connect.document import (
    Inserted,
    appended,
    line_end,
    line_start,
    line_stop,
    opens_line,
    without_lines,
)
from flock.connect.yamltree import Branch, Tree, read

_PLAIN = re.compile(r"[A-Za-z/~.][\w./@%+~-]*(?:[ :][\w./@%+~-]+)*", re.ASCII)
_OTHER = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null|~.*|\.(inf|nan)|\.\d.*|.*:\d+|\.+")


class YamlDocument:
    """A text of YAML."""

    def __init__(self, text: str) -> None:
        """Read a text. Raises Unreadable."""
        self.text = text
        self._root = read(text)
        self._newline = line_end(text)

    @property
    def data(self) -> Json:
        """All values; an empty document is an empty mapping, which is what tools take it for."""
        return {} if self._root is None else self._root.plain()

    def _branches(self, path: Path) -> list[Branch]:
        tree, found = self._root, list[Branch]()
        for step in path:
            branch = tree.child(step) if tree else None
            if branch is None:
                raise Refused(f"{words(path)} is not there")
            found.append(branch)
            tree = branch.tree
        return found

    def _tree(self, path: Path) -> Tree:
        tree = self._branches(path)[-1].tree if path else self._root
        if tree is None:
            raise Refused("the file is empty")
        return tree

    def _in_brackets(self, path: Path) -> bool:
        return bool(path) and self._tree(path[:-1]).flow

    def _place(self, path: Path) -> tuple[int, int]:
        """Return from where to where the text of a value goes: from behind its colon, unless brackets hold it."""
        tree = self._tree(path)
        if not path or self._in_brackets(path):
            return tree.start, tree.end
        return self._branches(path)[-1].after, tree.end

    def raw(self, path: Path) -> str:
        """Return the text of a value, the blank behind its colon included."""
        start, end = self._place(path)
        return self.text[start:end]

    def with_raw(self, path: Path, raw: str) -> str:
        """Return the text with that of one value replaced."""
        start, end = self._place(path)
        return self.text[:start] + raw + self.text[end:]

    def render(self, path: Path, value: Json) -> str:
        """Return the text of a value in the place of the one at a path: on one line."""
        if not path or self._in_brackets(path):
            return _flow(value)
        blanks = re.match(r" *(?=\S)", self.raw(path))
        return (blanks[0] if blanks and blanks[0] else " ") + (_flow(value) if _holds(value) else _scalar(value))

    def bare(self, path: Path) -> bool:
        """Return whether a value holds no comments."""
        return _bare(self.text, self._tree(path))

    # -- adding

    def insert(self, path: Path, name: str | None, value: Json) -> Inserted:
        """Add a member or an item behind the last one."""
        if self._root is None:
            return Inserted(appended(self.text, self._lines(name, value, 0), self._newline))
        tree = self._tree(path)
        below = bool(path) and not self._in_brackets(path) and isinstance(self._branches(path)[-1].name, str)
        hollow = tree.flow and not tree.members and not self.text[tree.start + 1 : tree.end - 1].strip()
        if below and (hollow or (tree.kind == "scalar" and tree.value is None)):
            return self._fill(path, name, value)
        if tree.kind == "scalar":
            whole: Json = [value] if name is None else {name: value}
            return Inserted(self.with_raw(path, self.render(path, whole)), shell=self.raw(path))
        if tree.flow:
            spelled = _flow(value) if name is None else f"{_flow_key(name)}: {_flow(value)}"
            style = Style(self._newline, "  ", " ", ("#",))
            node = tree.brackets(self.text)
            text, shell = add(self.text, node, lambda blanks, inline: spelled, style, spread=False)
            return Inserted(text, shell)
        first = tree.members[0].start
        column = first - line_start(self.text, first)
        return self._behind(tree.end, self._lines(name, value, column))

    def _fill(self, path: Path, name: str | None, value: Json) -> Inserted:
        """Add the first entry below a key that has none, or `{}`."""
        branch = self._branches(path)[-1]
        column = branch.start - line_start(self.text, branch.start)
        shell = self.raw(path)
        offset = self._list_offset() if name is None else self._unit()
        emptied = YamlDocument(self.with_raw(path, ""))
        return Inserted(emptied._behind(branch.after, self._lines(name, value, column + offset)).text, shell)

    def _behind(self, place: int, lines: str) -> Inserted:
        stop = line_stop(self.text, place)
        return Inserted(self.text[:stop] + self._newline + lines + self.text[stop:])

    def _lines(self, name: str | None, value: Json, column: int) -> str:
        entry = self._item(value, column) if name is None else self._entry(name, value, column)
        return self._newline.join(entry)

    def _entry(self, name: str, value: Json, column: int) -> list[str]:
        """Return the lines of a member whose key stands in a column."""
        head = f"{' ' * column}{_key(name)}:"
        if is_mapping(value):
            return [head, *self._mapping(cast("dict[str, Json]", value), column + self._unit())]
        if isinstance(value, list) and value:
            inner = column + self._list_offset()
            return [head, *(line for item in cast("list[Json]", value) for line in self._item(item, inner))]
        return [f"{head} {_scalar(value)}"]

    def _mapping(self, members: dict[str, Json], column: int) -> list[str]:
        return [line for name, inside in members.items() for line in self._entry(name, inside, column)]

    def _item(self, value: Json, column: int) -> list[str]:
        dash = " " * column + "- "
        if is_mapping(value):
            first, *others = self._mapping(cast("dict[str, Json]", value), column + 2)
            return [dash + first.lstrip(" "), *others]
        return [dash + (_flow(value) if _holds(value) else _scalar(value))]

    def _unit(self) -> int:
        """Return by how much the file indents a mapping below a key."""
        return next((n for n in self._steps(self._root, "map") if n > 0), 2)

    def _list_offset(self) -> int:
        """Return by how much the file indents the dashes below a key, which may be not at all."""
        return next(iter(self._steps(self._root, "list")), 2)

    def _steps(self, tree: Tree | None, kind: str) -> Iterator[int]:
        for branch in tree.members if tree and not tree.flow else ():
            inner = branch.tree
            if inner.kind == kind and not inner.flow and inner.members and isinstance(branch.name, str):
                yield self._column(inner.members[0].start) - self._column(branch.start)
            yield from self._steps(inner, kind)

    def _column(self, index: int) -> int:
        return index - line_start(self.text, index)

    # -- removing

    def removals(self, path: Path, lead: str, trail: str) -> Iterator[str]:
        """Yield texts without a value, the neatest first."""
        parent, branch = self._tree(path[:-1]), self._branches(path)[-1]
        place = next(i for i, member in enumerate(parent.members) if member is branch)
        if parent.flow:
            yield from removals(self.text, parent.brackets(self.text), place)
            return
        end = max(branch.tree.end, branch.after)
        if len(parent.members) == 1 and len(path) > 1:
            empty = "[]" if parent.kind == "list" else "{}"
            if opens_line(self.text, branch.start):
                after = self._branches(path[:-1])[-1].after
                text = without_lines(self.text, branch.start, end)
                yield f"{text[:after]} {empty}{text[after:]}"
            yield self.text[: branch.start] + empty + self.text[end:]
            return
        if opens_line(self.text, branch.start):
            yield without_lines(self.text, branch.start, end)
        elif place + 1 < len(parent.members):
            yield self.text[: branch.start] + self.text[parent.members[place + 1].start :]


def _bare(text: str, tree: Tree) -> bool:
    """Return whether no comment stands between the members of a value."""
    place = tree.start
    for member in tree.members:
        if "#" in text[place : member.start] or "#" in text[member.after : member.tree.start]:
            return False
        if not _bare(text, member.tree):
            return False
        place = max(member.tree.end, member.after)
    return not tree.flow or "#" not in text[place : tree.end]


def _holds(value: Json) -> bool:
    return isinstance(value, list | dict) and bool(cast("list[Json]", value))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) and not _OTHER.fullmatch(name) else _quoted(name)


def _flow_key(name: str) -> str:
    return _key(name)


def _scalar(value: Json) -> str:
    """Return a scalar or an empty container as it stands behind a colon."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and not _OTHER.fullmatch(value) else _quoted(value)
    return _flow(value)


def _flow(value: Json) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in cast("list[Json]", value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow_key(k)}: {_flow(v)}" for k, v in cast("dict[str, Json]", value).items()) + "}"
    if isinstance(value, float):
        text = json.dumps(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Return a text between double quotes (yaml.org/spec/1.2.2, 5.7)."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
