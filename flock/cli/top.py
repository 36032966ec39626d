"""`flock top`: what goes on, live: drawn anew with every event and once a second, until q or Ctrl-C.

Owns what wakes the screen; the screen itself is watch.py's, how it looks is show/top.py's. Elsewhere than on a terminal
it is shown once. Called by deliver.py.
"""

import contextlib

from flock.cli import out, watch
from flock.cli.call import Perform, follow
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.events import FollowEvents, ShowTop
from flock.errors import FlockError

# without an event, so that times and rates move
_EVERY_SECONDS = 1.0
_KINDS = "request.stage,engine.state,model.state"


def run(op: ShowTop, given: Given, perform: Perform) -> int:
    """Show it until q or Ctrl-C, or once. Raises DaemonUnreachable when no daemon is there to begin with."""
    answer = perform(op, given.yes)
    if op.once or given.json or given.quiet or not out.can_draw():
        present(op, given, answer)
        return 0
    rhythm = watch.Rhythm(_EVERY_SECONDS, _bell(answer.value.last_event), title=False)
    return watch.live(op, given, perform, answer, rhythm)


def _bell(since: int) -> watch.Bell:
    """Return what rings with every event after `since`, and with all of a daemon that comes after this one."""

    def ring(wake: "watch.Wake", ended: "watch.Ended") -> None:
        after = since
        while True:
            # where the feed ends, the next look says why
            with contextlib.suppress(FlockError):
                for _ in follow(FollowEvents(kind=_KINDS, since=after)):
                    wake()
            after = -1  # another daemon counts from the beginning
            if ended(_EVERY_SECONDS):
                return

    return ring
