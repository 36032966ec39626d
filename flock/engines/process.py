"""One engine process from its start to its end, the whole process group with it.

Owns spawning: the only module under engines/ that starts a process. One task per child owns the state
(starting → ready → stopping → stopped or failed); a request is a message to that task (`stop`), everybody else reads
the immutable `Snapshot`. Refuses to restart anything: supervisor.py does. Called by supervisor.py.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import aiohttp
import psutil

from flock.clock import Clock
from flock.engines import engine_log
from flock.engines.children import TOKEN_VARIABLE, Children, group_members
from flock.paths import Home

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to be started. `environment` is added to the daemon's own; `holds_stdin`: keep a pipe open on its
    standard input for as long as the daemon lives.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    port: int
    ready_path: str
    key: str = field(repr=False)
    holds_stdin: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each step may take, in seconds; each names the hang it bounds."""

    # a load from a disk that has gone away; 70 GB at 150 MB/s are 8 minutes
    ready: float = 900.0
    # an engine that does not listen to SIGTERM; vLLM needs 2.6 s when it does
    term: float = 6.0
    # a process that not even SIGKILL ends: it waits for a dead disk or driver
    kill: float = 5.0
    # one question whether it is ready, to an engine whose HTTP threads are stuck in the load
    question: float = 2.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a child. `since` is the epoch of the last change; `exit_code` is negative for a signal;
    `asked`: it ended because `stop` was called; `lines`, the last it said, and `error` are set once it has ended.
    """

    state: str
    since: float
    pid: int | None = None
    exit_code: int | None = None
    asked: bool = False
    lines: tuple[str, ...] = ()
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more, or nothing can end it."""
        return self.state in ("stopped", "failed")


