"""`flock tui`: the full screen, if there is a terminal to draw it on.

Owns the checks before it, and what the terminal is told of colours. Refuses to draw. Called by deliver.py.
"""

import os

from flock.cli import call, out
from flock.cli.call import Perform
from flock.cli.tree import Given
from flock.cli.words import either, nearest
from flock.contract.screens import PAGES, THEMES, OpenTui
from flock.errors import UsageError, WouldAsk


def run(op: OpenTui, given: Given, perform: Perform) -> int:
    """Open the screen and return when it is closed. Raises UsageError for no such page or theme, WouldAsk without a
    terminal.
    """
    for what, word, known in (("page", op.page, PAGES), ("theme", op.theme, ("", *THEMES))):
        if word not in known:
            close = nearest(word, [one for one in known if one])
            meant = f"; did you mean {either(close)}?" if close else ""
            hint = f"flock tui {close[0]}" if close and what == "page" else "flock tui --help"
            raise UsageError(f"there is no {what} {word!r}{meant}", hint=hint)
    if not out.can_draw():
        raise WouldAsk("the full screen needs a terminal at both ends that can be drawn on", hint="flock status")
    reach = call.reach()
    if op.theme == "none" or os.environ.get("FLOCK_NO_COLOR"):
        os.environ["NO_COLOR"] = "1"  # what Textual goes by
    if reach.kind != "here" or os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_FPS", "15")  # each repaint is sent over a line; Textual's own rate is 60
        os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    from flock.tui import app

    return app.run(reach, perform, op.page, "light" if op.theme == "light" else "dark")
