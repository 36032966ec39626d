"""`flock tui`: the full screen, if there is a terminal to draw it on.

Owns the checks before it, and what the terminal is told of colours. Refuses to draw. Called by deliver.py.
"""

import os
from typing import TYPE_CHECKING

from flock.cli import out
from flock.contract.screens import PAGES, THEMES
from flock.errors import FlockError, UsageError, WouldAsk
from flock.text import closest, did_you_mean

if TYPE_CHECKING:
    from flock.cli.call import Perform
    from flock.cli.tree import Given
    from flock.client.reach import Reach
    from flock.contract.screens import OpenTui


def run(op: "OpenTui", given: "Given", perform: "Perform") -> int:
    """Open the screen and return when it is closed. Raises UsageError for no such page or theme, WouldAsk without a
    terminal.
    """
    if op.page not in PAGES:
        close = closest(op.page, PAGES)
        hint = f"flock tui {close}" if close else "flock tui --help"
        raise UsageError(f"there is no page {op.page!r}{did_you_mean(op.page, PAGES)}", hint=hint)
    if op.theme not in ("", *THEMES):
        hint = f"flock tui --theme {closest(op.theme, THEMES) or THEMES[0]}"
        raise UsageError(f"there is no theme {op.theme!r}{did_you_mean(op.theme, THEMES)}", hint=hint)
    if not out.can_draw():
        raise WouldAsk("the full screen needs a terminal at both ends that can be drawn on", hint="flock status")
    return _open(op.page, op.theme)


def quick(words: list[str]) -> int | None:
    """Open the screen for a command line that needs no grammar: nothing, or the name of a page. None for all others,
    and where there is no terminal: `run` knows what to say then.

    The grammar takes as long as a third of the way to the first paint (`make bench`).
    """
    page = words[0] if words else "home"
    # with FLOCK_DEBUG the way through app.py, which prints what a fault was
    if len(words) > 1 or page not in PAGES or not out.can_draw() or os.environ.get("FLOCK_DEBUG"):
        return None
    try:
        return _open(page, "")
    except FlockError as error:
        out.error(error, as_json=False)
        return error.exit_code


def _open(page: str, theme: str) -> int:
    far = os.environ.get("SSH_CONNECTION") or os.environ.get("FLOCK_HOST")
    if theme == "none" or os.environ.get("FLOCK_NO_COLOR"):
        os.environ["NO_COLOR"] = "1"  # what Textual goes by
    if far:
        os.environ.setdefault("TEXTUAL_FPS", "15")  # each repaint is sent over a line; Textual's own rate is 60
        os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    from flock.cli import call
    from flock.tui import app

    call.settle()
    return app.run(_connect, page, "light" if theme == "light" else "dark")


def _connect() -> "tuple[Reach, Perform]":
    from flock.cli import call

    return call.reach(), call.perform
