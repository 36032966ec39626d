"""`flock` alone: what runs, in brief, and the next commands.

Owns that first screen. Refuses to fail: a daemon that does not run is the most common thing it has to say. Called by
`app.py`.
"""

from flock.cli import out
from flock.cli.call import Perform, reach
from flock.client.door import ABSENT
from flock.contract.status import ShowStatus
from flock.errors import DaemonUnreachable
from flock.show import status as show


def run(perform: Perform) -> int:
    """Show the first screen and return 0."""
    try:
        view = show.brief(perform(ShowStatus(), False).value, out.command("flock"))
    except DaemonUnreachable as error:
        if error.details.get("state") not in ABSENT and reach().kind != "here":
            raise  # not that it does not run: nobody came as far as to see
        view = show.absent(error.sentence, out.command("flock"))
    out.show(view)
    return 0
