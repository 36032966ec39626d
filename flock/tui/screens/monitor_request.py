"""One request over the whole screen: its record, kept current while it runs.

Owns the box and its keys. Refuses to ask for the record: the monitor does, and says when there is a newer one. Opened
by `screens/monitor.py`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flock.contract.requests import ExplainRequest
from flock.tui import look
from flock.tui.screens.monitor_record import record
from flock.tui.state import State
from flock.tui.widgets.modal import Modal
from flock.tui.widgets.panel import put

# What the frame of the box, its padding, its scroll bar and what is outside it take of the width
_AROUND = 8


class RequestBox(Modal[None]):
    """Shows one request. `cancel` is called with its id for the key that ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close", key_display="esc"),
        Binding("x,delete", "cancel", "Cancel request", key_display="x"),
        Binding("y", "copy", "Copy line"),
    ]

    DEFAULT_CSS = """
    RequestBox > .box { width: 96%; max-width: 160; height: 100%; max-height: 46; }
    RequestBox VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    RequestBox .line { margin: 0; }
    RequestBox #record { height: auto; }
    """

    def __init__(self, id: str, state: State, cancel: Callable[[str], None]) -> None:
        super().__init__()
        self.op = ExplainRequest(id=id)
        self._state = state
        self._cancel = cancel
        self._words = Static(id="record")

    def compose(self) -> ComposeResult:
        """Put the command over the record."""
        with Vertical(classes="box"):
            yield Static(look.command(self.flock.acts.spelled(self.op)), classes="title")
            with VerticalScroll():
                yield self._words
            yield Static(look.dim("esc close   x cancel the request   y copy the command"), classes="line")

    def on_mount(self) -> None:
        """Draw what is known."""
        self.query_one(VerticalScroll).focus()
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        """Draw it for the new room."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw the record as it is known now."""
        if self.is_mounted:
            width = min(160, int(self.flock.size.width * 0.96)) - _AROUND
            put(self._words, shown(self._state, self.op, width), grows=True)

    def action_cancel(self) -> None:
        """End the request."""
        self._cancel(self.op.id)

    def action_copy(self) -> None:
        """Copy the command."""
        self.flock.acts.copy()


def shown(state: State, op: ExplainRequest, width: int) -> Content:
    """Return the record of a request, or why there is none."""
    answer, error = state.answer(op), state.failure(op)
    parts: list[Content] = [look.failure(error)] if error is not None else []
    if answer is not None:
        live = state.requests.get(op.id)
        if live is not None and not answer.outcome:  # the looks at the whole count tokens, the record when it ends
            answer = replace(answer, output_tokens=max(answer.output_tokens, live.output_tokens))
        parts.append(record(answer, width))
    return Content("\n").join(parts) if parts else look.dim("asking …")
