"""The line in which is typed what a list is narrowed down to; hidden until it is asked for.

Owns showing, hiding and emptying it. Refuses to know the list: its page narrows it down. Used by pages with "/".
"""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class Narrow(Input):
    """One line; Enter gives the keyboard back and keeps the words, Escape takes them away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "show_all", "Show all", show=False),
        Binding("down", "back", "Back", show=False),
    ]

    DEFAULT_CSS = """
    Narrow, Narrow:focus { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
    Narrow.-open { display: block; }
    """

    class Back(Message):
        """The keyboard is to go to the list."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True)

    def open(self) -> None:
        """Show it and take the keyboard."""
        self.add_class("-open")
        self.focus()

    def fits(self, *words: object) -> bool:
        """Return whether each typed word occurs in one of these; case does not count."""
        whole = "\n".join(str(word) for word in words).lower()
        return all(typed in whole for typed in self.value.lower().split())

    def action_show_all(self) -> None:
        """Narrow down no more."""
        self.value = ""
        self.remove_class("-open")
        self.post_message(self.Back())

    def action_back(self) -> None:
        """Keep what is typed."""
        if not self.value:
            self.remove_class("-open")
        self.post_message(self.Back())

    async def action_submit(self) -> None:
        """Keep what is typed."""
        self.action_back()
