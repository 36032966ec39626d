"""Which program the names `flock` and `flockctl` mean under a given PATH, and which of them to print.

Owns the answer for `doctor` and for every printed command. Refuses to run what it finds: files are read, never
executed. Called by doctor, by the ready card and wherever a hint names a command.
"""

import os
import re
import shlex
import sys
from dataclasses import dataclass
from typing import Literal

from flock.handover import head, is_ours, programs

# What Debian's cron gives a job that sets no PATH of its own (crontab(5))
CRON_PATH = "/usr/bin:/bin"

NAMES = ("flock", "flockctl")

# flock(1) is 30 to 70 kB and carries its package's name for --version; more is not read
_PROGRAM_BYTES = 1 << 20

Kind = Literal["ours", "util-linux", "other", "missing"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name leads to: `path` is the program found, empty where `kind` is `missing`."""

    name: str
    path: str
    kind: Kind


def resolve(name: str, path: str) -> Resolution:
    """Find the first executable called `name` on `path` (colon-separated, as in PATH) and say whose it is."""
    program = next(programs(name, path), None)
    if program is None:
        return Resolution(name, "", "missing")
    return Resolution(name, program, _kind(program))


def _kind(program: str) -> Kind:
    if is_ours(program):
        return "ours"
    content = head(program, _PROGRAM_BYTES)
    return "util-linux" if not content.startswith(b"#!") and b"util-linux" in content else "other"


def own_script(called_as: str | None = None, python: str | None = None) -> str:
    """Return the absolute path of a console script of this installation, empty where it has none.

    `called_as` (default: how this process was called) is taken if it is such a script; else one beside the
    interpreter `python` (default: this one's), where pip, pipx and uv put it.
    """
    called = os.path.abspath(called_as or sys.argv[0])
    place = os.path.dirname(os.path.abspath(python or sys.executable))
    for file in (called, *(os.path.join(place, name) for name in NAMES)):
        if os.path.basename(file) in NAMES and os.access(file, os.X_OK) and is_ours(file):
            return file
    return ""


def preferred_command(path: str, *, called_as: str | None = None, python: str | None = None) -> str:
    """Return the command to print for a user whose PATH is `path`, quoted for a shell.

    The first of `flock` and `flockctl` that leads to ours; else the absolute path of our script; else, from a bare
    checkout, `PYTHON -m flock`.
    """
    for name in NAMES:
        if resolve(name, path).kind == "ours":
            return name
    script = own_script(called_as, python)
    return shlex.quote(script) if script else f"{shlex.quote(python or sys.executable)} -m flock"


# where a command begins in a line of several: "flock down; mv a b; flock up", "(umask 077; flock token create …)"
_BEGINS = re.compile(r"(^|; |&& |\()flock (?=[a-z-])")


def spelled(line: str, command: str) -> str:
    """Return a printed line with every call of flock in it made by `command`; other words stay as they are."""
    return _BEGINS.sub(lambda found: f"{found[1]}{command} ", line)
