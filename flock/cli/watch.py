"""`--watch`: one answer after another. On a terminal it is drawn anew on a screen of its own until q or Ctrl-C;
elsewhere it is printed again whenever it has changed.

Owns the keyboard and the rhythm of every live screen, those of `flock top` too, and what is waited for: a daemon that
goes away comes back, other errors end it. Refuses to know what is shown. Called by `deliver.py` and `top.py`.
"""

import contextlib
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flock.cli import out, screen
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.op import Op, command_line
from flock.errors import DaemonUnreachable, FlockError, UsageError
from flock.show.nouns import view, views

if TYPE_CHECKING:
    from flock.show.view import View

# As often as the eye follows: a busy gateway tells of a thousand events a second, and each look is a request.
LEAST_SECONDS = 0.2
# A day; poll(2) takes milliseconds in 31 bits.
MOST_SECONDS = 86_400.0
_QUIT = (b"q", b"Q", b"\x03", b"\x04")
# EX_TEMPFAIL of sysexits.h: the error says of itself that it mends
_PASSING = 75

# What tells a screen that there is news before its time, in a thread of its own: called with a function that wakes the
# screen, and one that waits for so many seconds and says whether the screen has ended
Wake = Callable[[], None]
Ended = Callable[[float], bool]
Bell = Callable[[Wake, Ended], None]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a screen looks again: every so many seconds, and earlier where `bell` says so. With `title` its first
    line says what is looked at, how often, and how it ends.
    """

    seconds: float
    bell: Bell | None = None
    title: bool = True


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Watch an answer. Raises what the first look raises; UsageError for a rhythm that makes no sense."""
    seconds = given.watch or 0.0
    if not (math.isfinite(seconds) and LEAST_SECONDS <= seconds <= MOST_SECONDS):
        words = f"--watch takes seconds from {LEAST_SECONDS:g} to {MOST_SECONDS:,.0f}, not {seconds:g}"
        raise UsageError(words, hint=f"{command_line(op)} --watch=2")
    if given.csv:
        raise UsageError("--csv and --watch do not go together: give one of them", hint=command_line(op))
    answer = perform(op, given.yes)
    if out.can_draw() and not given.json and not given.quiet:
        return live(op, given, perform, answer, Rhythm(seconds))
    return _printed(op, given, perform, answer, seconds)


def live(op: Op[Any], given: Given, perform: Perform, answer: Answer, rhythm: Rhythm) -> int:
    """Draw an answer, and each that follows, until q or Ctrl-C; return 0. Raises errors that no waiting mends."""
    # Ctrl-C is how it ends, wherever it hits: behind the places that put the terminal back
    with (
        contextlib.suppress(KeyboardInterrupt),
        _woken(rhythm.bell) as woken,
        screen.keys() as keys,
        screen.drawing() as draw,
    ):
        trouble = ""
        while True:
            draw(_page(op, answer, rhythm, trouble))
            if not _wait(keys, woken, time.monotonic(), rhythm.seconds):
                break
            try:
                answer, trouble = perform(op, given.yes), ""
            except FlockError as error:
                if not is_passing(error):
                    raise
                trouble = error.sentence
    return 0


def is_passing(error: FlockError) -> bool:
    """Say whether an error may be gone at the next look: nobody answers, or it says itself that it is for a while."""
    return isinstance(error, DaemonUnreachable) or error.exit_code == _PASSING


def _page(op: Op[Any], answer: Answer, rhythm: Rhythm, trouble: str) -> "View":
    from flock.show.view import Line

    shown = view(op, answer.value)
    head: tuple[Line, ...] = ()
    if rhythm.title:
        head = (Line(f"{command_line(op)}   every {rhythm.seconds:g} s   q ends", "dim"),)
    if trouble:
        head = (*head, Line(f"{trouble}; this is what was there before. Waiting …", "warn"))
    tail = tuple(shown.aside)
    return replace(shown, blocks=(*head, *shown.blocks, *tail), aside=())


def _printed(op: Op[Any], given: Given, perform: Perform, answer: Answer, seconds: float) -> int:
    """Print an answer and each one that differs from the one before, until the reader leaves; return 141 then."""
    before, told = "", ""
    while True:
        if (now := _essence(op, given, answer)) != before:
            if before and not given.json:
                out.raw("")  # between two answers of several lines
            present(op, given, answer)
            before = now
        if _has_left(seconds):
            raise BrokenPipeError
        try:
            answer, told = perform(op, given.yes), ""
        except FlockError as error:
            if not is_passing(error):
                raise
            if error.sentence != told:
                told = error.sentence
                out.say(f"{told}; waiting", "warn")


def _essence(op: Op[Any], given: Given, answer: Answer) -> str:
    """Return what of an answer must differ for it to be printed again."""
    if given.quiet and not given.json:
        return "\0" + "\n".join(views(op).ids(op, answer.value))
    return answer.body.decode("utf-8", "replace")


def _has_left(seconds: float) -> bool:
    """Wait so many seconds; return at once and True when whoever reads standard output has gone."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)  # no event is asked for: errors and hang-ups are told unasked
    except (OSError, ValueError):
        time.sleep(seconds)  # not a file of the system's: nobody can leave
        return False
    return bool(poll.poll(seconds * 1000))


def _wait(keys: int, woken: int, drawn: float, seconds: float) -> bool:
    """Wait for the next time to draw; False when that was the end."""
    until = drawn + seconds
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([keys, woken], [], [], left)
        if keys in ready and (pressed := os.read(keys, 64)):
            if any(key in pressed for key in _QUIT):
                return False
        elif keys in ready:  # the terminal has gone
            return False
        if woken in ready:
            os.read(woken, 4096)
            until = min(until, drawn + LEAST_SECONDS)
    return True


@contextlib.contextmanager
def _woken(bell: Bell | None) -> Generator[int]:
    """Yield a descriptor that can be read from once the bell has rung, or the terminal has another size."""
    import threading

    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)

    at_work = threading.Lock()
    ended = threading.Event()

    def wake() -> None:
        if ended.is_set() or not at_work.acquire(blocking=False):
            return
        # the descriptor's number may be another file's once it has ended
        if not ended.is_set():
            with contextlib.suppress(BlockingIOError):  # a full pipe wakes as well
                os.write(writing, b".")
        at_work.release()

    before = signal.signal(signal.SIGWINCH, lambda _number, _frame: wake())
    if bell is not None:
        threading.Thread(target=bell, args=(wake, ended.wait), daemon=True).start()
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        ended.set()
        at_work.acquire()
        os.close(reading)
        os.close(writing)
