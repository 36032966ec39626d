"""Something to read, in a box that scrolls.

Owns the box. Refuses to know what is read. Opened by pages for what does not fit beside a list.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flock.tui.widgets.modal import Modal


class Reading(Modal[None]):
    """Shows words until it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "close", "Close")]

    DEFAULT_CSS = "Reading VerticalScroll { height: auto; max-height: 100%; }"

    def __init__(self, words: Content) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        """Put the words into the box."""
        with Vertical(classes="box"), VerticalScroll():
            yield Static(self._words)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()
