"""The boxes of the connect page: a difference and the question whether to write it; URL and key.

Owns what they ask. Refuses to write. Opened by `connect.py`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from flock.contract.connect import Connection
from flock.contract.op import Op
from flock.tui import look
from flock.tui.screens import connect_look as looks
from flock.tui.widgets.modal import Modal

# Lines of the box beside the difference: its frame, the question, the command, the buttons
_AROUND = 9


class WriteIt(Modal[bool]):
    """Shows what would change and asks; True for yes, anything else is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n,escape", "no", "No"),
    ]

    DEFAULT_CSS = """
    WriteIt > .box { max-height: 100%; }
    WriteIt VerticalScroll { height: auto; }
    WriteIt Horizontal { height: auto; align-horizontal: right; }
    WriteIt Button { margin: 0 0 0 2; min-width: 10; }
    """

    def __init__(self, words: str, op: Op[Any], value: Connection) -> None:
        super().__init__()
        self._question = words
        self._op = op
        self._value = value

    def compose(self) -> ComposeResult:
        """Put the question over the difference."""
        with Vertical(classes="box"):
            yield Static(look.plain(self._question), classes="title")
            with VerticalScroll():
                yield Static(looks.difference(self._value.edits))
            yield Static(look.command(self.flock.acts.spelled(self._op)), classes="line")
            with Horizontal():
                yield Button("No (n)", id="no", compact=True)
                yield Button("Yes (y)", id="yes", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self._fit()
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """Leave room for the buttons."""
        self._fit()

    def _fit(self) -> None:
        self.query_one(VerticalScroll).styles.max_height = max(3, self.flock.size.height - _AROUND)

    def action_yes(self) -> None:
        """Agree."""
        self.dismiss(True)

    def action_no(self) -> None:
        """Refuse."""
        self.dismiss(False)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


@dataclass(frozen=True, slots=True)
class Way:
    """Which URL and key tools are given; "" for those that flock finds by itself."""

    base_url: str = ""
    token: str = ""


class ChooseWay(Modal[Way]):
    """Lets URL and key be given; None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("enter,ctrl+s", "send", "Keep", priority=True),
    ]

    DEFAULT_CSS = """
    ChooseWay > .box { max-width: 76; }
    ChooseWay .row { height: auto; }
    ChooseWay .label { width: 8; height: 1; }
    ChooseWay .field { width: 1fr; height: auto; }
    ChooseWay Input, ChooseWay Input:focus { height: 1; border: none; padding: 0 1; background: $panel; }
    ChooseWay Input:focus { background: $primary 25%; }
    ChooseWay .help { color: $text-muted; height: auto; padding: 0 1; }
    """

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = way

    def compose(self) -> ComposeResult:
        """Put the two fields below each other."""
        with Vertical(classes="box"):
            yield Static(Content("what tools are given (enter: keep, esc: close)"), classes="title")
            yield from _field(
                "URL", "url", self._way.base_url, "without /v1; empty: external_url, else where it listens"
            )
            yield from _field("key", "key", self._way.token, "empty: FLOCK_TOKEN, else this machine's admin key")
            yield Static(look.dim("a key that can only ask models: flock token create NAME"), classes="line")

    def on_mount(self) -> None:
        """Begin at the URL."""
        self.query_one("#url").focus()

    def action_send(self) -> None:
        """Give both back."""
        url, key = (self.query_one(f"#{name}", Input).value.strip() for name in ("url", "key"))
        self.dismiss(Way(url, key))


def _field(label: str, name: str, value: str, help: str) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Static(Content(label), classes="label")
        with Vertical(classes="field"):
            yield Input(value, id=name, compact=True, password=name == "key")
            yield Static(look.plain(help), classes="help")
