"""One engine process from its start to its end, the whole process group with it.

Owns spawning: the only module under engines/ that starts a process. One task per child owns the state
(starting → ready → stopping → stopped or failed); a request is a message to that task (`stop`), everybody else reads
the immutable `Snapshot`. A process that an earlier daemon started can be taken over instead. Refuses to restart
anything: supervisor.py does. Called by supervisor.py and tokenizers.py.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import Callable
from dataclasses import dataclass, replace

import aiohttp
import psutil

from flock.clock import Clock, rfc3339
from flock.engines import engine_log, footprint
from flock.engines.children import TOKEN_VARIABLE, Children, group_members, holders, running, still_there
from flock.engines.running import Born, Running, Taken
from flock.engines.starting import Launch, Limits, Start
from flock.errands import without_secrets
from flock.paths import Home

log = logging.getLogger(__name__)


def _not_heard(_share: float) -> None:
    pass


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
    """One process and its group. `on_change` is called in the loop after every change of the snapshot, `on_progress`
    with how far its load is (0…1). `taken` is a process that runs already, with the token it was started with.
    """

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
        on_progress: Callable[[float], None] = _not_heard,
        taken: tuple[Taken, str] | None = None,
    ) -> None:
        self.launch = launch
        self.snapshot = Snapshot("starting", clock.now())
        self.token = ""
        self._home = home
        self._children = children
        self._session = session
        self._clock = clock
        self._on_change = on_change
        self._on_progress = on_progress
        self._limits = limits
        self._taken = taken
        self._log = engine_log.log_path(home, launch.name)
        self._begins = 0
        self._stop = asyncio.Event()
        self._why = ""
        self._left = ""
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

    async def stop(self, why: str = "") -> Snapshot:
        """End it and wait until it is gone or has been given up; return the snapshot.

        `why` says what is wrong with it: its end then counts as one that nobody asked for.
        """
        if not self._stop.is_set():
            self._why = why
        self._stop.set()
        await asyncio.wait([self._task])
        return self.snapshot

    async def _live(self) -> None:
        lifeline = -1
        process: Running | None = None
        try:
            if self._taken is None:
                self.token = self._children.expect(self.launch.name, argv_hash(self.launch.argv), self.launch.port)
                process, lifeline = await self._spawn(self.token)
                self._children.born(self.token, process.pid)
            else:
                process, self.token = self._taken
            self._change(pid=process.pid)
            await self._serve(process)
        except OSError as error:
            self._change(state="failed", error=f"{self.launch.argv[0]} cannot be started: {error.strerror}")
        except Exception as error:
            # the state must never stay "starting" with nobody left to change it
            log.exception("%s: its supervision failed", self.launch.name)
            self._change(state="failed", error=f"its supervision failed: {error}")
        finally:
            if process is not None:
                # the loop is being torn down, or SIGKILL did not help: nothing is left to wait for
                process.signal(signal.SIGKILL)
            if lifeline >= 0:
                os.close(lifeline)
            if process is None or process.gone:
                self._children.gone(self.token)
            self._settled.set()

    async def _spawn(self, token: str) -> tuple[Running, int]:
        output, self._begins = engine_log.open_log(
            self._home, self.launch.name, f"--- flock starts {self.launch.name} at {rfc3339(self._clock.now())}"
        )
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
        return Born(process), lifeline

    async def _serve(self, process: Running) -> None:
        ended = asyncio.ensure_future(process.wait())
        asked = asyncio.ensure_future(self._stop.wait())
        start = Start(self.launch, self._limits, self._log, self._begins)
        answers = asyncio.ensure_future(start.answers(self._session, process.pid))
        stuck = asyncio.ensure_future(start.stuck(process.pid))
        loads = asyncio.ensure_future(start.loads(self._on_progress))
        limit = self._limits.ready if self._taken is None else self._limits.taken
        late = ""
        try:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait({ended, asked, answers, stuck}, timeout=limit, return_when=first)
            loads.cancel()
            stuck.cancel()
            if not done:
                late = f"it did not answer within {limit:.0f} s"
            elif done == {stuck}:
                late = f"it has done nothing for {self._limits.stuck:.0f} s: no output, no computing, no reading"
            if answers in done and not done & {ended, asked}:
                answers.result()
                self._change(state="ready")
                self._settled.set()
                await asyncio.wait({ended, asked}, return_when=first)
            answers.cancel()
            if not ended.done():
                self._change(state="stopping")
                await self._end(process, ended)
            await self._end_left(process.pid)
        finally:
            for future in (ended, asked, answers, stuck, loads):
                future.cancel()
            await asyncio.gather(ended, asked, answers, stuck, loads, return_exceptions=True)
        self._report(process, late)

    def _report(self, process: Running, late: str) -> None:
        lines = engine_log.last_lines(self._log, after=self._begins)
        was_ready, asked = self._settled.is_set(), self._stop.is_set() and not self._why
        error = self._why
        if not process.gone:
            error = f"process {process.pid} does not end, not even on SIGKILL"
        elif late:
            error = late
        elif not error and not asked:
            error = _how_it_ended(process.code)
            if process.code == 0 and self._left:
                error = f"it went into the background ({self._left}), where flock cannot watch it"
        failed = not process.gone or not (was_ready or asked)
        self._change(
            state="failed" if failed else "stopped",
            pid=None if process.gone else process.pid,
            exit_code=process.code,
            asked=asked,
            lines=lines,
            error=error,
        )

    async def _end(self, process: Running, ended: "asyncio.Future[None]") -> None:
        """Climb the ladder: SIGTERM to the whole group, SIGKILL, give up."""
        self._children.family(self.token, await asyncio.to_thread(_pairs, process.pid))
        for number, seconds in ((signal.SIGTERM, self._limits.term), (signal.SIGKILL, self._limits.kill)):
            process.signal(number)
            done, _ = await asyncio.wait({ended}, timeout=seconds)
            if done:
                return

    async def _end_left(self, pgid: int) -> None:
        """Kill what outlives its leader (vLLM's workers do), also outside its group; bounded by `limits.kill`."""
        deadline = self._clock.monotonic() + self._limits.kill
        known = self._children.seen(self.token)
        strays = [process for process in await asyncio.to_thread(holders, self.token) if process.pid != pgid]
        while (left := _running(pgid, known, strays)) and self._clock.monotonic() < deadline:
            self._left = self._left or f"process {left[0].pid} of it goes on"
            for member in left:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            await asyncio.sleep(0.02)

    def _change(self, **facts: object) -> None:
        if "state" in facts:
            facts["since"] = self._clock.now()
        self.snapshot = replace(self.snapshot, **facts)  # pyright: ignore[reportArgumentType]
        self._on_change(self.snapshot)


def _pairs(pid: int) -> list[list[float]]:
    return footprint.pairs(footprint.family(pid))


def _running(pgid: int, known: list[list[float]], strays: list[psutil.Process]) -> list[psutil.Process]:
    found = [*group_members(pgid), *still_there(known), *(stray for stray in strays if running(stray))]
    return list({process.pid: process for process in found if process.pid != pgid}.values())


def inherited_environment(but: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the daemon's environment without what an engine has no business with: flock's variables and all keys, but
    for names that begin with one of `but`.
    """
    return without_secrets(os.environ, but)


def argv_hash(argv: tuple[str, ...]) -> str:
    """Return a short hash of a command line."""
    return hashlib.sha256("\0".join(argv).encode()).hexdigest()[:16]


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "it ended"
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"
