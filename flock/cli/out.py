"""The only writer of standard output and standard error.

stdout is data, everything else goes to stderr. Owns colour, the drawing of views (by rich on a terminal, as
tab-separated columns without a header elsewhere) and what happens when a stream cannot be written. Refuses to let
control characters of somebody else's words reach a terminal. Called by everything in cli/.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from flock.errors import FlockError, StorageFailed
from flock.text import clean

if TYPE_CHECKING:
    # imported when something is drawn: `--json` prints bytes, and each dataclass costs most of a millisecond
    from flock.show.view import View

_ANSI = {"": "", "good": "\x1b[32m", "bad": "\x1b[31m", "warn": "\x1b[33m", "dim": "\x1b[2m", "strong": "\x1b[1m"}


def prepare() -> None:
    """Make the three streams usable whatever they are: a closed one, one whose encoding has not all letters."""
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        name = ("stdin", "stdout", "stderr")[number]
        if getattr(sys, name) is None:  # closed by `>&-`: the next file that is opened would be taken for it
            nothing = os.open(os.devnull, mode)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            # standard output that may only be read: who writes to it is told so, as by any other program
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115  # for good
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        # Python takes the C locale for UTF-8 (PEP 540); a terminal that was set to it shows ASCII
        ascii_only = not has_all_letters() and is_terminal(stream)
        if (ascii_only or not _is_utf_8(stream)) and isinstance(stream, TextIOWrapper):
            from flock.cli import letters

            stream.reconfigure(encoding="ascii" if ascii_only else None, errors=letters.HANDLER)


def has_all_letters(environ: Mapping[str, str] = os.environ, utf_8_mode: bool = bool(sys.flags.utf8_mode)) -> bool:
    """Say whether a terminal shows more than ASCII: it does unless the locale names something else than UTF-8.

    Nothing named, as in cron and bare containers, says nothing about the terminal, and today's are UTF-8. The order is
    that of POSIX (XBD 8.2); an LC_CTYPE that Python set itself for the C locale (PEP 538) is none of the user's.
    """
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if utf_8_mode and environ.get("LC_CTYPE") == "C.UTF-8":
        names.remove("LC_CTYPE")
    named = next((value for name in names if (value := environ.get(name))), "")
    _, dot, codeset = named.partition(".")
    return named not in ("C", "POSIX") and (not dot or "utf" in codeset.lower())


def is_terminal(stream: TextIO) -> bool:
    """Say whether a person looks at this stream."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def has_colour(stream: TextIO) -> bool:
    """Say whether to colour this stream: no-color.org, FLOCK_NO_COLOR, bixense.com/clicolors, TERM=dumb, isatty."""
    env = os.environ
    if env.get("NO_COLOR") or env.get("FLOCK_NO_COLOR"):
        return False
    if env.get("CLICOLOR_FORCE", "0") != "0" or env.get("FORCE_COLOR", "0") != "0":
        return True
    return env.get("CLICOLOR") != "0" and env.get("TERM") != "dumb" and is_terminal(stream)


def data(body: bytes) -> None:
    """Write one line of bytes to stdout exactly as they are. Raises StorageFailed when they cannot be written."""
    _write(body + b"\n")


def raw(words: str) -> None:
    """Write text to stdout exactly as it is (a key, a script, an id) and a line end where it has none."""
    data(words.removesuffix("\n").encode("utf-8", "replace"))


def piece(words: str) -> None:
    """Write a piece of somebody else's text to stdout at once, with no line end of its own; a terminal gets it cleaned.

    Raises StorageFailed when it cannot be written.
    """
    if is_terminal(sys.stdout):
        words = clean(words.replace("\r", ""))
    _write(words.encode("utf-8", "replace"))


def _write(said: bytes) -> None:
    try:
        sys.stdout.flush()
        left = memoryview(said)
        # with PYTHONUNBUFFERED the buffer is the bare file, which may take a part and say so
        while left:
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(error) from None


def aside(words: str) -> None:
    """Write a piece of somebody else's text to stderr at once, dim, with no line end of its own."""
    words = clean(words.replace("\r", ""))
    if has_colour(sys.stderr):
        words = f"{_ANSI['dim']}{words}\x1b[0m"
    with contextlib.suppress(OSError, UnicodeError):
        sys.stderr.write(words.encode("utf-8", "replace").decode())
        sys.stderr.flush()


def say(words: str, tone: str = "") -> None:
    """Write one line for people to stderr."""
    words = clean(words)
    if tone and has_colour(sys.stderr):
        words = f"{_ANSI[tone]}{words}\x1b[0m"
    # standard error that cannot be written is nothing that anybody could be told about
    try:
        # the line end in the same write: beside a program that reads standard output it would come too late
        print(words.encode("utf-8", "replace").decode() + "\n", end="", file=sys.stderr, flush=True)
    except (OSError, UnicodeError):
        pass


def show(view: "View") -> None:
    """Draw a view: its blocks on stdout, its asides on stderr. Raises StorageFailed when stdout cannot be written."""
    from flock.show.view import Table

    terminal = is_terminal(sys.stdout)
    words = drawn(view) if terminal else plain(view)
    if words and terminal:
        _on_terminal(words)
    elif words:
        raw(words)
    for block in view.blocks:
        if isinstance(block, Table) and not block.rows and not terminal:
            say(block.empty)
    for aside in view.aside:
        say(aside.words, aside.tone)


