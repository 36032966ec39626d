"""`flock version`: which flock this is, and which one answers as the daemon.

Owns nothing but the answer. Called through `operations.run`.
"""

import platform

from flock import __version__
from flock.client.presence import look
from flock.contract.lifecycle import ShowVersion, VersionInfo
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
        daemon=look(here.home).version,
    )
