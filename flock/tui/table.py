"""The pages in their order: name, key, title, and where each is made.

Owns the table. Refuses to import a page before it is opened: the first paint waits for one page only. Called by
`app.py`, the palette and tests.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flock.tui.page import Page


@dataclass(frozen=True, slots=True)
class Entry:
    """One page: its name as `flock tui NAME` takes it, the key that opens it, its title, and what it is for."""

    name: str
    key: str
    title: str
    summary: str

    def make(self) -> "Page":
        """Import the page's file and make it."""
        module = importlib.import_module(f"flock.tui.screens.{self.name}")
        return getattr(module, f"{self.name.capitalize()}Page")()


PAGES = (
    Entry("home", "1", "Home", "what runs, how it goes, what to do next"),
    Entry("monitor", "2", "Monitor", "every request, live"),
    Entry("models", "3", "Models", "what is installed, in memory, and could be added"),
    Entry("engines", "4", "Engines", "the processes that generate, and what they say"),
    Entry("tokens", "5", "Tokens", "keys and their limits"),
    Entry("usage", "6", "Usage", "who used what, and what it cost"),
    Entry("audit", "7", "Audit", "who changed what, and taking it back"),
    Entry("connect", "8", "Connect", "tools and what they need"),
    Entry("playground", "9", "Chat", "try a model"),
    Entry("settings", "0", "Settings", "every value and where it is from"),
    Entry("doctor", "d", "Doctor", "what is wrong, and the command that mends it"),
)
BY_NAME = {entry.name: entry for entry in PAGES}
