"""A framed part of a page with a title, that leads to the page which shows more of it.

Owns the frame and when it is drawn: only when what it shows has changed. Refuses to know what that is. Used by Home.
"""

from collections.abc import Callable

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

# Draws what is to be shown in so many cells and lines
Draw = Callable[[int, int], Content]


class Panel(Static):
    """One part. A click on it asks for the page `leads`, "" for none."""

    DEFAULT_CSS = """
    Panel {
        border: round $foreground 25%; border-title-color: $text-muted; border-title-style: bold;
        border-subtitle-color: $text-muted; padding: 0 1; height: 1fr; text-wrap: nowrap; text-overflow: ellipsis;
    }
    Panel:hover { border: round $primary; }
    """

    class Opened(Message):
        """The panel was clicked; `page` is where more of it is."""

        def __init__(self, page: str) -> None:
            super().__init__()
            self.page = page

    def __init__(self, title: str, leads: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = Content(title)
        self._leads = leads
        self._draw: Draw | None = None
        self._note = ""

    def show(self, draw: Draw, note: str = "") -> None:
        """Show what `draw` returns for the room inside the frame; `note` stands in the lower edge."""
        self._draw = draw
        if note != self._note:
            self._note, self.border_subtitle = note, Content(note)
        self._fill()

    def on_resize(self) -> None:
        """Draw it for the new room."""
        self._fill()

    def _fill(self) -> None:
        width, height = self.content_size.width, self.content_size.height
        if self._draw is not None and width > 0 and height > 0:
            put(self, self._draw(width, height))

    def on_click(self) -> None:
        """Ask for the page."""
        if self._leads:
            self.post_message(self.Opened(self._leads))


def put(place: Static, words: Content, *, grows: bool = False) -> None:
    """Show words in a place of a fixed height, or one that `grows`; nothing is drawn when they stand there already."""
    before = place.content
    if not (isinstance(before, Content) and before.plain == words.plain and before.spans == words.spans):
        place.update(words, layout=grows)
