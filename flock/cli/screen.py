"""A screen of its own on the terminal, and the terminal's clipboard.

Owns the control sequences. Refuses to know what is drawn and when. Called by `watch.py` and `token.py`.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from flock.cli import out

if TYPE_CHECKING:
    from flock.show.view import View


@contextlib.contextmanager
def drawing() -> "Generator[Callable[[View], None]]":
    """Yield a function that draws a view on a screen of its own; what stood on the terminal comes back afterwards.

    The sequences are xterm's (ctlseqs, "DEC Private Mode Set"): 1049 another screen, 25 the cursor, 7 lines that wrap.
    """

    def draw(view: "View") -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        room = size.lines or 24  # a terminal that does not tell its size says 0
        lines = out.drawn(view, size.columns or 80).split("\n")
        if len(lines) > room:
            lines = [*lines[: room - 1], out.in_letters_of(sys.stdout, f"… {len(lines) - room + 1} more lines")]
        # each line is cleared to its end, and then what is below: no flicker
        page = "".join(f"{line}\x1b[K\r\n" for line in lines[:-1])
        out.onto_terminal(f"\x1b[H{page}{lines[-1]}\x1b[K\x1b[J", sys.stdout)

    out.onto_terminal("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J", sys.stdout)
    try:
        yield draw
    finally:
        out.onto_terminal("\x1b[?7h\x1b[?25h\x1b[?1049l", sys.stdout)


def copy(words: str) -> bool:
    """Put words on the clipboard of the terminal by OSC 52 (xterm's control sequences); False without a terminal.

    Works through ssh, since it is the terminal in front of the user that obeys. Whether it did cannot be known.
    """
    from base64 import b64encode

    sequence = f"\x1b]52;c;{b64encode(words.encode()).decode()}\x07"
    for stream in (sys.stderr, sys.stdout):
        if out.is_terminal(stream):
            out.onto_terminal(sequence, stream)
            return True
    return False
