"""`flock events`: what happens, one line each, as it happens.

Called by deliver.py.
"""

import sys

from flock.cli import out
from flock.cli.call import Perform, follow
from flock.cli.tree import Given
from flock.contract.events import Event, FollowEvents
from flock.errors import DaemonUnreachable


def run(op: FollowEvents, given: Given, perform: Perform) -> int:
    """Print events until Ctrl-C. Raises DaemonUnreachable when the daemon goes down."""
    for data in follow(op):
        if given.json:
            out.data(data)
            continue
        from flock.contract import codec
        from flock.show import events

        event: Event = codec.loads(Event, data, "event")
        if given.quiet:
            out.raw(event.subject)
        elif out.is_terminal(sys.stdout):
            out.raw(out.clean(events.line(event)))
        else:
            out.raw("\t".join(out.clean(cell) for cell in events.cells(event)))
    raise DaemonUnreachable("flock went down, and its events have ended", hint="flock up", details={"state": "absent"})
