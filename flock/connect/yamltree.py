"""YAML with the place of every value, from the marks of ruamel.yaml's parser.

The parser ends a block where the next token begins, comments and blank lines included, says of an empty value and of an
alias where something else stands, and takes two keys of one name; all of that is put right here. Documents of several
parts are refused. Pure; called by yamldocument.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from flock.connect.brackets import Member, Node
from flock.connect.changes import Json
from flock.connect.document import Unreadable, line_start
from flock.text import one_line

_ALIAS = re.compile(r"\s*\*[^\s,\[\]{}]+")
_COMMA = re.compile(r"(?:\s|#[^\n]*)*,")
_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Tree:
    """A value from `start` to `end`; `kind` is map, list, scalar or alias; `flow`: brackets hold it.

    `block` marks a scalar of lines ("|"). `value` is a scalar's. An alias is opaque: what it stands for stands
    elsewhere, so nothing is edited below it.
    """

    kind: str
    start: int
    end: int
    flow: bool = False
    block: bool = False
    value: Json = None
    members: "list[Branch]" = field(default_factory=list["Branch"])

    def child(self, step: str | int) -> "Branch | None":
        """Return a member by its name, an item by its number."""
        if isinstance(step, int):
            return self.members[step] if self.kind == "list" and step < len(self.members) else None
        return next((m for m in self.members if m.name == step), None) if self.kind == "map" else None

    def plain(self) -> Json:
        """Return the value as Python has it; an alias is ("alias", its name)."""
        if self.kind == "map":
            return {member.name: member.tree.plain() for member in self.members}
        return [member.tree.plain() for member in self.members] if self.kind == "list" else self.value

    def brackets(self, text: str) -> Node:
        """Return a value in brackets as brackets.py wants it."""
        node = Node("scalar" if self.kind == "alias" else self.kind, self.start, self.end, self.value)
        for branch in self.members:
            comma = _COMMA.match(text, branch.tree.end)
            name = branch.name if isinstance(branch.name, str) else None
            node.members.append(
                Member(name, branch.start, branch.tree.brackets(text), comma.end() - 1 if comma else -1)
            )
        return node


@dataclass(slots=True)
class Branch:
    """A member or an item: `start` is its key or its dash, `after` what stands behind the colon or the dash."""

    name: Json
    start: int
    after: int
    tree: Tree


def read(text: str) -> Tree | None:
    """Return the document, None for one that holds nothing. Raises Unreadable."""
    try:
        yaml = YAML(typ="safe", pure=True)
        composed: Any = yaml.compose(text)  # pyright: ignore[reportUnknownMemberType]
        if composed is None or (composed.id == "scalar" and composed.style is None and not composed.value):
            return None
        return _Planter(text).tree(composed, composed.start_mark.index, composed.start_mark.index)
    except MarkedYAMLError as error:
        marked: Any = error
        mark = marked.problem_mark or marked.context_mark
        words = str(marked.problem or marked.context or "it cannot be read")
        if words.startswith("but ") and marked.context:
            words = f"{marked.context}, {words}"
        raise Unreadable(mark.index if mark else 0, one_line(words, 120)) from None
    except RecursionError:
        raise Unreadable(0, "nested too deeply") from None
    except (YAMLError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise Unreadable(0, one_line(str(error), 120)) from None


class _Planter:
    def __init__(self, text: str) -> None:
        self.text = text

    def tree(self, found: Any, after: int, least: int) -> Tree:
        """Return ruamel's node as ours; `after` is where it may begin, `least` what it cannot begin before."""
        if found.start_mark.index < least:
            alias = _ALIAS.match(self.text, after)
            if alias is None:
                raise Unreadable(after, "an alias in a place where flock cannot follow it")
            start = alias.end() - len(alias[0].lstrip())
            return Tree("alias", start, alias.end(), value=("alias", alias[0].strip()))
        start, end = found.start_mark.index, found.end_mark.index
        if found.id == "scalar":
            return self._scalar(found, after, start, end)
        flow = bool(found.flow_style)
        tree = Tree("map" if found.id == "mapping" else "list", start, end, flow)
        tree.members = list(self._members(found, start) if tree.kind == "map" else self._items(found, start, flow))
        if not flow and tree.members:
            tree.end = tree.members[-1].tree.end
        return tree

    def _scalar(self, found: Any, after: int, start: int, end: int) -> Tree:
        if start == end:
            return Tree("scalar", after, after)
        block = found.style in ("|", ">")
        if block:
            end = start + len(self.text[start:end].rstrip())
        return Tree("scalar", start, end, block=block, value=_plain(found))

    def _members(self, found: Any, least: int) -> Iterator[Branch]:
        names: list[Json] = []
        for key, value in found.value:
            start, end = key.start_mark.index, key.end_mark.index
            colon = self.text.find(":", end)
            if key.id != "scalar" or start < least or colon < 0 or self.text[end:colon].strip(" \t\"'"):
                raise Unreadable(max(start, least), "a key of a kind that flock does not edit")
            name = _plain(key)
            if name in names:
                raise Unreadable(start, f"the key {name} stands there twice")
            names.append(name)
            tree = self.tree(value, colon + 1, colon)
            least = tree.end
            yield Branch(name, start, colon + 1, tree)

    def _items(self, found: Any, start: int, flow: bool) -> Iterator[Branch]:
        place = start
        column = start - line_start(self.text, start)
        dashes = re.compile(rf"(?<=\n) {{{column}}}-(?=\s|\Z)")
        for number, value in enumerate(found.value):
            if flow:
                place = self._flow_item(place, number)
                tree = self.tree(value, place, place)
                yield Branch(None, tree.start, tree.start, tree)
            else:
                if number:
                    dash = dashes.search(self.text, place)
                    place = dash.end() - 1 if dash else len(self.text) - 1
                if not self.text.startswith("-", place):
                    raise Unreadable(place, "a list whose items flock cannot tell apart")
                tree = self.tree(value, place + 1, place + 1)
                yield Branch(None, place, place + 1, tree)
            place = tree.end

    def _flow_item(self, place: int, number: int) -> int:
        """Return where an item in brackets may begin: behind the bracket or the comma."""
        if not number:
            return self.text.index("[", place) + 1
        comma = _COMMA.match(self.text, place)
        return comma.end() if comma else place


def _plain(found: Any) -> Json:
    """Return a scalar as Python has it; one of a kind that JSON does not have is (tag, text)."""
    text, tag = str(found.value), str(found.tag).removeprefix(_TAG)
    if tag == "str":
        return text
    if tag == "null":
        return None
    if tag == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if tag == "int" and re.fullmatch(r"[+-]?(0|[1-9][0-9]*)", text):
            return int(text)
        if tag == "float" and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", text):
            return float(text)
    except ValueError:  # more digits than Python reads
        pass
    return (tag, text)
