"""Doctor's check that the hourly sums of usage are those of its rows, for one day by lot.

Asks the daemon, which alone opens the database. Called by `doctor.py`.
"""

from collections.abc import Iterator

from flock import text
from flock.client.blocking import Client
from flock.contract.lifecycle import Check
from flock.contract.usage import VerifyUsage
from flock.local.scene import NOTE, OK, WARNING, Scene


def usage(scene: Scene) -> Iterator[Check]:
    """Say whether the sums of a recent day are those of its rows."""
    if scene.status is None or scene.presence.state != "running":
        return
    found, _ = Client(scene.home.socket).call(VerifyUsage())
    if found.unsummed:
        yield Check("usage", NOTE, "usage of an older release is being summed up; answers count its rows meanwhile")
    if found.differing:
        words = f"the hourly sums of {found.day} are of {found.summed:,} requests, and {found.rows:,} are on record"
        more = f"; first: {found.differing[0]}"
        yield Check("usage", WARNING, words + more, scene.fix(f"flock usage verify --day {found.day}"))
    elif found.day:
        requests = text.count(found.rows, "request")
        yield Check("usage", OK, f"the hourly sums of {found.day} are those of {requests}")
