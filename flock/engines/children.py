"""The processes this flock started: written down, found again after a crash, ended with everything they started.

Owns home.children (JSON) and the search through the process table. Refuses to touch a process that it cannot prove to
be ours: a recorded pid counts only with its recorded start time, any other process only with the random token its
parent was started with in its environment. What a child has started is written down too, since vLLM's workers outlive
a killed parent and overwrite their environment with a title. Called by process.py and, at daemon start, by survivors.py
and registry.py.
"""

import json
import logging
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import psutil

from flock.paths import Home, private_dir

log = logging.getLogger(__name__)

TOKEN_VARIABLE = "FLOCK_CHILD"
# psutil computes start times from the boot time, which moves by parts of a second when the clock is adjusted.
_START_TIME_SLACK = 1.0
# Bounds an orphan that ignores SIGTERM, then one that not even SIGKILL ends (a dead network disk).
_TERM_SECONDS = 3.0
_KILL_SECONDS = 3.0


class Children:
    """The record of what runs, rewritten at every change."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._records: dict[str, dict[str, Any]] = {}

    def expect(self, name: str, argv_hash: str, port: int) -> str:
        """Write down a child that is about to be started; return the token for its environment.

        Before the start, so that no moment exists in which a killed daemon leaves a child that nobody knows.
        """
        token = secrets.token_hex(16)
        self._records[token] = {"name": name, "argv_hash": argv_hash, "port": port, "pid": None, "create_time": None}
        self._write()
        return token

    def born(self, token: str, pid: int) -> None:
        """Add the pid and start time of a started child."""
        try:
            created = psutil.Process(pid).create_time()
        except psutil.Error:
            return  # it is gone already; the token still finds what it left
        self._records[token] |= {"pid": pid, "create_time": created}
        self._write()

    def family(self, token: str, seen: list[list[float]]) -> None:
        """Write down what a child has started, pids and start times, when that has changed."""
        record = self._records.get(token)
        if record is not None and record.get("family") != seen:
            record["family"] = seen
            self._write()

    def seen(self, token: str) -> list[list[float]]:
        """Return what a child was seen to have started, pids and start times."""
        return list(self._records.get(token, {}).get("family") or ())

    def keep(self, token: str, record: dict[str, Any]) -> None:
        """Take over the record of a process that an earlier daemon started and this one goes on with."""
        self._records[token] = record
        self._write()

    def gone(self, token: str) -> None:
        """Strike out a child that has ended."""
        if self._records.pop(token, None) is not None:
            self._write()

    def _write(self) -> None:
        # a full disk must not keep an engine from serving; all that is lost is finding it after a crash
        path = self._home.children
        temporary = path.with_suffix(".new")
        try:
            private_dir(path.parent)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(self._records, file)
            os.replace(temporary, path)
        except OSError as error:
            log.warning("cannot write %s: %s", path, error.strerror)


def running(process: psutil.Process) -> bool:
    """Return whether a process still runs; a zombie does not (in a container nobody may ever collect it)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def group_members(pgid: int) -> list[psutil.Process]:
    """Return the processes of a group whose leader, a child of ours, has been reaped.

    While the group exists the kernel gives its number to no new process, so a process with that pid means that the
    group is somebody else's by now.
    """
    members: list[psutil.Process] = []
    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == pgid and running(member := psutil.Process(pid)):
                members.append(member)
        except (OSError, psutil.Error):
            continue
    return [] if any(member.pid == pgid for member in members) else members


def holders(token: str) -> list[psutil.Process]:
    """Return this user's processes that have a child's token in their environment: what it started and what left its
    group. Blocking, some milliseconds, for a thread.
    """
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.uids().real == os.getuid() and running(process) and token_of(process) == token:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def still_there(family: Iterable[Sequence[float]]) -> list[psutil.Process]:
    """Return those of recorded processes, each a pid and a start time, that still run."""
    found: list[psutil.Process] = []
    for pid, created in family:
        try:
            process = psutil.Process(int(pid))
            if abs(process.create_time() - created) <= _START_TIME_SLACK and running(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def reap_orphans(home: Home, spare: frozenset[str] = frozenset()) -> list[str]:
    """End what a killed daemon of this home left running; return a sentence for each process. Blocking, for a thread.

    What the tokens `spare` stand for is left alone, and so is its record. Must only be called under the daemon's lock:
    a living daemon's children are in the same file.
    """
    records = {token: record for token, record in read_records(home.children).items() if token not in spare}
    orphans = _find(records)
    names = {process.pid: name for process, name in orphans}
    processes = [process for process, _ in orphans]
    _signal(processes, terminate=True)
    alive = _wait(processes, _TERM_SECONDS)
    _signal(alive, terminate=False)
    undead = _wait(alive, _KILL_SECONDS)
    said = [
        f"ended {names[process.pid]} (pid {process.pid}), which an earlier daemon left running"
        for process in processes
        if process not in undead
    ]
    said += [
        f"{names[process.pid]} (pid {process.pid}), left by an earlier daemon, does not end even on SIGKILL"
        for process in undead
    ]
    if records and not spare:
        home.children.unlink(missing_ok=True)
    return said


def _find(records: dict[str, dict[str, Any]]) -> list[tuple[psutil.Process, str]]:
    by_pid: dict[int, tuple[float, str]] = {}
    for record in records.values():
        pairs = [(record.get("pid"), record.get("create_time")), *_pairs(record.get("family"))]
        by_pid |= {int(pid): (float(created), str(record["name"])) for pid, created in pairs if pid and created}
    found: list[tuple[psutil.Process, str]] = []
    for process in psutil.process_iter() if records else ():
        if process.pid == os.getpid() or not running(process):
            continue
        try:
            created, name = by_pid.get(process.pid, (0.0, ""))
            if name and abs(process.create_time() - created) <= _START_TIME_SLACK:
                found.append((process, name))
            elif process.uids().real == os.getuid() and (mine := records.get(token_of(process))):
                found.append((process, str(mine["name"])))
        except (psutil.Error, OSError):
            continue
    return found


def _pairs(family: Any) -> list[tuple[Any, Any]]:
    if not isinstance(family, list):
        return []
    rows = [cast("list[Any]", row) for row in cast("list[Any]", family) if isinstance(row, list)]
    return [(row[0], row[1]) for row in rows if len(row) == 2 and all(isinstance(n, (int, float)) for n in row)]


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those that still run when the time is over."""
    end = time.monotonic() + seconds
    while (left := [process for process in processes if running(process)]) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def token_of(process: psutil.Process) -> str:
    """Return the token a process was started with, "" for none. Raises psutil.Error where that cannot be seen."""
    return process.environ().get(TOKEN_VARIABLE, "")


def _signal(processes: Iterable[psutil.Process], *, terminate: bool) -> None:
    for process in processes:
        try:
            # psutil compares the start time again, so a pid that was given away in between is not hit
            process.terminate() if terminate else process.kill()
        except psutil.Error:
            continue


def read_records(path: Path) -> dict[str, dict[str, Any]]:
    """Return the records by token, {} where the file is missing or damaged."""
    try:
        found: Any = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("cannot read %s, so processes of an earlier daemon are not looked for: %s", path, error)
        return {}
    if not isinstance(found, dict):
        return {}
    records = cast("dict[str, Any]", found)
    return {token: cast("dict[str, Any]", r) for token, r in records.items() if isinstance(r, dict) and "name" in r}
