"""Where the processes of a test connect to: every address, by a library that is preloaded into them.

`Watch` gives the environment under which a daemon is watched, with all its children, and afterwards the addresses it
contacted. A look-up of a name counts as contacting it. Works on Linux with a C compiler, without privileges; elsewhere
`library` is None and nothing is watched. tests/running.py watches every flock; tests/e2e/test_egress.py shows that what
is seen is all there is.
"""

import atexit
import functools
import hashlib
import ipaddress
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
# names that the hosts file knows on every system; the machine's own is one too (curl looks it up to say its version)
HERE = ("localhost", "localhost.localdomain", "ip6-localhost")
_numbers = itertools.count()


@dataclass(frozen=True, order=True)
class Contact:
    """One call: who made it, what it was, the address or name, the port (0 for a name)."""

    pid: int
    call: str
    kind: str
    host: str
    port: int

    @property
    def inside(self) -> bool:
        """Whether it stayed on this machine's loopback."""
        try:
            return self.kind in ("inet", "name") and _is_loopback(_spelled(self.host))
        except ValueError:
            return self.kind == "name" and self.host in (*HERE, socket.gethostname())


def _spelled(host: str) -> str:
    """Return an address as it is usually written: "2130706433" and "0x7f.1" are ones too, and no look-ups."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    # to connect to 0.0.0.0 is to connect to this machine
    return inner.is_loopback or inner.is_unspecified


@functools.cache
def library() -> Path | None:
    """Return the library, built once per machine; None where it cannot be built or loaded."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if sys.platform != "linux" or compiler is None:
        return None
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"flock-tests-egress-{os.getuid()}-{version}.so"
    if not place.exists():
        made = place.with_suffix(f".{os.getpid()}")
        argv = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"]
        if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
            return None
        made.chmod(0o755)
        made.replace(place)  # whole, whoever else builds it at the same time
    # a directory from which nothing may be run, or another libc: every process would print that it cannot be preloaded
    tried = subprocess.run(
        [sys.executable, "-c", ""], env={"LD_PRELOAD": str(place)}, capture_output=True, text=True, check=False
    )
    return place if tried.returncode == 0 and not tried.stderr else None


@functools.cache
def _folder() -> Path:
    """Return where the records of this test run are, which other users' processes may write too."""
    folder = Path(tempfile.mkdtemp(prefix="egress-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Watch:
    """The record of some processes. `environment` is empty where nothing can be watched."""

    def __init__(self) -> None:
        found = library()
        self.environment: dict[str, str] = {}
        self._file: Path | None = None
        if found is not None:
            self._file = _folder() / str(next(_numbers))
            self._file.touch()
            self._file.chmod(0o666)
            self.environment = {"LD_PRELOAD": str(found), "EGRESS_FILE": str(self._file)}

    def contacts(self) -> set[Contact]:
        """Return every contact so far."""
        if self._file is None:
            return set()
        rows = (line.split("\t") for line in self._file.read_text(errors="replace").splitlines())
        return {Contact(int(pid), call, kind, host, int(port)) for pid, call, kind, host, port in rows}

    def outside(self) -> list[Contact]:
        """Return the contacts that left this machine, or would have if there were a network."""
        return sorted(contact for contact in self.contacts() if not contact.inside)

    def ports(self) -> set[tuple[str, int]]:
        """Return the (address, port) of every connection."""
        return {(contact.host, contact.port) for contact in self.contacts() if contact.kind == "inet"}
