"""YAML as text: where each value stands, and edits that change nothing else.

Owns the marks: an edit is made in the text where the parser says a value stands, since a dump of a parsed document
moves comments and indentation. Pure, no schema, no files. Called by configfile.py and catalog.py.
"""

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from flock.errors import ConfigInvalid
from flock.text import one_line

Scalar = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Entry:
    """A value, the line it stands on, and whether its key is spelled as sections ("a: {b: 1}") or as one "a.b"."""

    value: Any
    line: int
    nested: bool


@dataclass(frozen=True, slots=True)
class _Node:
    """A piece of the text from `start` to `end`; `kind` is scalar, map or list; `flow` is whether braces hold it.

    `block` marks a scalar of lines ("|"); `text` is a scalar's content; `pairs` are a mapping's keys and values.
    """

    kind: str
    start: int
    end: int
    line: int
    column: int
    flow: bool
    block: bool
    text: str
    pairs: "tuple[tuple[_Node, _Node], ...]"
    items: "tuple[_Node, ...]"

    @property
    def empty(self) -> bool:
        return self.kind == "scalar" and self.start == self.end


def load(text: str, name: str) -> Any:
    """Return the document's value. Raises ConfigInvalid naming `name`, line and column where it is not YAML."""
    with _explained(name):
        return _yaml().load(text)  # pyright: ignore[reportUnknownMemberType]


def entries(text: str, name: str) -> dict[str, Entry]:
    """Return every value by its dotted key; sections without content are left out.

    Raises ConfigInvalid naming `name`, line and column where the text is not YAML or not a mapping.
    """
    values = load(text, name)
    found: dict[str, Entry] = {}
    with _explained(name):
        root = _parse(text)
    if root is not None and root.kind != "map":
        raise ConfigInvalid(f"{name}:{root.line + 1} holds no settings (KEY: VALUE lines)", hint="flock config edit")
    if root is not None:
        _collect(root, values, (), found)
    return found


def _collect(node: _Node, values: Any, above: tuple[str, ...], found: dict[str, Entry]) -> None:
    plain = {str(k): v for k, v in values.items()}
    for key, value in node.pairs:
        names = (*above, key.text)
        inside = plain.get(key.text, value.text)
        if value.kind == "map" and isinstance(inside, dict):
            _collect(value, inside, names, found)
        else:
            found[".".join(names)] = Entry(inside, key.line + 1, not any("." in n for n in names))


