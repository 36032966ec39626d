"""The sockets of the two doors: binding them, and saying what stands in the way.

Refuses to listen beyond loopback when keys are not required. Called by daemon/serve.py.
"""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

from flock.config import Config
from flock.errors import ConfigInvalid, StartFailed
from flock.local import ports

Stop = Callable[[float], None]
Socket = socket.socket

# with the default of 128, a burst of 128 clients stalls for a second (SYN retransmission)
BACKLOG = 4096


def public_socket(config: Config) -> Socket:
    """Bind the public address.

    Raises ConfigInvalid for an open door without keys, StartFailed naming who holds a taken port.
    """
    where = config.listen
    if not where.loopback and not config.auth.require_keys:
        raise ConfigInvalid(
            f"listen is {where.text}, which other machines reach, and auth.require_keys is false",
            hint=config.change("auth.require_keys", "true"),
        )
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((where.host, where.port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _taken(config, error) from None
    bound.setblocking(False)
    return bound


def _taken(config: Config, error: OSError) -> StartFailed:
    where = config.listen
    if error.errno == errno.EADDRINUSE:
        owner = ports.owner(where.port) or "a process of another user"
        return StartFailed(f"port {where.port} is taken by {owner}", hint=another_port(config, where.port))
    if error.errno in (errno.EACCES, errno.EPERM):
        return StartFailed(f"this user may not listen on port {where.port}", hint=another_port(config, 8079))
    return StartFailed(f"cannot listen on {where.text}: {error.strerror or error}", hint="flock config get listen")


def another_port(config: Config, after: int) -> str:
    """Return the line that lets the next start take the first free port above `after`."""
    where = config.listen
    return config.change("listen", f"{where.host_text}:{ports.next_free(where.host, after)}")


def private_socket(path: Path, *, group: bool = False) -> Socket:
    """Bind the private door, mode 0600, or 0660 for this process's group.

    The lock is held, so a socket that stands there is a dead daemon's. Raises StartFailed.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117 if group else 0o177)
    try:
        path.unlink(missing_ok=True)
        bound.bind(str(path))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise StartFailed(f"cannot make the socket {path}: {error.strerror}", hint="flock doctor") from None
    finally:
        os.umask(before)
    bound.setblocking(False)
    return bound
