"""The keys: those of the page, and those that work everywhere.

Owns how they are listed. Refuses to know any. Opened by `app.py`.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flock.tui.widgets.modal import Modal

Keys = Sequence[tuple[str, str]]


class Help(Modal[None]):
    """Lists keys in parts, each with a title."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,question_mark", "close", "Close")]

    DEFAULT_CSS = "Help VerticalScroll { height: auto; max-height: 100%; } Help > .box { max-width: 78; }"

    def __init__(self, parts: Sequence[tuple[str, Keys]]) -> None:
        super().__init__()
        self._parts = parts

    def compose(self) -> ComposeResult:
        """Put the parts below each other."""
        with Vertical(classes="box"), VerticalScroll():
            for title, keys in self._parts:
                yield Static(Content(title), classes="title")
                yield Static(_lines(keys))

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()


def _lines(keys: Keys) -> Content:
    wide = max((len(key) for key, _ in keys), default=0)
    return Content("\n").join(
        [Content.assemble((f"  {key:<{wide}}  ", "bold"), (words, "$text-muted")) for key, words in keys]
        + [Content("")]
    )
