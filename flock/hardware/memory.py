"""How much memory there is, and how much of it is free: the machine's, or what the container it runs in may have.

Owns the reading of /proc/meminfo and of control groups, both generations (docs.kernel.org/admin-guide/cgroup-v2.html
and cgroup-v1/memory.html). A container of 8 GB on a box of 64 is a box of 8. Called by seen.py.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil

from flock.hardware.files import number, read

GIB = 2**30
# Memory as it is sold, in GB: what a machine's is called when it shows a little less than that.
_SOLD = (1, 2, 3, 4, 6, 8, 12, 16, 18, 20, 24, 32, 36, 40, 48, 64, 80, 96, 128, 141, 160, 192, 256, 288, 384, 512)
# What firmware and kernel keep: 15.5 GiB is a "16 GB" box, and so is one that counts in decimal (14.9 GiB).
_SHOWN = 0.92


def memory_class(count: int) -> int:
    """Return an amount of memory in bytes as people say it, in GB: 16 for 15.5 GiB; at least 1."""
    gib = count / GIB
    multiples = (512 * n for n in range(2, 65))
    sold = max((size for size in (*_SOLD, *multiples) if size * _SHOWN <= gib), default=1)
    return max(sold, int(gib + 0.05))


def total_and_free(root: Path) -> tuple[int, int]:
    """Return the bytes of memory this process may use in all, and those free now; `root` is where /proc and /sys are.

    Free is what the kernel calls available: pages of files count, weights that an engine has mapped among them.
    """
    told = _meminfo(root)
    if "MemTotal" in told:
        total = told["MemTotal"]
        free = told.get("MemAvailable", told.get("MemFree", 0))
    else:
        seen = psutil.virtual_memory()
        total, free = seen.total, seen.available
    for limit, used in _limits(root):
        if limit < total:
            total = limit
        free = min(free, max(limit - used, 0))
    return total, min(free, total)


def _meminfo(root: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in read(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            found[name] = int(words[0]) * 1024
    return found


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield (limit, used) of every control group this process is in, the outer ones as well, where it has a limit."""
    for line in read(root / "proc/self/cgroup").splitlines():
        number_, controllers, path = [*line.split(":", 2), "", ""][:3]
        inside = Path(path.lstrip("/"))
        if number_ == "0" and not controllers:
            names = ("memory.max", "memory.current", "inactive_file")
            yield from _groups(root / "sys/fs/cgroup", inside, names)
            yield from _groups(root / "sys/fs/cgroup/unified", inside, names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _groups(root / "sys/fs/cgroup/memory", inside, names)


def _groups(mount: Path, inside: Path, names: tuple[str, str, str]) -> Iterator[tuple[int, int]]:
    """Yield what the files of a group and of those around it say; a path of the host's is not there in a container."""
    limit_name, used_name, idle_name = names
    for path in (inside, *inside.parents):
        if ".." in path.parts:
            continue
        limit = number(mount / path / limit_name)
        if limit is None:  # "max", or no such group
            continue
        used = number(mount / path / used_name) or 0
        # pages of files that nobody looks at are given back before anybody is refused
        yield limit, max(used - _stat(mount / path / "memory.stat", idle_name), 0)


def _stat(path: Path, name: str) -> int:
    for line in read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0
