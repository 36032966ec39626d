"""The sockets of the two doors: binding them, and saying what stands in the way.

Refuses to listen beyond loopback when keys are not required. Called by daemon/serve.py.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import psutil

from flock.config import Listen
from flock.errors import ConfigInvalid, StartFailed

Stop = Callable[[float], None]
Socket = socket.socket

# with the default of 128, a burst of 128 clients stalls for a second (SYN retransmission)
BACKLOG = 4096


def public_socket(where: Listen, *, required: bool) -> Socket:
    """Bind the public address.

    Raises ConfigInvalid for an open door without keys, StartFailed naming who holds a taken port.
    """
    if not where.loopback and not required:
        raise ConfigInvalid(
            f"listen is {where.text}, which other machines reach, and auth.require_keys is false",
            hint="flock config set auth.require_keys true, or flock config set listen 127.0.0.1:8080",
        )
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((where.host, where.port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _taken(where, error) from None
    bound.setblocking(False)
    return bound


def _taken(where: Listen, error: OSError) -> StartFailed:
    if error.errno == errno.EADDRINUSE:
        owner = port_owner(where.port)
        return StartFailed(
            f"port {where.port} is taken" + (f" by {owner}" if owner else ""),
            hint=f"flock config set listen {where.host_text}:{free_port(where.host, where.port + 1)}",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return StartFailed(
            f"this user may not listen on port {where.port}", hint=f"flock config set listen {where.host_text}:8080"
        )
    return StartFailed(f"cannot listen on {where.text}: {error.strerror or error}", hint="flock config get listen")


def port_owner(port: int) -> str:
    """Return "nginx (pid 812)" for whoever listens on a TCP port, "" when it cannot be seen."""
    with contextlib.suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr[1] == port and found.pid:
                with contextlib.suppress(psutil.Error):
                    return f"{psutil.Process(found.pid).name()} (pid {found.pid})"
                return f"pid {found.pid}"
    return ""


def free_port(host: str, first: int) -> int:
    """Return the first port from `first` on that can be bound now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + 200, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    return first


def private_socket(path: Path) -> Socket:
    """Bind the private door, mode 0600. The lock is held, so a socket that stands there is a dead daemon's."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise StartFailed(f"cannot make the socket {path}: {error.strerror}", hint="flock doctor") from None
    finally:
        os.umask(before)
    bound.setblocking(False)
    return bound
