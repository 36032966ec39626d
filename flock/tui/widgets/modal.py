"""What all modals share: a box in the middle, closed by Escape.

Owns the frame. Refuses content. Subclassed by confirm, form, answer, help and what a page opens.
"""

from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import on
from textual._styles_cache import StylesCache
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Button, Input

if TYPE_CHECKING:
    from flock.tui.app import FlockApp

Out = TypeVar("Out")


class Modal(ModalScreen[Out]):
    """A box over the page; Escape closes it with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close")]

    DEFAULT_CSS = """
    Modal { align: center middle; background: $background 60%; }
    Modal > .box {
        width: 90%; max-width: 110; height: auto; max-height: 90%;
        background: $surface; border: round $primary; padding: 0 1;
    }
    Modal .title { text-style: bold; color: $text-accent; height: auto; }
    Modal .line { height: auto; color: $text-muted; margin: 1 0 0 0; }
    """

    @property
    def flock(self) -> "FlockApp":
        """The application."""
        return cast("FlockApp", self.app)  # pyright: ignore[reportUnknownMemberType]

    def dismiss(self, result: Out | None = None) -> AwaitComplete:
        """Close with a result. Once it is closed nothing happens: Textual (8.2.8) would close what is below it, and
        two keys that come together, as over a slow line, both arrive here.
        """
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def on_unmount(self) -> None:
        """Let go of what was painted: Textual (8.2.8) keeps the lines of the last 1024 widgets, closed or not, through
        this cache of colours; a box leaves 400 kB there.
        """
        StylesCache.get_inner_outer.cache_clear()

    def action_close(self) -> None:
        """Close without a result."""
        self.dismiss(None)


class FormBox(Modal[Out]):
    """A box with fields: Enter in one of them and the button `send` send what they say, every other button closes."""

    def action_send(self) -> object:
        """Give back what the fields say, or say what is wrong with it. Every form has its own."""
        return self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_send()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "send":
            self.action_send()
        else:
            self.action_close()