@contextlib.contextmanager
def _explained(name: str) -> Generator[None]:
    try:
        yield
    except MarkedYAMLError as error:
        marked: Any = error
        mark = marked.problem_mark or marked.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        what = one_line(str(marked.problem or marked.context or "it cannot be read"), 120)
        raise ConfigInvalid(f"{name}{where} is not YAML: {what}", hint="flock config edit") from None
    except (YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigInvalid(f"{name} is not YAML: {one_line(str(error), 120)}", hint="flock config edit") from None


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _parse(text: str) -> _Node | None:
    composed: Any = _yaml().compose(text)  # pyright: ignore[reportUnknownMemberType]
    return None if composed is None else _node(composed)


def _node(found: Any) -> _Node:
    """Return ruamel's node as ours: it has no types."""
    kind = {"scalar": "scalar", "mapping": "map", "sequence": "list"}[found.id]
    return _Node(
        kind=kind,
        start=found.start_mark.index,
        end=found.end_mark.index,
        line=found.start_mark.line,
        column=found.start_mark.column,
        flow=kind != "scalar" and bool(found.flow_style),
        block=kind == "scalar" and found.style in ("|", ">"),
        text=str(found.value) if kind == "scalar" else "",
        pairs=tuple((_node(k), _node(v)) for k, v in found.value) if kind == "map" else (),
        items=tuple(_node(v) for v in found.value) if kind == "list" else (),
    )


# -- edits


def with_value(text: str, key: str, value: Scalar) -> str:
    """Return the text with one value set; the sections it needs are made."""
    node, above = _parse(text), None
    names = key.split(".")
    if node is None:
        return _ended(text) + _lines(names, value, 0, _line_end(text))
    for depth, name in enumerate(names):
        if node.kind != "map":
            if above is None or not node.empty:
                return text  # a value stands where a section should: not for us to throw away
            return _insert_below(text, above, names[depth:], value)
        pair = next((p for p in node.pairs if p[0].text == name), None)
        if pair is None:
            return _insert(text, node, names[depth:], value)
        if depth == len(names) - 1:
            return _put(text, *pair, value, flow=node.flow)
        above, node = pair
    return text


def _put(text: str, key: _Node, node: _Node, value: Scalar, *, flow: bool) -> str:
    after_key = text.index(":", key.end) + 1
    words = _scalar(value, flow=flow)
    if node.empty:
        return f"{text[:after_key]} {words}{text[after_key:]}"
    if (node.kind == "scalar" and not node.block) or node.flow:
        return text[: node.start] + words + text[node.end :]
    # a block: it ends with a line, and so must what takes its place
    return f"{text[:after_key]} {words}{_line_end(text)}{text[_after(text, _last(key, node)) :]}"


def _insert(text: str, node: _Node, names: list[str], value: Scalar) -> str:
    """Add an entry to a mapping that has others, or to "{}"."""
    if node.flow:
        inside = text[node.start + 1 : node.end - 1].rstrip().rstrip(",")
        words = _scalar(value, flow=True)
        for name in reversed(names[1:]):
            words = f"{{{name}: {words}}}"
        joined = f"{inside}, {names[0]}: {words}" if inside.strip() else f"{names[0]}: {words}"
        return f"{text[: node.start]}{{{joined}}}{text[node.end :]}"
    place = _after(text, _last(*node.pairs[-1]))
    column = node.pairs[0][0].column
    return _ended(text[:place]) + _lines(names, value, column, _line_end(text)) + text[place:]


def _insert_below(text: str, section: _Node, names: list[str], value: Scalar) -> str:
    """Add the first entry to a section that has none."""
    place = _after(text, section.end)
    return _ended(text[:place]) + _lines(names, value, section.column + 2, _line_end(text)) + text[place:]


def without(text: str, key: str) -> str:
    """Return the text without one value; a section that loses its only entry goes too, its comments stay."""
    root = _parse(text)
    path = _find(root, key.split(".")) or _find(root, [key])
    if not path:
        return text
    parent, key_node, node = path.pop()
    while len(parent.pairs) == 1 and path and not parent.flow:
        text = _cut(text, key_node, node)
        parent, key_node, _ = path.pop()
        node = key_node  # only the section's own line is left: what was below it is gone, or a comment
    if not parent.flow:
        return _cut(text, key_node, node)
    place = next(i for i, pair in enumerate(parent.pairs) if pair[0] is key_node)
    if len(parent.pairs) == 1:
        return f"{text[: parent.start]}{{}}{text[parent.end :]}"
    if place == 0:
        return text[: key_node.start] + text[parent.pairs[1][0].start :]
    return text[: parent.pairs[place - 1][1].end] + text[node.end :]


def _cut(text: str, key: _Node, node: _Node) -> str:
    """Remove an entry's lines."""
    return text[: text.rfind("\n", 0, key.start) + 1] + text[_after(text, _last(key, node)) :]


def _find(node: _Node | None, names: list[str]) -> list[tuple[_Node, _Node, _Node]]:
    """Return (mapping, key, value) for each name on the way, [] when one is missing."""
    path: list[tuple[_Node, _Node, _Node]] = []
    for name in names:
        pair = next((p for p in node.pairs if p[0].text == name), None) if node else None
        if node is None or pair is None:
            return []
        path.append((node, *pair))
        node = pair[1]
    return path


def _last(key: _Node, node: _Node) -> int:
    """Return the index of an entry's last character; the parser ends a block where the next entry begins."""
    if node.empty:
        return key.end
    if node.block:
        return node.end - 1
    if node.flow or not (node.pairs or node.items):
        return node.end
    return _last(*node.pairs[-1]) if node.pairs else _last(key, node.items[-1])


def _after(text: str, index: int) -> int:
    """Return where the line after the one of `index` begins."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + _line_end(text)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _lines(names: list[str], value: Scalar, column: int, end: str) -> str:
    lines = [f"{' ' * (column + 2 * i)}{name}:" for i, name in enumerate(names)]
    return end.join(lines) + f" {_scalar(value)}{end}"


def _scalar(value: Scalar, *, flow: bool = False) -> str:
    """Return a value as YAML, bare where that reads back as the same text."""
    if not isinstance(value, str):
        return json.dumps(value)
    if not flow and value == value.strip() and value.isprintable():
        with contextlib.suppress(ConfigInvalid):
            if load(f"k: {value}\n", "") == {"k": value}:
                return value
    return '"' + "".join(_quoted(character) for character in value) + '"'


def _quoted(character: str) -> str:
    """Return a character as it stands between double quotes (yaml.org/spec/1.2.2, 5.7)."""
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
