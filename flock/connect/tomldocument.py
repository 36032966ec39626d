"""Edits of TOML that keep every other byte: pairs in tables, new tables at the end, items of arrays of tables.

A key of the root goes before the first table, which it would otherwise belong to. A key below one that is written with
dots is written with dots too, since TOML lets nobody open such a table again. Pure; called by leaves.py through
formats.py.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from flock.connect.brackets import Node, Style, add, removals
from flock.connect.changes import Json, Path, Refused, is_mapping, words
from flock.connect.document import (
    Inserted,
    appended,
    indent_at,
    line_end,
    line_start,
    line_stop,
    without_lines,
)
from flock.connect.tomltext import Statement, parse, statements

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
LARGEST = 2**63 - 1  # toml.io/en/v1.0.0#integer


class TomlDocument:
    """A text of TOML."""

    def __init__(self, text: str) -> None:
        """Read a text. Raises Unreadable."""
        self.text = text
        self._data = parse(text)
        self._statements = statements(text)
        self._newline = line_end(text)

    @property
    def data(self) -> Json:
        """All values."""
        return self._data

    def _holder(self, path: Path) -> Statement | None:
        """Return the pair whose value is or contains what is at a path, None where tables lead to it."""
        pairs = (s for s in self._statements if s.value is not None)
        return next((s for s in pairs if path[: len(s.path)] == s.path), None)

    def _node(self, path: Path) -> Node:
        holder = self._holder(path)
        node = holder.value if holder else None
        for step in path[len(holder.path) :] if holder else ():
            member = node.child(step) if node else None
            node = member.node if member else None
        if node is None:
            raise Refused(f"{words(path)} is written as tables")
        return node

    def raw(self, path: Path) -> str:
        """Return the text of a value."""
        node = self._node(path)
        return self.text[node.start : node.end]

    def with_raw(self, path: Path, raw: str) -> str:
        """Return the text with that of one value replaced."""
        node = self._node(path)
        return self.text[: node.start] + raw + self.text[node.end :]

    def render(self, path: Path, value: Json) -> str:
        """Return the text of a value: TOML's fits on one line."""
        return _inline(value)

    def bare(self, path: Path) -> bool:
        """Return whether a value holds no comments; those among a table's lines stay when it goes."""
        return self._holder(path) is None or _bare(self.text, self._node(path))

    # -- adding

    def insert(self, path: Path, name: str | None, value: Json) -> Inserted:
        """Add a pair, a table or an item."""
        if self._holder(path):
            style = Style(self._newline, "  ", " ", ("#",), lines=self._node(path).kind == "list")
            words_ = _inline(value) if name is None else f"{_key(name)} = {_inline(value)}"
            text, shell = add(self.text, self._node(path), lambda blanks, inline: words_, style, spread=False)
            return Inserted(text, shell)
        if name is None:
            return self._append([("[[" + _dotted(path) + "]]", cast("dict[str, Json]", value))])
        names = [name]
        while is_mapping(value) and len(cast("dict[str, Json]", value)) == 1:
            (inner, value), *_ = cast("dict[str, Json]", value).items()
            names.append(inner)
        return self._below(path, names, value)

    def _below(self, path: Path, names: list[str], value: Json) -> Inserted:
        """Add a leaf below tables of which some may have to be made."""
        parents: Path = (*path, *names[:-1])
        whole: Path = (*path, *names)
        dotted = self._dotted_above(parents)
        if _are_tables(value) and dotted is None and not any(isinstance(step, int) for step in whole):
            header = "[[" + _dotted(whole) + "]]"
            return self._append([(header, table) for table in cast("list[dict[str, Json]]", value)])
        if dotted is not None:
            return self._behind(dotted, whole[len(dotted.section) :], value)
        header = next((s for s in self._statements if s.value is None and s.path == parents), None)
        if not parents or header is not None:
            inside = [s for s in self._statements if s.value is not None and s.section == parents]
            if anchor := inside[-1] if inside else header:
                return self._behind(anchor, names[-1:], value)
            return self._first_of_root(f"{_key(names[-1])} = {_inline(value)}")
        if any(isinstance(step, int) for step in parents):
            above = [s for s in self._statements if parents[: len(s.section)] == s.section and s.section]
            anchor = max(above, key=lambda s: (len(s.section), s.start))
            return self._behind(anchor, whole[len(anchor.section) :], value)
        made = self._append([("[" + _dotted(parents) + "]", {names[-1]: value})])
        if len(names) > 1:
            return made
        # the table was there by its subtables only: its header is not a value, and goes with this pair
        return replace(made, lead=f"{self._newline}{made.lead}[{_dotted(parents)}]")

    def _dotted_above(self, parents: Path) -> Statement | None:
        """Return the last pair whose dotted key makes one of the parents, the one nearest to the leaf."""
        for length in range(len(parents), 0, -1):
            within = parents[:length]
            pairs = [s for s in self._statements if s.value and s.path[:length] == within and len(s.section) < length]
            if pairs:
                return pairs[-1]
        return None

    def _behind(self, anchor: Statement, keys: Sequence[str | int], value: Json) -> Inserted:
        place = line_stop(self.text, anchor.end)
        blanks = indent_at(self.text, anchor.start)
        line = f"{self._newline}{blanks}{_dotted(keys)} = {_inline(value)}"
        return Inserted(self.text[:place] + line + self.text[place:])

    def _first_of_root(self, line: str) -> Inserted:
        """Add the root's first pair: before the first table and the comments that belong to it."""
        if not self._statements:
            return Inserted(appended(self.text, line, self._newline))
        place = line_start(self.text, self._statements[0].start)
        while place:
            above = line_start(self.text, place - 1)
            if not self.text[above:place].lstrip(" \t").startswith("#"):
                break
            place = above
        if not place:
            return Inserted(line + self._newline * 2 + self.text, trail=self._newline)
        place -= 2 if self.text[place - 2 : place] == "\r\n" else 1
        text = self.text[:place] + self._newline + line + self._newline + self.text[place:]
        return Inserted(text, trail=self._newline)

    def _append(self, tables: list[tuple[str, dict[str, Json]]]) -> Inserted:
        """Add tables at the end, a blank line before the first."""
        lead = self._newline if self.text and not self.text.endswith(("\n\n", "\n\r\n")) else ""
        blocks = [
            self._newline.join([header, *(f"{_key(key)} = {_inline(inside)}" for key, inside in table.items())])
            for header, table in tables
        ]
        return Inserted(appended(self.text, lead + (self._newline * 2).join(blocks), self._newline), lead=lead)

    # -- removing

    def removals(self, path: Path, lead: str, trail: str) -> Iterator[str]:
        """Yield texts without a value, the neatest first."""
        holder = self._holder(path)
        if holder is not None and holder.path != path:
            parent = self._node(path[:-1])
            member = parent.child(path[-1])
            yield from removals(self.text, parent, next(i for i, m in enumerate(parent.members) if m is member))
            return
        ours = [s for s in self._statements if s.path[: len(path)] == path]
        if not ours:
            raise Refused(f"{words(path)} is not there")
        for before, behind in ((lead, trail), ("", "")):
            text = self.text
            for place, statement in reversed(list(enumerate(ours))):
                start, end = statement.start, statement.end
                if behind and place == len(ours) - 1:
                    stop = line_stop(text, end)
                    text = text[:stop] + text[stop:].removeprefix(behind)
                text = without_lines(text, start, end)
                opening = line_start(self.text, start)
                between = len(self._newline)
                set_off = before if place == 0 else self._blank_before(statement, ours[place - 1])
                cut = opening - between - len(set_off)
                if set_off and cut >= 0 and text[cut : cut + len(set_off)] == set_off:
                    text = text[:cut] + text[cut + len(set_off) :]
            yield text

    def _blank_before(self, statement: Statement, previous: Statement) -> str:
        """Return the blank line between two tables of ours."""
        if statement.value is not None:
            return ""
        between = self.text[line_stop(self.text, previous.end) : line_start(self.text, statement.start)]
        return self._newline if between == self._newline * 2 else ""


