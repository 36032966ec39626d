"""An answer as the command line shows it, in a box that scrolls.

Owns the drawing of views inside the screen. Refuses to know any noun. Opened by `acts.py` and by pages.
"""

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from flock.contract.op import Op
from flock.show.draw import drawn
from flock.show.nouns import view, views
from flock.show.view import Line, View
from flock.tui import look
from flock.tui.widgets.modal import Modal

# As wide as a view is drawn at least; the box scrolls sideways below that
_LEAST = 60


class Answer(Modal[None]):
    """Shows what an operation gave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close"),
        Binding("c", "copy", "Copy"),
    ]

    DEFAULT_CSS = """
    Answer VerticalScroll { height: auto; max-height: 100%; }
    Answer > .box { width: 96%; max-width: 140; }
    """

    def __init__(self, op: Op[Any], value: Any) -> None:
        super().__init__()
        self._op = op
        self._value = value
        self._words = Static()

    def compose(self) -> ComposeResult:
        """Put the command over its answer."""
        with Vertical(classes="box"):
            yield Static(look.command(self.flock.acts.spelled(self._op)), classes="title")
            with VerticalScroll():
                yield self._words

    def on_mount(self) -> None:
        """Draw it."""
        self._words.update(rendered(view(self._op, self._value), self.flock.size.width - 8))
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """Draw it anew."""
        self.on_mount()

    def action_copy(self) -> None:
        """Copy what `--quiet` would print: ids, or the new key."""
        words = "\n".join(views(self._op).ids(self._op, self._value))
        self.flock.copy_to_clipboard(words)
        self.notify("copied", timeout=2)


def rendered(shown: View, width: int) -> Text:
    """Return a view as a text, its asides below, for a widget of `width` cells."""
    whole = View((*shown.blocks, *((Line(""), *shown.aside) if shown.aside else ())))
    return Text.from_ansi(drawn(whole, colour=True, width=max(_LEAST, min(width, 136))))
