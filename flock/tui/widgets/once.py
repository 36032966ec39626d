"""A secret that is shown once: a new key, or the card of an invitation.

Owns the only place of the full screen where a secret stands, and forgetting it: nothing else keeps the value, and when
the box is closed the words are gone from it too. Refuses to write it anywhere but to the clipboard, on request. Opened
by `acts.py` after `token create`, `token rotate` and `invite`; pinned by tests/tui/test_tokens.py.
"""

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from flock.contract.connect import Invitation
from flock.contract.op import Op
from flock.contract.tokens import TokenCreated
from flock.show.nouns import view
from flock.tui import look
from flock.tui.widgets.answer import rendered
from flock.tui.widgets.modal import Modal


class Once(Modal[None]):
    """Shows a new key, or a card with one. Enter does not close it: it may still be on its way from the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close and forget"),
        Binding("c", "copy", "Copy"),
        Binding("k", "copy_key", "Copy the key alone"),
    ]

    DEFAULT_CSS = """
    Once VerticalScroll { height: auto; max-height: 100%; }
    Once > .box { border: round $warning; }
    Once .keys { height: auto; color: $text-muted; margin: 1 0 0 0; }
    """

    def __init__(self, op: Op[Any], value: TokenCreated | Invitation) -> None:
        super().__init__()
        self._op = op
        self._value: TokenCreated | Invitation | None = value
        self._words = Static()
        self._said = Static(classes="keys")

    def compose(self) -> ComposeResult:
        """Put what it is over the words, and what can be done with them below."""
        with Vertical(classes="box"):
            yield Static(look.plain(self._title()), classes="title")
            with VerticalScroll():
                yield self._words
            yield self._said

    def on_mount(self) -> None:
        """Draw it."""
        for words in self.query(VerticalScroll):  # none when it was closed while it was opened
            words.focus()
        self._said.update(look.plain(self._keys()))
        self._draw()

    def on_resize(self) -> None:
        """Leave room for the title and the keys, whatever the terminal's height, and draw it anew."""
        # the frame of the box, its title, a gap and the line of keys
        for words in self.query(VerticalScroll):  # none yet, or no more, while the box is opened or closed
            words.styles.max_height = max(3, self.flock.size.height * 9 // 10 - 6)
        self._draw()

    def on_unmount(self) -> None:
        """Forget it."""
        self._forget()

    def action_close(self) -> None:
        """Close it and forget what it showed."""
        self._forget()
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy the card; of a key, the key."""
        value = self._value
        self._copy(value.card if isinstance(value, Invitation) else value.token if value else "")

    def action_copy_key(self) -> None:
        """Copy the key alone."""
        self._copy(self._value.token if self._value else "")

    def _draw(self) -> None:
        if self._value is not None:
            wide = min(110, self.flock.size.width * 9 // 10) - 6
            self._words.update(rendered(view(self._op, self._value), wide))

    def _copy(self, words: str) -> None:
        if words:
            self.flock.copy_to_clipboard(words)
            self._said.update(look.plain("sent to this terminal's clipboard; some terminals have that switched off"))

    def _forget(self) -> None:
        self._value = None
        self._words.update(Text(""))

    def _title(self) -> str:
        if isinstance(self._value, Invitation):
            return f"The card for {self._value.name}: shown here and never again"
        return f"The key of {self._value.name}: shown here and never again" if self._value else ""

    def _keys(self) -> str:
        card = "c: copy the card · k: copy the key alone" if isinstance(self._value, Invitation) else "c: copy the key"
        return f"{card} · esc: close and forget it"
