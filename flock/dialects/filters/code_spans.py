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
# `cat > f <<EOF`: a bare word in capitals or a quoted one, so that a shift by a name is none
_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*(?:'([A-Za-z_]\w*)'|\"([A-Za-z_]\w*)\"|([A-Z_]{2,})\b)")
_QUOTES = ('"', "'", "“", "”", "‘", "’", "«", "»", "‹", "›", "„")


class CodeSpans:
    """Follows one text. `note` what goes by; then ask about the place right behind it."""

    __slots__ = ("_fence", "_heredoc", "_line", "_noted", "note")

    def __init__(self) -> None:
        self._noted: list[str] = []
        self.note = self._noted.append  # takes what comes next: bound, since every piece of a stream goes through it
        self._line = ""
        self._fence = ""
        self._heredoc = ""

    def is_code(self) -> bool:
        """Say whether what comes next stands in code, or is quoted."""
        line = self._look()
        if self._fence:
            return not self._ends_fence(line)
        if self._heredoc or line.lstrip().startswith(">"):
            return True
        return bool(_FENCE.fullmatch(line)) or _open_ticks(line) or line.endswith(_QUOTES)

    def begins_line(self) -> bool:
        """Say whether nothing but space stands before this place in its line."""
        return not self._look().strip()

    def last(self) -> str:
        """Return the character before this place, "" at the beginning of a line."""
        return self._look()[-1:]

    def _look(self) -> str:
        if self._noted:
            *lines, last = (self._line + "".join(self._noted)).split("\n")
            self._noted.clear()
            for line in lines:
                self._pass(line)
            self._line = last
        return self._line

    def _pass(self, line: str) -> None:
        if self._heredoc:
            if line.strip() == self._heredoc:
                self._heredoc = ""
        elif self._fence:
            if self._ends_fence(line):
                self._fence = ""
        elif found := _FENCE.fullmatch(line):
            self._fence = found[1] or found[2]
        elif found := _HEREDOC.search(line):
            self._heredoc = found[1] or found[2] or found[3]

    def _ends_fence(self, line: str) -> bool:
        found = _FENCE_END.fullmatch(line)
        return found is not None and found[1][0] == self._fence[0] and len(found[1]) >= len(self._fence)


def _open_ticks(line: str) -> bool:
    """Say whether the line ends inside inline code: a run of backticks that no equal one has closed yet."""
    opened = 0
    for run in _TICKS.finditer(line):
        width = len(run[0])
        if not opened:
            opened = width
        elif width == opened:
            opened = 0
    return bool(opened)
