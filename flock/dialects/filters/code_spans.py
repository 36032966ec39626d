"""Whether the place a text has come to is code: a fence, inline code, a here-document, a quoted line.

Markup in code is somebody's words about markup. Owns the little of Markdown that this takes; a fence that is never
closed stays open, inline code ends with its line at the latest. Text is only noted while it streams by, and looked at
when somebody asks. Pure. Used by the filters that look for tags.
"""

import re

# what may stand before a fence: indentation, quotes, list marks
_BEFORE = r"[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*)*"
_FENCE = re.compile(_BEFORE + r"(?:(`{3,})[^`]*|(~{3,}).*)")
_FENCE_END = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t\r]*")
_TICKS = re.compile("`+")
# `cat > f <<EOF`: a word in capitals that follows at once, or a quoted one, so that a shift by a name is none
_HEREDOC = re.compile(r"(?<!<)<<-?(?:[ \t]*'([A-Za-z_]\w*)'|[ \t]*\"([A-Za-z_]\w*)\"|([A-Z_]{2,})\b)")
# a quotation mark that opens: it stands at the beginning of a line or behind a space or a bracket
_QUOTE = re.compile(r"(?:^|[\s(\[{:=])[\"'“‘«‹„]$")


# enough of a line to see how it begins
_HEAD = 256


class CodeSpans:
    """Follows one text: `note` what goes by, then ask about the place right behind it (no backtick may follow)."""

    __slots__ = ("_fence", "_head", "_heredoc", "_line", "_noted", "_tail", "_ticks", "note")

    def __init__(self) -> None:
        self._noted: list[str] = []
        self.note = self._noted.append  # takes what comes next: bound, since every piece of a stream goes through it
        self._line: list[str] = []
        self._head = self._tail = ""
        self._ticks = 0  # the width of the run of backticks that is open in the line
        self._fence = ""
        self._heredoc = ""

    def is_code(self) -> bool:
        """Say whether what comes next stands in code, or is quoted."""
        self._look()
        if self._fence:
            return not self._ends_fence()
        if self._heredoc or self._ticks or self._head.lstrip().startswith(">"):
            return True
        return bool(_QUOTE.search(self._tail)) or self._begins_fence() is not None

    def begins_line(self) -> bool:
        """Say whether nothing but space stands before this place in its line."""
        self._look()
        return not self._head.strip()

    def _look(self) -> None:
        if not self._noted:
            return
        first, *lines = "".join(self._noted).split("\n")
        self._noted.clear()
        self._extend(first)
        for line in lines:
            self._end_line()
            self._extend(line)

    def _extend(self, piece: str) -> None:
        """Add to the line that goes on; looking at a piece only once keeps long lines cheap."""
        if not piece:
            return
        self._line.append(piece)
        if len(self._head) < _HEAD:
            self._head = (self._head + piece)[:_HEAD]
        self._tail = (self._tail + piece)[-2:]
        for run in _TICKS.finditer(piece):
            width = len(run[0])
            if not self._ticks:
                self._ticks = width
            elif width == self._ticks:
                self._ticks = 0

    def _end_line(self) -> None:
        if self._heredoc:
            if self._head.strip() == self._heredoc:
                self._heredoc = ""
        elif self._fence:
            if self._ends_fence():
                self._fence = ""
        elif found := self._begins_fence():
            self._fence = found[1] or found[2]
        elif found := _HEREDOC.search("".join(self._line)):
            self._heredoc = found[1] or found[2] or found[3]
        self._line.clear()
        self._head = self._tail = ""
        self._ticks = 0

    def _begins_fence(self) -> re.Match[str] | None:
        return _FENCE.fullmatch("".join(self._line)) if _FENCE.match(self._head) else None

    def _ends_fence(self) -> bool:
        found = _FENCE_END.fullmatch(self._head) if len(self._head) < _HEAD else None
        return found is not None and found[1][0] == self._fence[0] and len(found[1]) >= len(self._fence)