def _on_terminal(words: str) -> None:
    """Write what was drawn to a terminal, in its encoding."""
    data((words.removesuffix("\n")).encode(sys.stdout.encoding or "utf-8", sys.stdout.errors or "replace"))


def in_letters_of(stream: TextIO, words: str) -> str:
    """Return words with signs that the stream's encoding has; other people's letters are not touched."""
    if words.isascii() or _is_utf_8(stream):
        return words
    from flock.cli import letters

    return letters.plain(words)


def _is_utf_8(stream: TextIO) -> bool:
    encoding: str | None = getattr(stream, "encoding", None)
    return (encoding or "utf-8").lower().replace("-", "") == "utf8"


def plain(view: "View") -> str:
    """Return a view as lines for programs: cells and labels separated by tabs, no header, nothing for no rows."""
    from flock.show.view import Line

    found: list[str] = []
    for block in view.blocks:
        if isinstance(block, Line):
            found.append(clean(block.words))
        else:
            found += [
                "\t".join(clean(cell).replace("\t", " ").replace("\n", " ") for cell in row) for row in block.rows
            ]
    return "\n".join(found)


def drawn(view: "View", width: int | None = None) -> str:
    """Return a view as standard output's terminal shows it, `width` columns wide (default: the terminal's)."""
    from flock.show import draw

    if not _is_utf_8(sys.stdout):
        from flock.cli import letters

        view = letters.plain_view(view)
    return draw.drawn(view, has_colour(sys.stdout), width)


def error(failure: FlockError, as_json: bool) -> None:
    """Tell of an error on stderr: a sentence and a hint, or one JSON object."""
    if as_json:
        say(json.dumps({"error": failure.to_plain()}, ensure_ascii=False))
        return
    say(f"flock: {failure.sentence}", "bad")
    near = [str(word) for word in failure.details.get("nearest") or ()]
    said = re.findall(r"[^\s'\";,?]+", f"{failure.sentence} {failure.hint}")
    if near and not set(near) & set(said):
        say(f"nearest: {', '.join(near)}")
    if failure.hint:
        say(f"hint: {command(failure.hint)}")


_host = ""


def address(host: str) -> None:
    """Set which flock printed commands are to name: what `--host` or `--context` said, "" for neither."""
    global _host
    _host = host


def command(words: str) -> str:
    """Return a line with flock called in it by the name that leads to ours, and sent to where this command line was;
    other words as they are.
    """
    if "flock" not in words:
        return words
    from flock.names import preferred_command, spelled

    # what ssh runs over there prints commands for whoever types here (client/ssh.py)
    called = os.environ.get("_FLOCK_CALLED") or preferred_command(os.environ.get("PATH", os.defpath))
    # names of other machines are this one's own affair
    if _host and _host != "local" and "--host " not in words and "flock context" not in words:
        import shlex

        called = f"{called} --host {shlex.quote(_host)}"
    return called if words == "flock" else spelled(words, called)


def progress(words: str) -> None:
    """Replace the one line of progress on a terminal's stderr; nothing elsewhere. An empty line ends it."""
    if not is_terminal(sys.stderr):
        return
    room = max(20, _columns() - 1)
    line = in_letters_of(sys.stderr, clean(words))[:room]
    # CR and "erase to the end of the line" (ECMA-48 EL); TERM=dumb knows no escape, so it gets spaces
    tail = " " * (room - len(line)) + "\r" if os.environ.get("TERM") == "dumb" else "\x1b[K"
    sys.stderr.write(f"\r{line}{tail}")
    sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return 80


def can_draw() -> bool:
    """Say whether a person is at both ends of a terminal that can be drawn on."""
    return is_terminal(sys.stdout) and is_terminal(sys.stdin) and os.environ.get("TERM", "dumb") != "dumb"


def onto_terminal(words: str, stream: TextIO) -> None:
    """Write words with control sequences to a terminal as they are."""
    stream.write(words)
    stream.flush()


def can_copy() -> bool:
    """Say whether `copy` has a terminal to speak to."""
    return is_terminal(sys.stderr) or is_terminal(sys.stdout)


def flush() -> None:
    """Write out what is buffered. Raises StorageFailed when stdout cannot be written (a full disk)."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as failure:
        raise unwritten(failure) from None


def abandon() -> None:
    """Drop what is still buffered for a reader that has left, so that the interpreter does not complain at its end."""
    with open(os.devnull, "wb") as nothing:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                try:
                    os.dup2(nothing.fileno(), stream.fileno())
                except OSError:
                    pass


def unwritten(error: OSError) -> StorageFailed:
    """Return the error of a standard output that cannot be written."""
    abandon()
    if error.errno == errno.EBADF:
        return StorageFailed("cannot write to standard output: it is closed", hint="send it somewhere: > /dev/null")
    return StorageFailed(f"cannot write to standard output: {error.strerror}", hint="free space where it is sent to")


def ensure_writable() -> None:
    """Raise StorageFailed where standard output is closed: before something is made that is shown only once."""
    try:
        opened = fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL)
    except (OSError, ValueError):
        return  # no file of the system's
    if opened & os.O_ACCMODE == os.O_RDONLY:
        raise unwritten(OSError(errno.EBADF, ""))
