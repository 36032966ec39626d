"""The processes of a benchmark: started, pinned, measured and, whatever happens, ended.

Owns spawning and killing, and the reading of CPU time and memory from the kernel. Refuses anything but Linux. Used by
every other file here.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

# each tool's package in Debian and Ubuntu
PACKAGES = {"nginx": "nginx", "wrk": "wrk", "gcc": "gcc", "taskset": "util-linux"}
PR_SET_PDEATHSIG = 1  # prctl(2)
CLOCK_TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_libc = ctypes.CDLL(None)


class BenchFailed(Exception):
    """The benchmark cannot go on; the message says why and what to do."""


def find_tool(name: str) -> str | None:
    """Return the path of a tool; Debian keeps nginx in /usr/sbin, which is not on every user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def require_tools() -> None:
    """Check for all outside tools. Raises BenchFailed with one sentence that names what is missing."""
    missing = [tool for tool in PACKAGES if find_tool(tool) is None]
    if missing:
        packages = " ".join(PACKAGES[tool] for tool in missing)
        raise BenchFailed(f"the benchmarks need {', '.join(missing)}: sudo apt-get install {packages}")


def _die_with_parent() -> None:
    # even a kill -9 of the benchmark must leave nothing behind; runs in the child, between fork and exec
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Children:
    """Every process this run has started and not yet ended."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def spawn(self, argv: list[str], core: int, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a long-running process on one core, its output going to a file.

        It gets a session of its own, so that a Ctrl-C reaches only the benchmark, which then ends it in order.
        """
        with log.open("ab") as out:
            child = subprocess.Popen(
                ["taskset", "-c", str(core), *argv],
                env=env,
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._running.append(child)
        return child

    def run(self, argv: list[str], core: int, env: dict[str, str], seconds: float) -> tuple[str, str]:
        """Run a process to its end on one core and return its output and errors; `seconds` bounds it.

        Raises BenchFailed when it takes longer or exits with anything but 0.
        """
        child = subprocess.Popen(
            ["taskset", "-c", str(core), *argv],
            env=env,
            cwd="/",  # `python -m flock` looks in the current directory first; the caller's must not decide
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._running.append(child)
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"`{argv[0]}` did not end within {seconds:.0f} s") from None
        finally:
            self.end(child, grace=1)
        if child.returncode != 0:
            text = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
            raise BenchFailed(f"`{' '.join(argv)}` failed with code {child.returncode}: {text[-800:]}")
        return out.decode(errors="replace"), err.decode(errors="replace")

    def end(self, child: subprocess.Popen[bytes], grace: float = 15) -> None:
        """End a process and its descendants: asked first, killed after `grace` seconds."""
        family = {pid: started(pid) for pid in tree(child.pid)} if child.poll() is None else {}
        if family:
            child.terminate()
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
        for pid, start in family.items():
            if pid != child.pid and start and started(pid) == start:
                os.kill(pid, signal.SIGKILL)
        if child in self._running:
            self._running.remove(child)

    def end_all(self) -> None:
        """End everything that still runs, the youngest first."""
        for child in reversed(self._running.copy()):
            self.end(child, grace=5)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on (proc(5), field 3), [] when the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def started(pid: int) -> str:
    """Return when a process started, in ticks since boot; with the pid it names a process for good. "" when gone."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        found.append(todo[-1])
        todo += children.get(todo.pop(), [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process tree so far, children that have ended included.

    Read from each process's own CPU clock (clock_getcpuclockid(3)): the same sum that /proc/PID/stat shows, in
    nanoseconds where that file has ticks of 10 ms.
    """
    total = 0.0
    for member in tree(pid):
        fields = _stat(member)
        if fields:
            total += (int(fields[13]) + int(fields[14])) / CLOCK_TICK  # cutime, cstime: of children waited for
            try:
                total += time.clock_gettime((~member << 3) | 2)  # the kernel's CPUCLOCK_SCHED of a process
            except OSError:
                pass  # it has ended since; its parent's cutime holds it
    return total


def rss_bytes(pid: int) -> int:
    """Return the resident memory of one process; 0 when it has gone."""
    fields = _stat(pid)
    return int(fields[21]) * PAGE if fields else 0
