"""What each key does, for the help: those of the open page, and those that work everywhere.

Owns the words for keys that no binding explains. Refuses to bind any. Called by `app.py`.
"""

from typing import TYPE_CHECKING

from textual.binding import Binding

from flock.tui.page import Page
from flock.tui.table import PAGES

if TYPE_CHECKING:
    from flock.tui.app import FlockApp
    from flock.tui.widgets.help import Keys

_EVERYWHERE = (
    (": or ctrl+p", "every command of flock, found by typing"),
    ("y", "copy the command line that stands below"),
    ("r", "ask for everything anew"),
    ("< >", "the page before, the next page"),
    ("tab", "the next part of the page"),
    ("arrows, home, end", "move; pages scroll by page up and page down"),
    ("q", "close the screen; flock goes on"),
)


def parts(app: "FlockApp") -> "list[tuple[str, Keys]]":
    """Return the titles and keys that the help shows."""
    found: list[tuple[str, Keys]] = []
    if app.page is not None:
        # a page may be made of parts, which have keys of their own while they have the keyboard
        focused = app.focused.ancestors_with_self if app.focused is not None else ()
        own = [
            (binding.key_display or app.get_key_display(binding), binding.description)
            for part in [node for node in focused if isinstance(node, Page)] or [app.page]
            for binding in part.BINDINGS
            if isinstance(binding, Binding) and binding.description
        ]
        found.append(("This page", [*own, *app.page.notes]))
    found.append(("Pages", [(entry.key, f"{entry.title}: {entry.summary}") for entry in PAGES]))
    found.append(("Everywhere", _EVERYWHERE))
    return found
