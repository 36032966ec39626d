"""What may be said of any command, before it or behind it: which flock is meant, and that nobody answers questions.

Owns the options that belong to no operation, and whether questions may be asked at all. Refuses to ask any. Called by
`app.py` before the line is read, since each would otherwise have to stand in every command's signature; by `ask.py`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from flock.errors import UsageError

# The options, each with whether a value follows
OPTIONS = {"--host": True, "--context": True, "--no-input": False}
# Behind these words they are fields of a command's own: the address to listen at, a model's window
FIELDS = {"--host": ("expose",), "--context": ("model", "config")}


@dataclass(frozen=True, slots=True)
class Preface:
    """`words` are what is left for the command; `host` is ssh://…, http(s)://… or the name of a context, "" where none
    was named; `no_input`: ask nothing.
    """

    words: list[str]
    host: str = ""
    no_input: bool = False


def read(words: list[str]) -> Preface:
    """Take `--host WHERE`, `--context NAME` and `--no-input` out of a command line, up to a `--`. Raises UsageError."""
    end = words.index("--") if "--" in words else len(words)
    left: list[str] = []
    host, no_input, at = "", False, 0
    while at < end:
        word = words[at]
        name, equals, value = word.partition("=")
        at += 1
        if word == "--no-input":
            no_input = True
        elif name in FIELDS and tuple(left[: len(FIELDS[name])]) != FIELDS[name]:
            if not equals:
                if at >= end:
                    raise UsageError(
                        f"{name} needs a value: ssh://USER@BOX, http(s)://HOST, or a context's name",
                        hint="flock context ls",
                    )
                value, at = words[at], at + 1
            host = value
        else:
            left.append(word)
    return Preface([*left, *words[end:]], host, no_input)


_NO_INPUT = "FLOCK_NO_INPUT"
_said_no_input = False


def heed(said: Preface) -> None:
    """Remember for this command line that nothing is to be asked."""
    global _said_no_input
    _said_no_input = said.no_input


def asks_nothing(environ: Mapping[str, str] = os.environ) -> str:
    """Return what says that nothing is to be asked, `--no-input` or FLOCK_NO_INPUT; "" when nothing does."""
    if _said_no_input:
        return "--no-input"
    return f"{_NO_INPUT}={environ[_NO_INPUT]}" if environ.get(_NO_INPUT, "0") not in ("", "0") else ""
