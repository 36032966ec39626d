"""`flock` alone: what runs, in brief, and the next commands.

Owns that first screen. Refuses to fail: a daemon that does not run is the most common thing it has to say. Called by
`app.py`.
"""

from flock.cli import out
from flock.cli.call import Perform
from flock.contract.status import ShowStatus
from flock.errors import DaemonUnreachable
from flock.show import status as show


def run(perform: Perform) -> int:
    """Show the first screen and return 0."""
    try:
        view = show.brief(perform(ShowStatus(), False).value, out.command("flock"))
    except DaemonUnreachable as error:
        view = show.absent(error.sentence, out.command("flock"))
    out.show(view)
    return 0
