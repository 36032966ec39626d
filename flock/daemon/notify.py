"""Telling the system that started the daemon how it goes: ready, alive, going down (sd_notify(3)).

Owns the datagrams to systemd's socket, and the pings of its watchdog. They are sent by the event loop itself, so that
they end when it hangs and systemd starts the daemon anew. Refuses to fail: without such a system every word is lost.
Called by daemon/serve.py.
"""

import asyncio
import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

# How long a word that matters may wait for a manager that is behind with reading; a ping that is lost is followed by
# the next one. Bounds a manager that hangs.
_WORD_SECONDS = 1.0
_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """The way to the system's manager; `interval` is how often it is to be told that we live, in seconds, 0 for never.

    sd_watchdog_enabled(3) recommends half of what the manager allows.
    """

    def __init__(self, address: str = "", interval: float = 0.0) -> None:
        self.interval = interval if address else 0.0
        # "@" stands for the NUL of Linux's abstract sockets; vsock addresses are for virtual machines' own managers
        self._address = "\0" + address[1:] if address.startswith("@") else address if address.startswith("/") else ""

    @property
    def present(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._address)

    def ready(self, words: str) -> None:
        """Say that the daemon serves."""
        self._tell("READY=1", f"STATUS={words}", patience=_WORD_SECONDS)

    def stopping(self, words: str) -> None:
        """Say that the daemon goes down."""
        self._tell("STOPPING=1", f"STATUS={words}", patience=_WORD_SECONDS)

    async def live(self) -> None:
        """Say again and again that the event loop turns, until cancelled."""
        while self.interval:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.interval)

    def _tell(self, *lines: str, patience: float = 0.0) -> None:
        if not self._address:
            return
        message = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as way:
                way.settimeout(patience)  # 0: a manager that does not read must not hold the loop
                way.connect(self._address)
                way.send(message.encode())
        except OSError as error:
            log.debug("the system's manager was not told %s: %s", lines[0], error)


def from_environment(environ: MutableMapping[str, str]) -> Notifier:
    """Return the way to the manager that the variables name, and take them away: engines must not speak for us."""
    said = {name: environ.pop(name, "") for name in _VARIABLES}
    allowed, pid = said["WATCHDOG_USEC"], said["WATCHDOG_PID"]
    ours = not pid or pid == str(os.getpid())
    microseconds = int(allowed) if ours and allowed.isascii() and allowed.isdigit() else 0
    return Notifier(said["NOTIFY_SOCKET"], microseconds / 2e6)
