"""`flock top`: what goes on, live: drawn anew with every event and once a second, until q or Ctrl-C.

Owns the keyboard and the rhythm; how it looks is show/top.py's. Elsewhere than on a terminal it is shown once. Called
by deliver.py.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Generator

from flock.cli import out
from flock.cli.call import Perform, follow
from flock.cli.deliver import present, view
from flock.cli.tree import Given
from flock.contract.events import FollowEvents, ShowTop
from flock.errors import FlockError

# without an event, so that times and rates move
_EVERY_SECONDS = 1.0
# as often as the eye follows: a busy gateway tells of a thousand events a second
_LEAST_SECONDS = 0.2
_QUIT = (b"q", b"Q", b"\x03", b"\x04")


def run(op: ShowTop, given: Given, perform: Perform) -> int:
    """Show it until q or Ctrl-C, or once. Raises DaemonUnreachable when the daemon goes down."""
    answer = perform(op, given.yes)
    if op.once or given.json or given.quiet or not out.can_draw():
        present(op, given, answer)
        return 0
    # Ctrl-C is how it ends, wherever it hits: behind the places that put the terminal back
    with (
        contextlib.suppress(KeyboardInterrupt),
        _woken(answer.value.last_event) as woken,
        _keys() as keys,
        out.screen() as draw,
    ):
        while True:
            draw(view(op, answer.value))
            if not _wait(keys, woken, time.monotonic()):
                break
            answer = perform(op, given.yes)
    return 0


def _wait(keys: int, woken: int, drawn: float) -> bool:
    """Wait for the next time to draw; False when that was the end."""
    until = drawn + _EVERY_SECONDS
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([keys, woken], [], [], left)
        if keys in ready and (pressed := os.read(keys, 64)):
            if any(key in pressed for key in _QUIT):
                return False
        elif keys in ready:  # the terminal has gone
            return False
        if woken in ready:
            os.read(woken, 4096)
            until = min(until, drawn + _LEAST_SECONDS)
    return True


@contextlib.contextmanager
def _keys() -> Generator[int]:
    """Yield a descriptor from which keys can be read as they are pressed, unseen."""
    import termios
    import tty

    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys)
    try:
        yield keys
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _woken(since: int) -> Generator[int]:
    """Yield a descriptor that can be read from once something has happened, or the terminal has another size."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)

    ended = threading.Lock()  # taken for good at the end: the descriptor's number may be another file's by then

    def wake() -> None:
        if ended.acquire(blocking=False):
            with contextlib.suppress(BlockingIOError):  # a full pipe wakes as well
                os.write(writing, b".")
            ended.release()

    def listen() -> None:
        # where the feed ends, the next question says why
        with contextlib.suppress(FlockError):
            for _ in follow(FollowEvents(kind="request.stage,engine.state,model.state", since=since)):
                wake()

    before = signal.signal(signal.SIGWINCH, lambda _number, _frame: wake())
    threading.Thread(target=listen, daemon=True).start()
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        ended.acquire()
        os.close(reading)
        os.close(writing)
