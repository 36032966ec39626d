"""Finding the other `flock` on PATH and becoming it.

Owns the walk over PATH, how a copy of ours is recognised, and the exec that leaves the other program the process as
our caller made it. Refuses to decide whether to hand over (`__main__.py`) and to import anything slow: this runs
inside other people's cron jobs. Called by `__main__.py`, and by `names.py` for the walk.

Python changes three things of a process, and all are put back: SIGPIPE and SIGXFSZ, which it ignores (a caller that
itself ignored them cannot be told apart; the default is what a shell, cron and subprocess give); LC_CTYPE, which it
sets under the C locale (PEP 538); descriptors are left alone, since Python closes on exec only what it opened itself.
"""

import os
import sys
from collections.abc import Iterator

# sysexits.h EX_UNAVAILABLE, which flock(1) itself uses where a command cannot be executed
UNAVAILABLE = 69

# pip, pipx and uv write `from flock.__main__ import main` within the first 512 bytes, behind `#!` and the
# interpreter's path; where that path is long it stands in an `exec` line instead, and may be PATH_MAX bytes.
_MARK = b"flock.__main__"
_HEAD = 512 + 4096

# A program that only starts another one (a pyenv or mise shim, a wrapper of the user's) may lead back to us. What was
# tried is kept here as `PID:PROGRAM:PROGRAM…`, unless the program is plainly a flock(1).
_TRIED = "_FLOCK_TRIED"
_PLAIN = ("flock", "busybox", "toybox")
# A launcher that forks changes the pid; a command under a lock may well call flock again through the same launcher.
_TRIES = 4


def programs(name: str, path: str) -> Iterator[str]:
    """Yield each executable file called `name` on `path` in order; an empty entry is the current directory (POSIX)."""
    for place in path.split(":"):
        file = os.path.join(place or ".", name)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            yield file


def head(file: str, size: int = _HEAD) -> bytes:
    """Return the first `size` bytes of `file`, empty where it may be executed but not read."""
    try:
        with open(file, "rb", buffering=0) as stream:
            return stream.read(size) or b""
    except OSError:
        return b""


def is_ours(file: str) -> bool:
    """Say whether `file` is a console script of flock, this one or that of any other installation."""
    start = head(file)
    return start.startswith(b"#!") and _MARK in start


def _first_environment() -> dict[bytes, bytes]:
    """Return the environment this process was started with, before Python set LC_CTYPE (Linux; elsewhere as it is)."""
    try:
        with open("/proc/self/environ", "rb") as stream:
            pairs = (entry.partition(b"=") for entry in stream.read().split(b"\0"))
            return {key: value for key, equals, value in pairs if key and equals}
    except OSError:
        return dict(os.environb)


def _restore_signals() -> None:
    import signal

    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def _is_plain(program: str) -> bool:
    return not head(program, 2).startswith(b"#!") and os.path.basename(os.path.realpath(program)) in _PLAIN


def hand_over(arguments: list[str]) -> int:
    """Replace this process by the next `flock` on PATH that is not ours; return only where there is none.

    Arguments, environment, descriptors and the pid stay, so the exit code and signals are the other's own.
    """
    path = os.environ.get("PATH", os.defpath)
    environment = _first_environment()
    pid, *tried = os.fsdecode(environment.pop(os.fsencode(_TRIED), b"")).split(":")
    own = os.path.realpath(sys.argv[0])
    for program in programs("flock", path):
        again = tried.count(program)
        if again and (pid == str(os.getpid()) or again >= _TRIES):
            continue
        if os.path.realpath(program) == own or is_ours(program):
            continue
        if not _is_plain(program):
            environment[os.fsencode(_TRIED)] = os.fsencode(":".join([str(os.getpid()), *tried, program]))
        _restore_signals()
        try:
            os.execve(program, ["flock", *arguments], environment)
        except OSError:  # not for this machine, or a script without a first line: the next may be better
            environment.pop(os.fsencode(_TRIED), None)
    if sys.stderr is not None:  # it is where the caller closed descriptor 2
        sys.stderr.write(
            "flock: these arguments are for the file lock flock(1), and PATH has no other flock than this one; "
            "install util-linux, or use flockctl for flock's own commands\n"
        )
    return UNAVAILABLE
