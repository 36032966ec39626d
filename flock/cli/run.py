"""`flock run`: the answer on standard output as it comes; on standard error what a person wants to know beside it.

Owns the reading of standard input, and when it is left alone: a terminal's, unless `-` or nothing is asked, and
/dev/null's (cron, `ssh -n`). Refuses to know how a model is asked: `local/prompts.py` does. Called by `deliver.py`.
"""

import os
import select
import shlex
import stat
import sys

from flock.cli import call, out
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.client.chat import Piece
from flock.contract import codec
from flock.contract.prompts import PromptAnswer, RunPrompt
from flock.errors import UsageError
from flock.local import attachments, prompts
from flock.text import count, size

# A pipe that says nothing for so long may be one that nobody writes to (ssh without -n): whoever looks is told.
TOLD_SECONDS = 2.0
# More than any file that may go along.
STDIN_BYTES = max(attachments.PICTURE_BYTES, attachments.TEXT_BYTES)


def run(op: RunPrompt, given: Given, perform: Perform) -> int:
    """Ask and show the answer as it comes, or as JSON once it is whole. Raises what asking raises."""
    del perform  # it runs here, and by the way that the command line chose
    stdin = stdin_of(0 if sys.stdin is not None else None, asked=op.prompt == ("-",), beside=bool(op.prompt or op.file))
    if given.json:
        value = prompts.answered(op, call.reach(), stdin, lambda _piece: None)
        present(op, given, Answer(value, codec.dumps(value)))
        return 0
    shown = _Shown(thinking=op.thinking, quiet=given.quiet)
    try:
        value = prompts.answered(op, call.reach(), stdin, shown.hear, shown.waits)
    finally:
        shown.end()
    if not given.quiet:
        _told(value)
    return 0


def stdin_of(descriptor: int | None, *, asked: bool, beside: bool) -> bytes:
    """Return what stands on a standard input, to its end; b"" for a closed one, /dev/null and other devices.

    A terminal is read only where that was `asked` for. `beside` says that there is a prompt beside it, so that a pipe
    that says nothing may be one that nobody meant. Raises UsageError for more than may be sent.
    """
    try:
        mode = os.fstat(-1 if descriptor is None else descriptor).st_mode
    except OSError:
        return b""
    if descriptor is None or (stat.S_ISCHR(mode) and not (asked and os.isatty(descriptor))):
        return b""
    if stat.S_ISCHR(mode):
        out.say("type the prompt; Ctrl-D ends it", "dim")
    return _read(descriptor, told=asked or not beside)


def _read(descriptor: int, *, told: bool) -> bytes:
    found = bytearray()
    while len(found) <= STDIN_BYTES:
        if not told and not select.select([descriptor], [], [], TOLD_SECONDS)[0]:
            told = True
            out.say(f"waiting for standard input to end; without it: {out.command('flock run … < /dev/null')}", "dim")
        try:
            part = os.read(descriptor, 1 << 16)
        except BlockingIOError:  # whoever made the pipe wanted it so
            select.select([descriptor], [], [])
            continue
        except OSError:
            part = b""
        if not part:
            return bytes(found)
        found += part
    raise UsageError(f"standard input is larger than {size(STDIN_BYTES)}", hint="send a part of it")


class _Shown:
    """The answer as it stands on the terminal, or goes into a pipe."""

    def __init__(self, *, thinking: bool, quiet: bool) -> None:
        self._thinking = thinking
        self._quiet = quiet
        # what was written last ("", "thinking", "text"), whether its line is open, whether a line of progress stands
        self._last = ""
        self._open = self._told = False

    def waits(self, words: str) -> None:
        """Say what is waited for, where a person looks."""
        if not self._quiet and not self._open:
            self._told = True
            out.progress(words)

    def hear(self, piece: Piece) -> None:
        """Show one piece."""
        if piece.kind == "thinking" and not self._thinking:
            self.waits("thinking …")
            return
        if piece.kind not in ("thinking", "text"):
            return
        if self._last != piece.kind or self._told:
            self.end()
        (out.aside if piece.kind == "thinking" else out.piece)(piece.words)
        self._last, self._open = piece.kind, not piece.words.endswith("\n")

    def end(self) -> None:
        """End the line that is open, so that what follows begins one."""
        if self._told:
            self._told = False
            out.progress("")
        if self._open:
            self._open = False
            (out.aside if self._last == "thinking" else out.piece)("\n")


def _told(value: PromptAnswer) -> None:
    """Say what a person wants to know of an answer, where one looks."""
    if value.finish == "length":
        out.say("the answer was cut off: it reached its limit of tokens", "warn")
    elif value.finish == "content_filter":
        out.say("the answer was cut off by a content filter", "warn")
    if not out.is_terminal(sys.stderr):
        return
    speed = f" at {value.tokens_per_second:g} tokens/s" if value.tokens_per_second is not None else ""
    tokens = f"{value.input_tokens:,} in, {count(value.output_tokens, 'token')} out{speed}"
    out.say(f"{value.model} · {tokens} · {out.command(over_there(f'flock explain {value.request_id}'))}", "dim")


def over_there(line: str) -> str:
    """Return a command line with the flock in it that this one speaks to, where that is another machine's."""
    host = call.reach().host
    return line.replace("flock ", f"flock --host {shlex.quote(host)} ", 1) if host else line
