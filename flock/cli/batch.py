"""`flock batch`: one line of progress while it runs, what it came to at its end, and an exit code that says it.

Owns what a signal means: that of Ctrl-C, of `kill` and of a terminal that goes away end the batch between two answers.
Refuses to know how a batch is carried out: `local/batches.py` does. Called by `deliver.py`.
"""

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Generator

from flock.cli import call, out
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.run import over_there
from flock.cli.tree import Given
from flock.contract import codec
from flock.contract.batches import Batch, RunBatch
from flock.contract.op import command_line
from flock.local import batches
from flock.show import batch as show

# EX_TEMPFAIL of sysexits.h: some lines are left, and the same command with --resume goes on
_LEFT, _FAILED = 75, 1


def run(op: RunBatch, given: Given, perform: Perform) -> int:
    """Carry out the batch and return 0 when all were answered, 1 when some failed, 75 when some are left."""
    del perform  # it runs here, and by the way that the command line chose
    quiet = given.json or given.quiet

    def tell(progress: batches.Progress) -> None:
        if not quiet:
            out.progress(show.under_way(progress))

    with _signals():
        try:
            value = batches.carried_out(op, call.reach(), tell)
        finally:
            if not quiet:
                out.progress("")
    present(op, given, Answer(value, codec.dumps(value)))
    if value.left and not given.json:
        if value.why:
            out.say(out.command(value.why), "warn")
        again = over_there(command_line(dataclasses.replace(op, resume=True)))
        out.say(f"to go on: {out.command(again)}", "dim")
    return code_of(value)


def code_of(value: Batch) -> int:
    """Return the exit code of a batch."""
    if value.left:
        return _LEFT
    return _FAILED if value.failed or value.unknown else 0


@contextlib.contextmanager
def _signals() -> Generator[None]:
    """Let what would kill the process end the batch in the way Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
