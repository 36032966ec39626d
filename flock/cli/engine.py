"""`flock engine attach`, the one verb with a secret to hand in, which never stands on a command line; `engine logs -f`,
which goes on; `engine check`, whose exit code tells.

Owns where the key is looked for, and the asking for more of a log. Refuses to wait for a standard input that stays open
and silent (cron's, ssh's). Called by `deliver.py`.
"""

import dataclasses
import os
import select
import stat
import sys
import time
from typing import Any

from flock.cli import out
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract import codec
from flock.contract.engines import AttachEngine, CheckEngines, ShowEngineLog
from flock.contract.op import Op
from flock.errors import UsageError

# `pass show gpu-box | flock engine attach …` may ask for a passphrase first, but a pipe that nobody writes to looks
# the same; what takes longer can use FLOCK_ENGINE_KEY.
PIPE_SECONDS = 2.0
# No API key is longer; a file given by mistake is refused and not sent anywhere.
KEY_BYTES = 4096
# All that came since the last look, of the lines that are kept.
LINES_MAX = 2000


# How long one look at a log waits for news: the daemon's longest
FOLLOW_SECONDS = 30.0


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Carry out attach, logs or check and return the exit code."""
    if isinstance(op, ShowEngineLog):
        return _logs(op, given, perform)
    if isinstance(op, CheckEngines):
        answer = perform(op, given.yes)
        present(op, given, answer)
        return 1 if any(check.state == "failed" for check in answer.value) else 0
    assert isinstance(op, AttachEngine)
    return _attach(op, given, perform)


def _logs(op: ShowEngineLog, given: Given, perform: Perform) -> int:
    """Show what an engine said; followed, each line as it comes until Ctrl-C, as JSON lines with --json."""
    answer = perform(op, given.yes)
    if not op.follow:
        present(op, given, answer)
        return 0
    while True:
        for line in answer.value.lines:
            if given.json:
                out.data(codec.dumps({"text": line}))
            else:
                out.raw(out.clean(line) if out.is_terminal(sys.stdout) else line)
        following = dataclasses.replace(op, lines=LINES_MAX, after=answer.value.next, wait_seconds=FOLLOW_SECONDS)
        answer = perform(following, given.yes)


def _attach(op: AttachEngine, given: Given, perform: Perform) -> int:
    """Attach an engine with the key from FLOCK_ENGINE_KEY or standard input, and show it."""
    key = op.key or os.environ.get("FLOCK_ENGINE_KEY", "").strip() or key_from(0)
    present(op, given, perform(dataclasses.replace(op, key=key), given.yes))
    return 0


def key_from(descriptor: int, patience: float = PIPE_SECONDS) -> str:
    """Return the key that a file or pipe holds, without white space around it; empty when there is none.

    Terminals, devices and sockets are not read. A pipe is waited for at most `patience` seconds in all.
    Raises UsageError for what cannot be a key.
    """
    words = words_from(descriptor, patience).strip()
    if len(words) > KEY_BYTES or len(words.split()) > 1 or not words.isascii():
        raise UsageError(
            "what came on standard input is no API key: one word of printable characters is",
            hint="FLOCK_ENGINE_KEY=… flock engine attach URL",
        )
    return words.decode()


def words_from(descriptor: int, patience: float = PIPE_SECONDS, most: int = KEY_BYTES) -> bytes:
    """Return what a file or pipe holds, a little more than `most` bytes where it holds more; b"" of anything else."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return b""
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        return b""
    return _read(descriptor, patience if stat.S_ISFIFO(mode) else None, most)


def _read(descriptor: int, patience: float | None, most: int) -> bytes:
    words = b""
    end = time.monotonic() + (patience or 0.0)
    while len(words) <= most:
        if patience is not None:
            ready: list[Any] = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                break
        part = os.read(descriptor, KEY_BYTES)
        if not part:
            break
        words += part
    return words
