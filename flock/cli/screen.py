"""A screen of its own on the terminal, and the terminal's clipboard.

Owns the control sequences, and that the terminal is as it was, whatever ends or stops the program. Refuses to know what
is drawn and when. Called by `watch.py` and `token.py`.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from flock.cli import out

if TYPE_CHECKING:
    from flock.show.view import View


# The sequences are xterm's (ctlseqs, "DEC Private Mode Set"): 1049 another screen, 25 the cursor, 7 lines that wrap.
_OPEN = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
_CLOSE = "\x1b[?7h\x1b[?25h\x1b[?1049l"


@contextlib.contextmanager
def drawing() -> "Generator[Callable[[View], None]]":
    """Yield a function that draws a view on a screen of its own; what stood on the terminal comes back afterwards."""

    def draw(view: "View") -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        room = size.lines or 24  # a terminal that does not tell its size says 0
        lines = out.drawn(view, size.columns or 80).split("\n")
        if len(lines) > room:
            lines = [*lines[: room - 1], out.in_letters_of(sys.stdout, f"… {len(lines) - room + 1} more lines")]
        # each line is cleared to its end, and then what is below: no flicker
        page = "".join(f"{line}\x1b[K\r\n" for line in lines[:-1])
        out.onto_terminal(f"\x1b[H{page}{lines[-1]}\x1b[K\x1b[J", sys.stdout)

    out.onto_terminal(_OPEN, sys.stdout)
    try:
        yield draw
    finally:
        with contextlib.suppress(OSError):  # a terminal that has gone
            out.onto_terminal(_CLOSE, sys.stdout)


@contextlib.contextmanager
def keys() -> Generator[int]:
    """Yield a descriptor from which keys can be read as they are pressed, unseen.

    Ctrl-Z gives the terminal back until the program goes on, which is told as a change of its size; `kill` and a
    terminal that goes away end the program by SystemExit, so that all is put back.
    """
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def stop(number: int, _frame: object) -> None:
        out.onto_terminal(_CLOSE, sys.stdout)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when it goes on
        signal.signal(number, stop)
        tty.setcbreak(descriptor)
        out.onto_terminal(_OPEN, sys.stdout)
        signal.raise_signal(signal.SIGWINCH)

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)  # as a shell reports a program that a signal ended

    handlers = {signal.SIGTSTP: stop, signal.SIGTERM: end, signal.SIGHUP: end}
    kept = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


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
