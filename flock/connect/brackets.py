"""Edits of what stands in brackets: JSON, and the inline values of TOML and YAML. One rule for where a member goes.

A new member goes behind the last one, in the way that one is written: on a line of its own or on the same line, with
or without a comma behind. Taking it out again is the exact reverse. Libraries that write JSON, commented or not, write
the whole text anew; here every character outside the member stays. Pure; called by the formats.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flock.connect.changes import Json
from flock.connect.document import indent_at, line_start, opens_line


@dataclass(slots=True)
class Node:
    """A value from `start` to `end`; `kind` is map, list or scalar, which alone has a `value`."""

    kind: str
    start: int
    end: int
    value: Json = None
    members: "list[Member]" = field(default_factory=list["Member"])

    def child(self, step: str | int) -> "Member | None":
        """Return a member by its name, an item by its number; the last of several of one name, as readers do."""
        if isinstance(step, int):
            return self.members[step] if self.kind == "list" and step < len(self.members) else None
        return next((m for m in reversed(self.members) if m.name == step), None) if self.kind == "map" else None

    def plain(self) -> Json:
        """Return the value as Python has it."""
        if self.kind == "map":
            return {member.name: member.node.plain() for member in self.members}
        return [member.node.plain() for member in self.members] if self.kind == "list" else self.value


@dataclass(slots=True)
class Member:
    """A member of a mapping or an item of a list (`name` None), from `start`; `comma` is where its comma is, or -1."""

    name: str | None
    start: int
    node: Node
    comma: int = -1


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is written: what ends a line, one step of indentation, what is behind a comma, what a comment is."""

    newline: str = "\n"
    unit: str = "  "
    gap: str = " "
    comments: tuple[str, ...] = ()  # "//" and "#" end with the line, "/*" with "*/"
    lines: bool = True  # may a member stand on a line of its own


# The member's text, from the blanks its lines begin with and whether it has to fit on one line
Piece = Callable[[str, bool], str]


def add(text: str, node: Node, piece: Piece, style: Style, *, spread: bool) -> tuple[str, str | None]:
    """Return the text with one more member, and the brackets as they were where nothing was in them.

    `spread` says whether empty brackets are filled over several lines.
    """
    close = node.end - 1
    if not node.members:
        return _fill(text, node, piece, style, spread=spread and style.lines)
    last = node.members[-1]
    comma = "" if last.comma >= 0 else ","
    behind = "," if last.comma >= 0 else ""
    tail = last.comma + 1 if last.comma >= 0 else last.node.end
    if style.lines and "\n" in text[tail:close]:
        place = _rest_of_line(text, tail, close, style)
        blanks = indent_at(text, last.start)
        if not opens_line(text, last.start):
            blanks = indent_at(text, node.start) + style.unit
        new = style.newline + blanks + piece(blanks, False) + behind
        return text[:tail] + comma + text[tail:place] + new + text[place:], None
    gap = style.gap
    if len(node.members) > 1:
        first = node.members[0].comma + 1
        gap = text[first : node.members[1].start] if not text[first : node.members[1].start].strip(" ") else gap
    return text[:tail] + comma + gap + piece("", True) + behind + text[tail:], None


def _fill(text: str, node: Node, piece: Piece, style: Style, *, spread: bool) -> tuple[str, str | None]:
    close = node.end - 1
    inner = text[node.start + 1 : close]
    base = indent_at(text, node.start)
    blanks = base + style.unit
    if not inner.strip():
        opening, closing = text[node.start], text[close]
        inside = f"{style.newline}{blanks}{piece(blanks, False)}{style.newline}{base}" if spread else piece("", True)
        return text[: node.start] + opening + inside + closing + text[node.end :], text[node.start : node.end]
    place = node.start + 1 + len(inner.rstrip())
    if "\n" not in text[place:close]:
        return f"{text[:place]} {piece('', True)}{text[place:]}", None
    if opens_line(text, place - len(inner.strip())) or "\n" in inner.strip():
        blanks = indent_at(text, place - 1)
    return text[:place] + style.newline + blanks + piece(blanks, False) + text[place:], None


def _rest_of_line(text: str, place: int, close: int, style: Style) -> int:
    """Return where the line's blanks and comments end; a comment that goes on to the next line is not of it."""
    while place < close:
        if text[place] in " \t":
            place += 1
            continue
        opening = next((c for c in style.comments if text.startswith(c, place)), "")
        if opening == "/*":
            stop = text.find("*/", place) + 2
            if "\n" in text[place:stop]:
                break
            place = stop
        elif opening:
            place = min(stop for stop in (text.find("\r", place), text.find("\n", place)) if stop >= 0)
        else:
            break
    return place


def removals(text: str, node: Node, place: int) -> Iterator[str]:
    """Yield the text without one member, the neatest first."""
    member = node.members[place]
    stop = member.comma + 1 if member.comma >= 0 else member.node.end
    last = place == len(node.members) - 1
    before = node.members[place - 1].comma if place and last and member.comma < 0 else -1
    head = text[:before] + text[before + 1 : member.start] if before >= 0 else text[: member.start]
    if opens_line(text, member.start) and (start := line_start(text, member.start)):
        cut = start - 2 if text[start - 2 : start] == "\r\n" else start - 1
        yield head[: len(head) - (member.start - cut)] + text[stop:]
    elif last:
        blanks = head.rstrip(" \t")
        yield blanks + text[stop:]
    else:
        after = stop
        while text[after] in " \t":
            after += 1
        yield head + text[after:]
    yield head + text[stop:]
    yield f"{head} {text[stop:]}"
