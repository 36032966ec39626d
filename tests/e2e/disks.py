"""A disk that can be filled and freed: a small tmpfs where this run may mount one, else a limit on the size of files.

The limit (RLIMIT_FSIZE) fails writes with EFBIG where a full disk fails them with ENOSPC; both are met on real machines
(ulimit -f, quotas), and one of the two can always be had.
"""

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil

from tests.e2e.machine import fresh, temporary
from tests.running import Flock


class Disk(Protocol):
    """`path` lies on it; `full` and `roomy` change what it takes, for processes that run as well."""

    path: Path
    kind: str

    def full(self, leave: int = 0) -> None:
        """Take no more than `leave` bytes from now on."""
        ...

    def roomy(self) -> None:
        """Take everything again."""
        ...

    @property
    def limit(self) -> Callable[[], None] | None:
        """What a new process must call first."""
        ...


class Tmpfs:
    """A real file system of a few megabytes."""

    kind = "tmpfs"
    limit = None

    def __init__(self, path: Path) -> None:
        self.path = path

    def full(self, leave: int = 0) -> None:
        """Write a file until nothing fits, then give `leave` bytes back."""
        with (self.path / "filler").open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"\0" * 4096)
        if leave:
            size = (self.path / "filler").stat().st_size
            os.truncate(self.path / "filler", max(0, size - leave))

    def roomy(self) -> None:
        """Remove the filler."""
        (self.path / "filler").unlink(missing_ok=True)


class Limited:
    """No file may grow beyond a size, in the processes of one flock."""

    kind = "limit"

    def __init__(self, path: Path, flock: Flock) -> None:
        self.path, self.flock = path, flock
        self.bytes = resource.RLIM_INFINITY

    def full(self, leave: int = 0) -> None:
        """Let no file grow beyond `leave` bytes."""
        self._set(leave)

    def roomy(self) -> None:
        """Lift the limit."""
        self._set(resource.RLIM_INFINITY)

    def _set(self, size: int) -> None:
        self.bytes = size
        for process in self.flock.processes():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    @property
    def limit(self) -> Callable[[], None] | None:
        """Set the limit in a child before it becomes flock; pipes have no size, so its words still come."""
        size = self.bytes
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextlib.contextmanager
def small_disk(flock: Flock, megabytes: int = 4, *, mounted: bool = True) -> Iterator[Disk]:
    """Yield a disk for one flock to lie on; it is gone afterwards."""
    with temporary("flock-disk-") as top:
        options = f"size={megabytes}m,mode=755"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(top)]
        if not mounted or os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            yield Limited(top, flock)
            return
        try:
            yield Tmpfs(top)
        finally:
            subprocess.run(["umount", "-l", str(top)], check=True)


@contextlib.contextmanager
def flock_on_disk(*, mounted: bool = True, **more: str) -> Iterator[tuple[Flock, Disk]]:
    """Yield a flock that has not been started, with all that is its own on a small disk."""
    with fresh(**more) as flock, small_disk(flock, mounted=mounted) as disk:
        usual, flock.home = flock.home, disk.path / "home"
        flock.environment["FLOCK_HOME"] = str(flock.home)
        try:
            yield flock, disk
        finally:
            disk.roomy()
            flock.run("down", "--grace", "0")
            flock.kill_all()
            flock.home = usual
