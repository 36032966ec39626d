"""What the processes of an engine take: memory, and whether they work at all.

Owns which processes count as one engine's and how their memory is added up. Reads the process table and /proc; refuses
to fail over a process that ends meanwhile. Blocking, for a thread. Called by process.py and supervisor.py.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from flock.engines.children import running

# A fifth of a core: one that waits for a lock or is stopped needs none, one that reads a prompt needs whole ones.
_WORKING_SHARE = 0.2
# What a process reads that is paged in from a disk; a log or a library's page is less.
_WORKING_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Effort:
    """What an engine's processes have done since they began: processor seconds, and bytes read from disks."""

    seconds: float = 0.0
    read_bytes: int = 0


def family(pid: int) -> list[psutil.Process]:
    """Return a group's leader, which must not have been collected, the members of its group and its descendants."""
    try:
        leader = psutil.Process(pid)
        found = {process.pid: process for process in (leader, *leader.children(recursive=True))}
    except psutil.Error:
        return []
    for other in psutil.pids():
        try:
            if other not in found and os.getpgid(other) == pid:
                found[other] = psutil.Process(other)
        except (OSError, psutil.Error):
            continue
    return [process for process in found.values() if running(process)]


def pairs(processes: Iterable[psutil.Process]) -> list[list[float]]:
    """Return processes as they are written down: pids and start times, in order."""
    found: list[list[float]] = []
    for process in processes:
        try:
            found.append([process.pid, process.create_time()])
        except psutil.Error:
            continue
    return sorted(found)


def memory_of(processes: Iterable[psutil.Process]) -> int | None:
    """Return the bytes processes take together, None when that cannot be seen.

    One process takes its resident set. Of several the proportional sets are added, since what they share would count
    for each (Linux: PSS in smaps_rollup), or their resident ones where those cannot be read.
    """
    listed = list(processes)
    sizes = [size for process in listed if (size := _memory(process, shared=len(listed) > 1)) is not None]
    return sum(sizes) if sizes else None


def effort_of(processes: Iterable[psutil.Process]) -> Effort:
    """Return what processes have done since they began."""
    seconds, read = 0.0, 0
    for process in processes:
        try:
            times = process.cpu_times()
            seconds += times.user + times.system
            # macOS has no such counter
            read += int(process.io_counters().read_bytes) if hasattr(process, "io_counters") else 0
        except psutil.Error:
            continue
    return Effort(seconds, read)


def works(before: Effort, after: Effort, seconds: float) -> bool:
    """Return whether an engine computed or read from a disk in so many seconds between two looks."""
    return after.seconds - before.seconds >= _WORKING_SHARE * seconds or reads(before, after)


def reads(before: Effort, after: Effort) -> bool:
    """Return whether an engine read from a disk between two looks: weights that were paged out come back so."""
    return after.read_bytes - before.read_bytes >= _WORKING_BYTES


def _memory(process: psutil.Process, *, shared: bool) -> int | None:
    try:
        if shared and (share := _proportional(process.pid)) is not None:
            return share
        return int(process.memory_info().rss)
    except psutil.Error:
        return None


def _proportional(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)
