"""One line of choices of which one holds: periods, tables, views.

Owns how it looks and clicks on it. Refuses to know what is chosen: it says so to its page, which also has the keys.
"""

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from flock.tui import look


class Switch(Static):
    """Choices as (name, key, title); the key is shown before the title, "" for none. `more` stands at the right end."""

    DEFAULT_CSS = "Switch { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    class Picked(Message):
        """A choice was clicked."""

        def __init__(self, switch: "Switch", name: str) -> None:
            super().__init__()
            self.switch = switch
            self.name = name

        @property
        def control(self) -> "Switch":
            """Return the line it happened in."""
            return self.switch

    def __init__(self, choices: Sequence[tuple[str, str, str]], *, id: str) -> None:
        super().__init__(id=id)
        self._choices = tuple(choices)
        self._shown: tuple[str, str, int] = ("", "", 0)
        self._places: list[tuple[int, int, str]] = []

    def show(self, name: str, more: str = "") -> None:
        """Mark the choice that holds; draws only when something differs."""
        wide = self.size.width
        if (name, more, wide) == self._shown:
            return
        self._shown = (name, more, wide)
        parts: list[Content] = []
        self._places, at = [], 0
        for other, key, title in self._choices:
            style = "bold reverse $text-accent" if other == name else ""
            part = Content.assemble((f"{key} " if key else "", "$text-accent"), (f" {title} ", style or "$text-muted"))
            self._places.append((at, at + part.cell_length, other))
            at += part.cell_length + 1
            parts.append(part)
        line = Content(" ").join(parts)
        room = wide - line.cell_length - 2
        if more and room > 0:
            right = look.dim(more).truncate(room, ellipsis=True)
            line = line + Content(" " * (2 + room - right.cell_length)) + right
        self.update(line)

    def on_click(self, event: events.Click) -> None:
        """Pick what was clicked."""
        for start, end, name in self._places:
            if start <= event.x < end:
                self.post_message(self.Picked(self, name))
