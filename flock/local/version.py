"""`flock version`: which flock this is, and which one answers as the daemon.

Owns nothing but the answer. Called through `operations.run`.
"""

import platform

from flock import __version__
from flock.client.door import ABSENT
from flock.client.presence import look
from flock.contract.lifecycle import ShowVersion, VersionInfo
from flock.contract.status import ShowStatus
from flock.errors import DaemonUnreachable
from flock.local.operations import Here, handles
from flock.names import preferred_command


@handles(ShowVersion)
def show_version(op: ShowVersion, here: Here) -> VersionInfo:
    """Return this installation's version and the running daemon's, empty where none answers."""
    return VersionInfo(
        version=__version__,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        command=preferred_command(here.path),
        daemon=_daemon(here),
    )


def _daemon(here: Here) -> str:
    if here.reach is None:
        return look(here.home).version
    try:
        return here.reach.call(ShowStatus())[0].version
    except DaemonUnreachable as error:
        if error.details.get("state") in ABSENT:
            return ""
        raise  # who asks for another machine's wants to know why it cannot be told
