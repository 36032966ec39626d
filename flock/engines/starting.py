"""A start: what is started, how long each step may take, and what is seen of it until it serves.

Owns the questions that are asked of an engine while it loads: whether it answers, how far it is, whether it does
anything at all. Refuses to take an answer of a stranger on the port for the engine's. Called by process.py.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from flock.engines import engine_log, footprint

# How often what an engine writes while it loads is read: a bar that moves four times a second looks alive.
_PROGRESS_SECONDS = 0.25


def _tells_nothing(_line: str) -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to be started. `environment` is added to the daemon's own; `holds_stdin`: keep a pipe open on its
    standard input for as long as the daemon lives. `loaded` reads how far a load is from a line of its output.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    port: int
    ready_path: str
    key: str = field(repr=False)
    holds_stdin: bool = False
    loaded: Callable[[str], float | None] = _tells_nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each step may take, in seconds; each names the hang it bounds."""

    # a load from a disk that has gone away; 70 GB at 150 MB/s are 8 minutes
    ready: float = 900.0
    # a start that does nothing at all: no output, no computing, no reading; a disk that spins up takes 20 s
    stuck: float = 120.0
    # a process of an earlier daemon that is taken over: it served already, or is about to
    taken: float = 30.0
    # an engine that does not listen to SIGTERM; vLLM needs 2.6 s when it does
    term: float = 6.0
    # a process that not even SIGKILL ends: it waits for a dead disk or driver
    kill: float = 5.0
    # one question whether it is ready, to an engine whose HTTP threads are stuck in the load
    question: float = 2.0


class Start:
    """What is seen of one start. Its output lies in `log` from the byte `begins` on."""

    def __init__(self, launch: Launch, limits: Limits, log: Path, begins: int) -> None:
        self._launch = launch
        self._limits = limits
        self._log = log
        self._progress = engine_log.Progress(log, begins, launch.loaded)

    async def answers(self, session: aiohttp.ClientSession, pid: int) -> None:
        """Return once the ready path answers 200 and it is this child that listens on the port."""
        launch = self._launch
        url = f"http://127.0.0.1:{launch.port}{launch.ready_path}"
        headers = {"Authorization": f"Bearer {launch.key}"} if launch.key else {}
        limit = aiohttp.ClientTimeout(total=self._limits.question)
        pause = 0.05
        while True:
            try:
                async with session.get(url, headers=headers, timeout=limit) as answer:
                    if answer.status == 200 and listens(pid, launch.port):
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    async def loads(self, tell: Callable[[float], None]) -> None:
        """Tell how far the load is (0…1) for as long as this is not cancelled."""
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            share = await asyncio.to_thread(self._progress.read)
            if share is not None:
                tell(share)

    async def stuck(self, pid: int) -> None:
        """Return when a start has neither written nor worked for `limits.stuck` seconds."""
        pause, still = self._limits.stuck / 4, 0
        effort, written = await asyncio.to_thread(self._done, pid)
        while still < 4:
            await asyncio.sleep(pause)
            before, size = effort, written
            effort, written = await asyncio.to_thread(self._done, pid)
            still = 0 if written != size or footprint.works(before, effort, pause) else still + 1

    def _done(self, pid: int) -> tuple[footprint.Effort, int]:
        written = self._log.stat().st_size if self._log.exists() else 0
        return footprint.effort_of(footprint.family(pid)), written


def listens(pid: int, port: int) -> bool:
    """Return whether a process or one of its descendants listens on the port; True where that cannot be seen."""
    try:
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port:
                    return True
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
    return False
