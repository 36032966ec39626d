"""Markdown, lightly: a model's answer as blocks of text, line by line while it comes.

Owns what of Markdown is shown as such: code in fences, headings, lists, quotes, bold, italic and code in a line; the
rest stands as it was written. Refuses to change a line that is over: only the last one is made anew with each piece, so
that an answer of any length costs the same. Called by `playground_talk.py`; drawn by `transcript.py`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from textual.content import Content, Span

from flock.text import clean

Ground = Literal["", "code"]

# Columns of a tab in code
_TAB = 4
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^(\s*)(?:[-*+]|(\d{1,3}[.)]))\s+(.*)$")
_QUOTE = re.compile(r"^ {0,3}>\s?(.*)$")
_RULE = re.compile(r"^ {0,3}([-*_])(?:\s*\1){2,}\s*$")
# code first: what stands in it is never bold. Emphasis must not begin or end at a blank, nor inside a word for `_`.
_INLINE = re.compile(
    r"(`+)(?P<code>.+?)\1(?!`)|\*\*(?P<bold>\S(?:.*?\S)?)\*\*|(?<![\w*])[*](?P<star>[^\s*](?:[^*]*[^\s*])?)[*](?!\w)"
    r"|(?<!\w)_(?P<line>[^\s_](?:[^_]*[^\s_])?)_(?!\w)"
)
_STYLES = {"code": "$text-accent", "bold": "bold", "star": "italic", "line": "italic"}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some text that is wrapped together. `lead` stands before its first line, blanks of the same width before the
    others; `tag` says what a click on it means; `bar` is the style of a line at its left, "" for none.
    """

    words: Content
    ground: Ground = ""
    lead: str = ""
    tag: str = ""
    bar: str = ""


class Marked:
    """The blocks of one text that grows."""

    def __init__(self) -> None:
        self._done: list[Block] = []
        self._tail = ""
        self._fence = ""
        self._last: Block | None = None

    def add(self, words: str) -> None:
        """Put words behind those before."""
        *lines, self._tail = (self._tail + words).split("\n")
        self._done += [block for line in lines if (block := self._block(line)) is not None]
        self._last = None

    @property
    def blocks(self) -> list[Block]:
        """The blocks so far; all but the last are the same objects ever after."""
        if not self._tail:
            return self._done
        if self._last is None:
            fence = self._fence
            self._last = self._block(self._tail)
            self._fence = fence
        return self._done if self._last is None else [*self._done, self._last]

    def _block(self, line: str) -> Block | None:
        line = clean(line.rstrip("\r").expandtabs(_TAB))
        fence = _FENCE.match(line)
        if self._fence:
            if fence and not fence[2] and fence[1][0] == self._fence[0] and len(fence[1]) >= len(self._fence):
                self._fence = ""
                return None
            return Block(Content(line), "code", " ")
        if fence:
            self._fence = fence[1]
            return Block(Content.styled(fence[2], "$text-muted"), "code", " ") if fence[2] else None
        return prose(line)


def prose(line: str) -> Block:
    """Return one line that is not code."""
    if heading := _HEADING.match(line):
        return Block(Content.styled(inline(heading[1]).plain, "bold $text-accent"))
    if _RULE.match(line):
        return Block(Content.styled("───", "$text-muted"))
    if item := _ITEM.match(line):
        return Block(inline(item[3]), lead=f"{item[1]}{item[2] or '•'} ")
    if quote := _QUOTE.match(line):
        return Block(inline(quote[1]), lead="│ ")
    return Block(inline(line))


def inline(line: str) -> Content:
    """Return a line with its bold, italic and code as such."""
    plain, spans, at = "", list[Span](), 0
    for found in _INLINE.finditer(line):
        kind = found.lastgroup or ""
        plain += line[at : found.start()]
        inner = found[kind]
        spans.append(Span(len(plain), len(plain) + len(inner), _STYLES[kind]))
        plain += inner
        at = found.end()
    return Content(plain + line[at:], spans)
