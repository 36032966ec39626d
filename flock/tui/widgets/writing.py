"""The place where a message is written: several lines, sent by Enter.

Owns its keys and its height. Refuses to know where the words go. Used by the playground.
"""

from typing import cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.keys import Keys
from textual.message import Message
from textual.widgets import TextArea

# As high as it grows; what is longer scrolls in it, so that the conversation keeps its room at 24 lines
_MOST_LINES = 6
# The first works everywhere; the others where the terminal tells them from Enter
_NEW_LINE = ("ctrl+j", "alt+enter", "shift+enter")
# Terminals without Kitty's protocol send Escape before what Alt is held with, and Textual (8.2.8) knows that of letters
# alone: a message would be sent half written. Pinned by tests/tui/test_playground.py.
cast("dict[str, tuple[Keys, ...]]", ANSI_SEQUENCES_KEYS).setdefault("\x1b\r", (Keys.ControlJ,))


class Paragraph(TextArea):
    """Several lines in a box that is closed again."""

    def on_unmount(self) -> None:
        """Be forgotten: Textual (8.2.8) has the application keep each that was ever there, to tell it of a theme."""
        watchers: dict[str, list[tuple[object, object]]] = getattr(cast(object, self.app), "__watchers", {})  # pyright: ignore[reportUnknownMemberType]
        watchers["theme"] = [one for one in watchers.get("theme", []) if one[0] is not self]


class Writing(TextArea):
    """A message being written. Enter sends it, ctrl+j makes a new line; what is pasted stays as it is."""

    DEFAULT_CSS = """
    Writing, Writing:focus {
        height: 1; border: none; padding: 0 0 0 2; background: $panel; scrollbar-size-vertical: 1;
    }
    Writing:focus { background: $primary 20%; }
    Writing .text-area--cursor-line { background: transparent; }
    """

    class Sent(Message):
        """Enter was pressed."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Recalled(Message):
        """The arrow up was pressed where nothing is written: the last message is wanted again."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, highlight_cursor_line=False, tab_behavior="focus")
        self.cursor_blink = False  # each blink is a repaint, also over a slow line

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Sent(self.text))
            return
        if event.key in _NEW_LINE:
            event.stop()
            event.prevent_default()
            self.insert("\n", maintain_selection_offset=False)
            return
        if event.key == "up" and not self.text:
            event.stop()
            event.prevent_default()
            self.post_message(self.Recalled())
            return
        await super()._on_key(event)

    def fill(self, words: str) -> None:
        """Put words here, the cursor behind them."""
        self.text = words
        self.move_cursor(self.document.end)
        self.fit()

    def fit(self) -> None:
        """Be as high as what is written."""
        self.styles.height = min(_MOST_LINES, max(1, self.wrapped_document.height))

    def on_resize(self) -> None:
        """Fit the new width."""
        self.call_after_refresh(self.fit)
