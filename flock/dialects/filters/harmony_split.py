"""Thinking and answer of a text in the harmony form: messages on channels.

    <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>

The analysis channel is thinking, the final one and the commentary without a recipient are the answer. A message to a
recipient is a tool call and passes as the text it is, for tool_rescue.py. A header counts at the beginning of the text
and behind the end of a message; an end counts where the next message or the end of the text follows, and in the answer
only outside code. Source: OpenAI's guide to the harmony response format. Pure. Used by think_tags.py.
"""

import re

from flock.dialects.filters.code_spans import CodeSpans
from flock.dialects.filters.tag_split import Kind, Piece
from flock.dialects.ir import Text, Thinking

_START, _CHANNEL, _MESSAGE = "<|start|>assistant", "<|channel|>", "<|message|>"
_ENDS = ("<|end|>", "<|return|>", "<|call|>")
_HEADER = re.compile(
    r"(?:<\|start\|>assistant)?(?P<to> *to=[^<\s]+)?<\|channel\|>(?P<channel>analysis|commentary|final)"
    r"(?P<to2> *to=[^<\s]+)? *(?:<\|constrain\|>)?[\w-]* *<\|message\|>"
)
# a header with the longest name of a tool
_LONGEST = 400
# what begins the next message: behind an end, and where the end was left out
_NEXT = (_START, _CHANNEL)
_NEXT_AT_ONCE = (_START + _CHANNEL, _START + " to=")

_HEAD, _BODY, _PLAIN = range(3)


class HarmonySplit:
    """Follows one text part, with the manners of TagSplit."""

    __slots__ = ("_code", "_held", "_kind", "_raw", "_state", "_trim", "doubt")

    def __init__(self) -> None:
        self.doubt = None  # a channel is named, never guessed
        self._code = CodeSpans()
        self._held = ""
        self._state = _HEAD
        self._kind: Kind = Text
        self._raw = False  # a message to a recipient: its end is part of the text
        self._trim = False

    def passes(self, text: str) -> bool:
        """Say whether the text may go by as more of what is open."""
        if self._held or self._trim or self._state == _HEAD or "<" in text:
            return False
        self._code.note(text)
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
        while self._header(out, ended=ended) if self._state == _HEAD else self._body(out, ended=ended):
            pass
        return out

    def _header(self, out: list[Piece], *, ended: bool) -> bool:
        """Read the header of a message; return whether there is more to do."""
        rest = self._held.lstrip()
        found = _HEADER.match(rest)
        if found and found.end() <= _LONGEST:
            self._raw = bool(found["to"] or found["to2"])
            self._kind = Thinking if found["channel"] == "analysis" and not self._raw else Text
            self._code = CodeSpans()
            self._trim = not self._raw
            if self._raw:
                self._say(out, found[0])
            self._held = rest[found.end() :]
            self._state = _BODY
        elif not ended and _may_be_header(rest):
            return False
        else:
            self._kind, self._raw, self._state = Text, False, _PLAIN
        return True

    def _body(self, out: list[Piece], *, ended: bool) -> bool:
        """Read on in a message; return whether it ended and there is more to do."""
        if self._trim:
            self._held = self._held.lstrip()
            if not self._held:
                return False
            self._trim = False
        if self._state == _PLAIN:
            return self._keep(out, len(self._held))
        while (at := self._held.find("<|")) >= 0:
            over = _is_over(self._held[at:], ended=ended)
            if over is None:
                return self._keep(out, at)
            self._keep(out, at)
            if over and (self._raw or self._kind is Thinking or not self._code.is_code()):
                mark = next((end for end in _ENDS if self._held.startswith(end)), "")
                if self._raw:
                    self._say(out, mark)
                out.append((self._kind, ""))
                self._held = self._held[len(mark) :].lstrip()
                self._state = _HEAD
                return True
            self._keep(out, 2)
        return self._keep(out, len(self._held) - (self._held.endswith("<") and not ended))

    def _keep(self, out: list[Piece], upto: int) -> bool:
        """Let the text out up to a place and hold the rest back; return False, for what is left must wait."""
        self._say(out, self._held[:upto])
        self._held = self._held[upto:]
        return False

    def _say(self, out: list[Piece], text: str) -> None:
        if text:
            self._code.note(text)
            out.append((self._kind, text))


def _may_be_header(text: str) -> bool:
    """Say whether more text could make this a header."""
    if not any(mark.startswith(text) or text.startswith(mark) for mark in (_START, _CHANNEL)):
        return False
    return len(text) < _LONGEST and _MESSAGE not in text and "\n" not in text


def _is_over(rest: str, *, ended: bool) -> bool | None:
    """Say whether a message ends where the rest of the text begins, None when more text must tell."""
    mark = next((end for end in _ENDS if rest.startswith(end)), "")
    behind = rest[len(mark) :].lstrip() if mark else rest
    if not behind:
        return True if ended else None
    beginnings = _NEXT if mark else _NEXT_AT_ONCE
    if behind.startswith(beginnings):
        return True
    hopes = beginnings if mark else (*beginnings, *_ENDS)
    return None if not ended and any(hope.startswith(behind) for hope in hopes) else False
