"""Choosing one of many by typing some of its letters.

Owns the narrowing down. Refuses to know what is chosen from. Opened by forms and pages.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flock.tui import look
from flock.tui.widgets.modal import Modal


class Pick(Modal[str]):
    """Lets one of some words be chosen; gives it back, None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    Pick > .box { max-width: 76; }
    Pick OptionList { height: auto; max-height: 14; border: none; background: transparent; padding: 0; }
    Pick Input, Pick Input:focus { height: 1; border: none; padding: 0 1; background: $panel; }
    """

    def __init__(self, what: str, choices: Sequence[str]) -> None:
        super().__init__()
        self._what = what
        self._choices = list(choices)
        self._options = OptionList()
        self._options.can_focus = False

    def compose(self) -> ComposeResult:
        """Put what is typed over what is left."""
        with Vertical(classes="box"):
            yield Static(look.plain(self._what), classes="title")
            yield Input(placeholder="type to search", compact=True)
            yield self._options

    def on_mount(self) -> None:
        """Show all."""
        self._narrow("")
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, typed: str) -> None:
        matcher = Matcher(typed)
        scored = [(matcher.match(choice) if typed else 1.0, choice) for choice in self._choices]
        left = [choice for score, choice in sorted(scored, key=lambda one: -one[0]) if score > 0]
        self._options.set_options([Option(look.plain(choice)) for choice in left])
        self._left = left
        if left:
            self._options.highlighted = 0

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        if by > 0:
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        at = self._options.highlighted
        self.dismiss(self._left[at] if at is not None and at < len(self._left) else None)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._left[event.option_index])
