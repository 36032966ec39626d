"""Home: what runs, how it goes, and what to do next.

Owns this page's places. Called by `table.py`.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from flock.contract.status import ShowStatus
from flock.tui import look
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.state import Topic

STATUS = ShowStatus()


class HomePage(Page):
    """What runs, in one look."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "requests", "engines", "models", "jobs")

    def compose(self) -> ComposeResult:
        """Put the parts below each other."""
        yield Static(id="status")

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the status."""
        return (Poll(STATUS, 10, ("engines", "models")),)

    def draw(self) -> None:
        """Draw what is known."""
        status = self.state.answer(STATUS)
        if status is not None:
            self.query_one("#status", Static).update(
                look.pairs([("machine", status.machine.hostname), ("models", len(status.models))])
            )
