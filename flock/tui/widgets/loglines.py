"""Lines of a log as they come: the newest few thousand, moving on unless somebody reads further up.

Owns the ring, the filter, and where it stands. Refuses to know where lines come from. Used by the engines' page.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from flock.tui import look_engines
from flock.tui.look_engines import Tone

# As many as the daemon keeps of an engine (engines/engine_log.py LINES_KEPT; features.md row 259)
KEPT = 2000


class LogLines(ScrollView, can_focus=True):
    """A log. `follows` is whether it moves on with what comes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--bad", "log--warn", "log--dim"}

    DEFAULT_CSS = """
    LogLines { height: 1fr; background: transparent; color: $foreground; scrollbar-size: 0 1; overflow-x: auto; }
    LogLines:focus { background: $primary 6%; }
    LogLines > .log--bad { color: $text-error; }
    LogLines > .log--warn { color: $text-warning; }
    LogLines > .log--dim { color: $text-muted; }
    """

    class Changed(Message):
        """There are other lines, or it holds or follows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[tuple[str, Tone]] = []
        self._shown: list[tuple[str, Tone]] = []
        self._words = ""
        self.follows = True

    @property
    def shown(self) -> list[str]:
        """The lines that pass the filter."""
        return [words for words, _ in self._shown]

    @property
    def kept(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def empty(self) -> None:
        """Forget all lines and follow."""
        self._lines.clear()
        self.follows = True
        self._refit()

    def add(self, lines: Sequence[str]) -> None:
        """Take in lines; the oldest go where there are too many. What is read stays where it is on the screen."""
        if not lines:
            return
        cleaned = map(look_engines.log_line, lines)
        new: list[tuple[str, Tone]] = [(words, look_engines.log_tone(words)) for words in cleaned]
        gone = max(0, len(self._lines) + len(new) - KEPT)
        above = sum(1 for one in self._lines[:gone] if self._passes(one[0]))
        self._lines = (self._lines + new)[-KEPT:]
        y = self.scroll_offset.y
        self._refit()
        if not self.follows and above:
            self.scroll_to(y=max(0, y - above), animate=False, force=True, immediate=True)

    def narrow(self, words: str) -> None:
        """Show only lines that hold these words, without regard to case."""
        if words != self._words:
            self._words = words
            self._refit()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.follows = True
        self._end()
        self.post_message(self.Changed())

    def _passes(self, words: str) -> bool:
        return self._words.lower() in words.lower()

    def _refit(self) -> None:
        self._shown = [one for one in self._lines if self._passes(one[0])]
        follows = self.follows
        self.virtual_size = Size(max((len(words) for words, _ in self._shown), default=0), len(self._shown))
        self.follows = follows
        if follows:
            self._end()
        self.refresh()
        self.post_message(self.Changed())

    def _end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Hold where somebody has scrolled up, follow again at the end."""
        super().watch_scroll_y(old_value, new_value)
        follows = new_value >= self.max_scroll_y
        if follows != self.follows:
            self.follows = follows
            self.post_message(self.Changed())

    def on_resize(self, _event: events.Resize) -> None:
        """Stay at the end."""
        if self.follows:
            self._end()

    def render_line(self, y: int) -> Strip:
        """Return one line of what is in sight."""
        left, top = self.scroll_offset
        at, width, base = top + y, self.size.width, self.rich_style
        if at >= len(self._shown):
            return Strip.blank(width, base)
        words, tone = self._shown[at]
        style = base + self.get_component_rich_style(f"log--{tone}", partial=True) if tone else base
        return Strip([Segment(words, style)]).crop_extend(left, left + width, base)
