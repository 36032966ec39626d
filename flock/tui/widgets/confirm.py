"""The question before something is removed or changed for good.

Owns the question and its two answers; "no" has the keyboard first. Refuses to carry anything out. Opened by `acts.py`.
"""

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from flock.contract.op import Op, Risk, question
from flock.tui import look
from flock.tui.widgets.modal import Modal


class Confirm(Modal[bool]):
    """Asks whether an operation is to be carried out; True for yes, anything else is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes"),
        Binding("n,escape", "no", "No"),
        Binding("left,right", "app.focus_next", "Other", show=False),
    ]

    DEFAULT_CSS = """
    Confirm > .box { max-width: 76; }
    Confirm .about { height: auto; margin: 1 0 0 0; }
    Confirm Horizontal { height: auto; align-horizontal: right; margin: 1 0 0 0; }
    Confirm Button { margin: 0 0 0 2; min-width: 10; height: 1; border: none; }
    """

    def __init__(self, op: Op[Any], about: str = "") -> None:
        """Take what is asked about; `about` says more of what it does than its command line."""
        super().__init__()
        self._op = op
        self._about = about

    def compose(self) -> ComposeResult:
        """Put the question over the command and the two buttons."""
        with Vertical(classes="box"):
            yield Static(look.plain(f"{question(self._op)}?"), classes="title")
            if self._about:
                yield Static(look.plain(self._about), classes="about")
            yield Static(look.command(self._spelled()), classes="line")
            with Horizontal():
                yield Button("No (n)", id="no", compact=True)
                yield Button("Yes (y)", id="yes", variant="error", compact=True)

    def _spelled(self) -> str:
        return self.flock.acts.spelled(self._op, yes=self._op.spec.risk is Risk.REMOVE)

    def on_mount(self) -> None:
        """Begin at "no"."""
        for no in self.query("#no"):  # none when it was closed while it was opened
            no.focus()

    def action_yes(self) -> None:
        """Agree."""
        self.dismiss(True)

    def action_no(self) -> None:
        """Refuse."""
        self.dismiss(False)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