def _are_tables(value: Json) -> bool:
    items = cast("list[Json]", value) if isinstance(value, list) else []
    return bool(items) and all(is_mapping(item) for item in items)


def _bare(text: str, node: Node) -> bool:
    if node.kind == "scalar":
        return True
    place, between = node.start + 1, ""
    for member in node.members:
        between += text[place : member.start]
        place = member.node.end
    between += text[place : node.end - 1]
    return "#" not in between and all(_bare(text, member.node) for member in node.members)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _dotted(keys: Sequence[str | int]) -> str:
    """Return the names of a path; which item of an array of tables is meant shows from where the line stands."""
    return ".".join(_key(key) for key in keys if isinstance(key, str))


def _string(text: str) -> str:
    # JSON's escapes are TOML's; what JSON leaves as it is and TOML does not is DEL
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _inline(value: Json) -> str:
    if value is None:
        raise Refused("TOML has no null")
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in cast("list[Json]", value)) + "]"
    if isinstance(value, dict):
        members = cast("dict[str, Json]", value)
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in members.items()) + " }" if members else "{}"
    if isinstance(value, int) and not isinstance(value, bool) and not -LARGEST - 1 <= value <= LARGEST:
        raise Refused(f"{value} is larger than TOML's numbers")
    return json.dumps(value)
