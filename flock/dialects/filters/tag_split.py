"""Thinking and answer of one text, told apart by a pair of tags.

Owns what counts as a tag:

- the opening one only at the beginning of a text, or behind thinking that has just ended, white space allowed before;
- where the prompt holds the opening one (`implicit`), the text begins as thinking, and one that comes all the same is
  dropped. A text without the closing one is then thinking to its end, as engines' own parsers see it too; `doubt` holds
  it, since the prompt may not have held the tag after all;
- the closing one ends thinking wherever it stands, except between backticks, where a thought speaks of it;
- in the answer a closing one that is alone in its line, or has an empty line behind it as templates have it, outside
  code, is left over from a prompt that held the opening one although nobody said so: the tag is dropped, what was said
  before it has long been sent as text;
- a tool call's opener (`ends`) ends thinking too, and is the first of the answer: some models forget the closing tag.

White space at the beginning of thinking and behind the closing tag goes, as templates have it. Held back is never more
than a tag and a line break, besides white space at a beginning. Pure. Used by think_tags.py.
"""

import re
from collections.abc import Sequence

from flock.dialects.filters.code_spans import CodeSpans
from flock.dialects.ir import Text, Thinking

# what it is, and more of it; "" when it is over
Kind = type[Text] | type[Thinking]
Piece = tuple[Kind, str]

_BEGIN, _THINK, _ANSWER = range(3)


class TagSplit:
    """Follows one text part. `feed` and `close` return pieces in their order."""

    __slots__ = (
        "_close",
        "_code",
        "_first",
        "_held",
        "_implicit",
        "_last",
        "_longest",
        "_marks",
        "_open",
        "_state",
        "_trim",
        "doubt",
    )

    def __init__(self, open: str, close: str, *, implicit: bool, ends: Sequence[str] = ()) -> None:
        self._open = open
        self._close = close
        self._implicit = implicit
        self._marks = (close, *ends)
        self._longest = max(map(len, self._marks))
        self._first = re.compile("[" + "".join(re.escape(mark[0]) for mark in (close, *ends)) + "]")
        self._code = CodeSpans()
        self._state = _BEGIN
        self._held = ""
        self._trim = False  # white space that comes next is not said
        self._last = ""  # the last character of thinking
        self.doubt: list[str] | None = None  # what was taken for thinking although no tag has been seen yet

    def passes(self, text: str) -> bool:
        """Say whether the text may go by as more of what is open."""
        if self._held or self._trim or self._state == _BEGIN or self._first.search(text):
            return False
        if self._state == _ANSWER:
            self._code.note(text)
        else:
            self._last = text[-1:]
            if self.doubt is not None:
                self.doubt.append(text)
        return True

    def feed(self, text: str) -> list[Piece]:
        """Return what is certain now."""
        self._held += text
        return self._run(ended=False)

    def close(self) -> list[Piece]:
        """Return what the end of the text makes certain."""
        return self._run(ended=True)

    def _run(self, *, ended: bool) -> list[Piece]:
        out: list[Piece] = []
        steps = {_BEGIN: self._begin, _THINK: self._think, _ANSWER: self._answer}
        while steps[self._state](out, ended=ended):
            pass
        return out

    def _begin(self, out: list[Piece], *, ended: bool) -> bool:
        """Decide what the text begins with; return whether there is more to do."""
        rest = self._held.lstrip()
        for tag in (self._open, self._close):
            if rest.startswith(tag):
                self._held = rest[len(tag) :]
                self._state, self._implicit = (_THINK, False) if tag == self._open else (_BEGIN, False)
                self._trim = True
                return True
        if not ended and any(tag.startswith(rest) for tag in (self._open, self._close)):
            return False
        if self._trim or self._implicit:
            self._held = rest
        if self._implicit and rest:
            self._state, self._implicit, self.doubt = _THINK, False, []
            return True
        self._state = _ANSWER
        self._trim = False
        return True

    def _think(self, out: list[Piece], *, ended: bool) -> bool:
        if self._trim:
            self._held = self._held.lstrip()
            if not self._held:
                return False
            self._trim = False
        text, at = self._held, 0
        while found := self._first.search(text, at):
            at = found.start()
            rest = text[at : at + self._longest]
            mark = next((mark for mark in self._marks if rest.startswith(mark)), "")
            if not mark:
                if not ended and any(mark.startswith(rest) for mark in self._marks):
                    return self._keep(out, at)
                at += 1
                continue
            behind = text[at + len(mark) : at + len(mark) + 1]
            if (text[at - 1] if at else self._last) == "`":
                if not behind and not ended:
                    return self._keep(out, at)
                if behind == "`":
                    at += len(mark)
                    continue
            self._say(out, Thinking, text[:at])
            out.append((Thinking, ""))
            self.doubt = None
            self._held = text[at + len(mark) :] if mark == self._close else text[at:]
            self._state, self._trim = (_BEGIN, True) if mark == self._close else (_ANSWER, False)
            return True
        return self._keep(out, len(text))

    def _answer(self, out: list[Piece], *, ended: bool) -> bool:
        at, close = 0, self._close
        while found := self._first.search(self._held, at):
            at = found.start()
            if not self._held.startswith(close, at):
                if not ended and close.startswith(self._held[at : at + self._longest]):
                    return self._keep(out, at)
                at += 1
                continue
            self._keep(out, at)
            left_over = self._is_left_over(self._held[len(close) : len(close) + 2], ended=ended)
            if left_over is None:
                return False
            if not left_over:
                self._say(out, Text, close)
            self._held = self._held[len(close) :]
            return True
        return self._keep(out, len(self._held))

    def _is_left_over(self, behind: str, *, ended: bool) -> bool | None:
        """Say of a closing tag in the answer whether it is left over, by what is behind it; None: more must tell."""
        if self._code.is_code():
            return False
        if not behind and not ended:
            return None
        if self._code.begins_line() and behind[:1] in ("", "\n", "\r"):
            return True
        return None if behind == "\n" and not ended else behind == "\n\n"

    def _keep(self, out: list[Piece], upto: int) -> bool:
        """Let the text out up to a place, hold the rest back and wait."""
        self._say(out, Thinking if self._state == _THINK else Text, self._held[:upto])
        self._held = self._held[upto:]
        return False

    def _say(self, out: list[Piece], kind: Kind, text: str) -> None:
        if not text:
            return
        if kind is Text:
            self._code.note(text)
        else:
            self._last = text[-1]
            if self.doubt is not None:
                self.doubt.append(text)
        out.append((kind, text))
