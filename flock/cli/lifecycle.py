"""Starting, stopping and examining flock: the verbs that outlive or outwait one answer.

Owns the wait for the daemon's end and doctor's exit code. Called by `deliver.py`.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from flock.cli import out
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.client.blocking import ABSENT
from flock.contract import codec
from flock.contract.lifecycle import Down, RunDoctor, ShowLogs, Stopped, Up
from flock.contract.op import Op
from flock.errors import DaemonUnreachable, InternalError
from flock.paths import find_home

# After its answer the daemon lets requests end (the operation's own grace) and stops its engines (a ladder of some
# seconds); beyond this it hangs.
GONE_SECONDS = 30.0
_LOOK_SECONDS = 0.05


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Carry out up, down, logs or doctor and return the exit code."""
    if isinstance(op, Up):
        return _up(op, given, perform)
    if isinstance(op, Down):
        return _down(op, given, perform)
    if isinstance(op, ShowLogs):
        return _logs(op, given, perform)
    assert isinstance(op, RunDoctor)
    answer = perform(op, given.yes)
    present(op, given, answer)
    return 1 if answer.value.serious else 0


def _up(op: Up, given: Given, perform: Perform) -> int:
    if op.foreground:
        from flock.cli.up import serve

        return serve()
    answer = perform(op, given.yes)
    present(op, given, answer)
    if sys.stdin.isatty():
        from flock.cli import wizard

        home = find_home()
        if wizard.is_due(op, given, answer.value, home, os.environ):
            wizard.offer(home, perform)
    return 0


def _down(op: Down, given: Given, perform: Perform) -> int:
    from flock.client.presence import is_alive, lock_pid

    # read before the call: the daemon empties its lock file as it goes
    pid = lock_pid(find_home())
    try:
        answer = perform(op, given.yes)
    except DaemonUnreachable as error:
        state = error.details.get("state")
        if state != "broken" and state not in ABSENT:
            raise
        # a daemon that was ending already may hang up without an answer; if it is gone, that is what was asked for
        ended = Stopped(running=bool(pid) and state == "broken", pid=pid if state == "broken" else None)
        answer = Answer(ended, codec.dumps(ended))
    pid = answer.value.pid or pid if answer.value.running else None
    if pid and not wait_until(lambda: not is_alive(pid), op.grace_seconds + GONE_SECONDS):
        raise InternalError(f"flock was told to stop, but its process {pid} is still there", hint=f"kill -KILL {pid}")
    present(op, given, answer)
    return 0


def wait_until(there: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until `there` holds; False when it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _logs(op: ShowLogs, given: Given, perform: Perform) -> int:
    if not op.follow:
        present(op, given, perform(op, given.yes))
        return 0
    from flock.local.logs import follow

    lines: Iterator[str] = follow(find_home(), op.lines)
    for line in lines:
        if given.json:
            out.data(codec.dumps({"text": line}))
        else:
            out.raw(out.clean(line) if out.is_terminal(sys.stdout) else line)
    return 0