class Child:
    """One process and its group. `on_change` is called in the loop after every change of the snapshot."""

    def __init__(
        self,
        launch: Launch,
        *,
        home: Home,
        children: Children,
        session: aiohttp.ClientSession,
        clock: Clock,
        on_change: Callable[[Snapshot], None],
        limits: Limits,
    ) -> None:
        self.launch = launch
        self.snapshot = Snapshot("starting", clock.now())
        self._home = home
        self._children = children
        self._session = session
        self._clock = clock
        self._on_change = on_change
        self._limits = limits
        self._stop = asyncio.Event()
        self._settled = asyncio.Event()
        self._task = asyncio.create_task(self._live(), name=f"engine {launch.name}")

    async def ready(self) -> Snapshot:
        """Wait until it is ready or has ended; return the snapshot."""
        await self._settled.wait()
        return self.snapshot

    async def ended(self, seconds: float) -> bool:
        """Wait for its end at most so long; return whether it has ended."""
        await asyncio.wait([self._task], timeout=seconds)
        return self._task.done()

    async def stop(self) -> Snapshot:
        """End it and wait until it is gone or has been given up; return the snapshot."""
        self._stop.set()
        await asyncio.wait([self._task])
        return self.snapshot

    async def _live(self) -> None:
        token = self._children.expect(self.launch.name, argv_hash(self.launch.argv), self.launch.port)
        lifeline = -1
        process: Process | None = None
        try:
            process, lifeline = await self._spawn(token)
            self._children.born(token, process.pid)
            self._change(pid=process.pid)
            await self._serve(process)
        except OSError as error:
            self._change(state="failed", error=f"{self.launch.argv[0]} cannot be started: {error.strerror}")
        except Exception as error:
            # the state must never stay "starting" with nobody left to change it
            log.exception("%s: its supervision failed", self.launch.name)
            self._change(state="failed", error=f"its supervision failed: {error}")
        finally:
            if process is not None and process.returncode is None:
                # the loop is being torn down, or SIGKILL did not help: nothing is left to wait for
                _signal_group(process.pid, signal.SIGKILL)
            if lifeline >= 0:
                os.close(lifeline)
            if process is None or process.returncode is not None:
                self._children.gone(token)
            self._settled.set()

    async def _spawn(self, token: str) -> tuple[Process, int]:
        output = engine_log.open_log(self._home, self.launch.name)
        stdin, lifeline = os.pipe() if self.launch.holds_stdin else (-1, -1)
        try:
            process = await asyncio.create_subprocess_exec(
                *self.launch.argv,
                stdin=stdin if stdin >= 0 else DEVNULL,
                stdout=output,
                stderr=output,
                env=inherited_environment() | dict(self.launch.environment) | {TOKEN_VARIABLE: token},
                # holds no mount busy; every path it gets is absolute
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            if lifeline >= 0:
                os.close(lifeline)
            raise
        finally:
            os.close(output)
            if stdin >= 0:
                os.close(stdin)
        return process, lifeline

    async def _serve(self, process: Process) -> None:
        ended = asyncio.ensure_future(process.wait())
        asked = asyncio.ensure_future(self._stop.wait())
        answers = asyncio.ensure_future(self._answers(process.pid))
        timed_out = False
        try:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait({ended, asked, answers}, timeout=self._limits.ready, return_when=first)
            timed_out = not done
            if done == {answers}:
                answers.result()
                self._change(state="ready")
                self._settled.set()
                await asyncio.wait({ended, asked}, return_when=first)
            answers.cancel()
            if not ended.done():
                self._change(state="stopping")
                await self._end(process.pid, ended)
            await self._end_group(process.pid)
        finally:
            for future in (ended, asked, answers):
                future.cancel()
            await asyncio.gather(ended, asked, answers, return_exceptions=True)
        self._report(process, timed_out=timed_out)

    def _report(self, process: Process, *, timed_out: bool) -> None:
        lines = engine_log.last_lines(engine_log.log_path(self._home, self.launch.name))
        was_ready, asked = self._settled.is_set(), self._stop.is_set()
        error = ""
        if process.returncode is None:
            error = f"process {process.pid} does not end, not even on SIGKILL"
        elif timed_out:
            error = f"it did not answer within {self._limits.ready:.0f} s"
        elif not asked:
            error = _how_it_ended(process.returncode)
        failed = process.returncode is None or not (was_ready or asked)
        self._change(
            state="failed" if failed else "stopped",
            pid=None if process.returncode is not None else process.pid,
            exit_code=process.returncode,
            asked=asked,
            lines=lines,
            error=error,
        )

    async def _answers(self, pid: int) -> None:
        """Return once the ready path answers 200 and it is this child that listens on the port."""
        url = f"http://127.0.0.1:{self.launch.port}{self.launch.ready_path}"
        headers = {"Authorization": f"Bearer {self.launch.key}"} if self.launch.key else {}
        limit = aiohttp.ClientTimeout(total=self._limits.question)
        pause = 0.05
        while True:
            try:
                async with self._session.get(url, headers=headers, timeout=limit) as answer:
                    if answer.status == 200 and listens(pid, self.launch.port):
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    async def _end(self, pid: int, ended: "asyncio.Future[int]") -> None:
        """Climb the ladder: SIGTERM to the whole group, SIGKILL, give up."""
        for number, seconds in ((signal.SIGTERM, self._limits.term), (signal.SIGKILL, self._limits.kill)):
            _signal_group(pid, number)
            done, _ = await asyncio.wait({ended}, timeout=seconds)
            if done:
                return

    async def _end_group(self, pgid: int) -> None:
        """Kill what outlives its leader (vLLM's workers do), bounded by `limits.kill`."""
        deadline = self._clock.monotonic() + self._limits.kill
        while (members := group_members(pgid)) and self._clock.monotonic() < deadline:
            for member in members:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            await asyncio.sleep(0.02)

    def _change(self, **facts: object) -> None:
        if "state" in facts:
            facts["since"] = self._clock.now()
        self.snapshot = replace(self.snapshot, **facts)  # pyright: ignore[reportArgumentType]
        self._on_change(self.snapshot)


def inherited_environment() -> dict[str, str]:
    """Return the daemon's environment without what an engine has no business with: flock's variables and all keys."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLOCK_") and not name.endswith(("_API_KEY", "_TOKEN", "_SECRET"))
    }


def argv_hash(argv: tuple[str, ...]) -> str:
    """Return a short hash of a command line."""
    return hashlib.sha256("\0".join(argv).encode()).hexdigest()[:16]


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


def _signal_group(pid: int, number: signal.Signals) -> None:
    # only ever called while the leader has not been reaped, so the group is the one we made
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"
