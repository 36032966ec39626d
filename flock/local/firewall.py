"""Which firewall this machine seems to have, and the command that would open a port in it.

Refuses to change one: nothing here needs or takes root. Called by `expose.py` and doctor.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

Which = Callable[[str], str | None]

# Debian keeps sbin out of a user's PATH, where all of these lie
_PLACES = ("/usr/sbin", "/sbin", "/usr/local/sbin")


def which(name: str) -> str | None:
    """Return where a program of the system's is, looked for in sbin too."""
    return shutil.which(name) or next((found for at in _PLACES if (found := shutil.which(name, path=at))), None)


def commands(port: int, root: Path = Path("/"), find: Which = which) -> Iterator[str]:
    """Yield the commands that would open a TCP port, for what is installed under `root`; none where nothing is."""
    if sys.platform == "darwin":
        yield "System Settings > Network > Firewall: let Python take incoming connections"
        return
    if _ufw(root) and find("ufw"):
        yield f"sudo ufw allow {port}/tcp"
    elif find("firewall-cmd") and (root / "run/firewalld").exists():
        yield f"sudo firewall-cmd --permanent --add-port={port}/tcp && sudo firewall-cmd --reload"
    elif find("nft") and (root / "etc/nftables.conf").exists():
        yield f"sudo nft add rule inet filter input tcp dport {port} accept   # where there is such a chain"


def _ufw(root: Path) -> bool:
    """Say whether ufw is switched on; its rules are root's to read, this file is everybody's."""
    try:
        return "ENABLED=yes" in (root / "etc/ufw/ufw.conf").read_text()
    except OSError:
        return False
