"""`flock up --foreground`: this process becomes the daemon.

The one door from the command line to the daemon, opened only here and only then. Called by `lifecycle.py`.
"""

import os

from flock.paths import find_home


def serve() -> int:
    """Serve until told to stop and return the exit code.

    A parent that waits for the daemon passes the write end of a pipe as FLOCK_READY_FD; engines must not inherit it.
    """
    from flock.daemon.serve import run

    words = os.environ.pop("FLOCK_READY_FD", "")
    ready_fd = int(words) if words.isascii() and words.isdigit() else None
    if ready_fd is not None:
        os.set_inheritable(ready_fd, False)
    return run(find_home(), ready_fd)
