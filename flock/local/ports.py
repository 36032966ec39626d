"""Who listens on a TCP port of this machine, and which port is free.

Owns no socket for longer than a look. Called by doctor and by the daemon, to name a taken port's owner.
"""

import contextlib
import socket


def owner(port: int) -> str:
    """Return "nginx (process 812)" for whoever listens on a port, "" when nobody does or it cannot be seen."""
    import psutil  # 20 ms that only a taken port costs

    with contextlib.suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr[1] == port and found.pid:
                with contextlib.suppress(psutil.Error):
                    return f"{psutil.Process(found.pid).name()} (process {found.pid})"
                return f"process {found.pid}"
    return ""


def is_free(host: str, port: int) -> bool:
    """Say whether a server could listen there now; one that just ended is no obstacle (SO_REUSEADDR)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            # a bind beside a listener succeeds on Linux when both reuse the address; a listen does not
            probe.listen(1)
    except (OSError, OverflowError):
        return False
    return True


def next_free(host: str, port: int) -> int:
    """Return the first free port above `port`, `port` itself when the next 200 are taken."""
    return next((p for p in range(port + 1, min(port + 201, 65536)) if is_free(host, p)), port)
