"""One model's engine: started when somebody needs it, once however many ask, and again after it has died or hung.

Owns the child's whole story: start, back-off, the upstream it answers as. Refuses a second child while one starts or
runs, and a new try while the back-off lasts or once the engine was given up. Called by registry.py.

An engine that was loaded and ended by itself, or hung, is started again by itself after the back-off when its model is
pinned or was used within the time after which it would have left memory; else the next request starts it. A load that
fails when a request asked for it fails for all who wait, and is tried again by the next request after the back-off. One
failure more than there are steps, and it is given up (`crashloop`) until `forgive`, or until its file or its settings
have changed.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from flock.engines import engine_log, faults
from flock.engines.care import Care, is_wanted
from flock.engines.engine import Engine, LaunchSpec
from flock.engines.failures import Failures
from flock.engines.own_model import OwnModel
from flock.engines.process import Child, Snapshot
from flock.engines.pulse import Heard, accepts, ask
from flock.engines.running import Taken
from flock.engines.starter import Ears, Started, Starter
from flock.engines.surroundings import Surroundings
from flock.engines.weighed import Weighed
from flock.errors import EngineFailed, FlockError
from flock.profile import Profile
from flock.upstream import Upstream

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

# How long the end of an engine that refuses connections may take to be noticed; one that still runs then is ended.
NOTICE_SECONDS = 1.0


class Supervised(Weighed):
    """The engine of one model. `on_change` is called in the loop whenever its state has changed.

    `context` and `slots` are those it runs with; `progress` is how far a load is (0…1), None when unknown;
    `load_seconds` the last load's duration; `restarts` how often it was started again after it had died or hung;
    `trouble` why it is being started again.
    """

    def __init__(
        self,
        model: OwnModel,
        engine: Engine,
        profile: Profile,
        around: Surroundings,
        on_change: Callable[[], None],
        *,
        name: str = "",
    ) -> None:
        super().__init__(model, engine, around.ties.find, around.settings.kin, around.ties.room)
        self.name = name or f"{engine.kind}:{model.id}"
        self.upstream: Upstream | None = None
        self.context: int | None = None
        self.slots: int | None = None
        self.kind = model.kind
        self.version = ""
        self.progress: float | None = None
        self.load_seconds: float | None = None
        self.restarts = 0
        self.trouble = ""
        self.profile = profile
        self._around = around
        self._on_change = on_change
        self._failures = Failures(self.name, around.clock, around.steps, self._changed_state)
        self._child: Child | None = None
        self._spec: LaunchSpec | None = None
        self._starting: asyncio.Task[Upstream | EngineFailed] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._care: Care | None = None
        ears = Ears(self._spawned, self._changed, self._progressed, self._tell, self._words)
        self._starter = Starter(engine, self.name, around, ears)
        self._halt = asyncio.Event()
        self._listeners: list[Progress] = []
        self._told = ""
        self._idle_since = self._used_at = around.clock.now()
        self._ready_at: float | None = None
        self._failures.last = faults.unusable(model, engine, engine.find()) or faults.without_file(model)

    @property
    def state(self) -> str:
        """Return stopped, starting, ready, busy, stopping, failed or crashloop."""
        if self._child is not None and not self._child.snapshot.ended:
            state = self._child.snapshot.state
            return "busy" if state == "ready" and self._care is not None and self._care.busy else state
        if self._starting is not None:
            return "starting"
        if self._failures.given_up:
            return "crashloop"
        return "failed" if self.failure else "stopped"

    @property
    def failure(self) -> EngineFailed | None:
        """Return why it failed last, None while nothing is wrong."""
        return self._failures.last

    @property
    def since(self) -> float:
        """Return the epoch of the last change of state."""
        return self._child.snapshot.since if self._child else self._idle_since

    @property
    def models(self) -> tuple[str, ...]:
        """Return the models it serves."""
        return (self.model.id,)

    @property
    def pid(self) -> int | None:
        """Return the child's process id while it runs."""
        return self._child.snapshot.pid if self._child and not self._child.snapshot.ended else None

    @property
    def endpoint(self) -> str:
        """Return the URL it answers at, "" while it does not run."""
        return f"http://127.0.0.1:{self._child.launch.port}" if self._child and self.pid else ""

    @property
    def memory_bytes(self) -> int | None:
        """Return what its processes take now, None when that is not known."""
        return self._care.memory_bytes if self._care is not None else None

    @property
    def log_file(self) -> Path:
        """Return where its output lies."""
        return engine_log.log_path(self._around.home, self.name)

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command line it runs with, () while it does not run."""
        return self._child.launch.argv if self._child and self.pid else ()

    async def ensure(self, progress: Progress | None = None) -> Upstream:
        """Return the upstream once the engine is ready, starting it when it does not run.

        Any number of callers share one start; a caller that is cancelled leaves it to the others. An engine reported
        dead is looked at first, so that nobody is sent to it again before its end is noticed; one that is about to be
        started again is waited for. Raises EngineFailed, equal for all of them, with the engine's last lines; at once
        while a back-off lasts and once it was given up. Pinned by tests/engines/test_supervisor.py.
        """
        self._used_at = self._around.clock.now()
        while (busy := self._checking or (self._ending if self.upstream is None else None)) is not None:
            await asyncio.wait([busy])
        if self.upstream is not None:
            return self.upstream
        if self._starting is None:
            if (error := await self._failures.bars(self.model)) is not None:
                raise error
            if self._starting is None:
                self._begin()
        return await self._join(progress)

    def forgive(self) -> None:
        """Forget the failures: the next `ensure` tries again at once."""
        self._failures.forgive()
        if self._starting is None:
            self._failures.last = None
        self._on_change()

    async def barred(self) -> EngineFailed | None:
        """Return why a start would fail at once, None when one would be tried: nobody has to leave memory for it."""
        idle = self.upstream is None and self._starting is None
        return await self._failures.bars(self.model) if idle else None

    def adopt(self, taken: Taken, token: str, spec: LaunchSpec) -> asyncio.Task[Upstream | EngineFailed]:
        """Go on with a process that an earlier daemon started with this spec; return the task that makes sure of it."""
        assert self._starting is None
        self._starting = asyncio.create_task(self._take(taken, token, spec), name=f"adoption of {self.name}")
        return self._starting

    def report_dead(self, why: str) -> None:
        """Hear that a connection to the engine was refused; when that is still so, end the child.

        The report may be about an earlier child, so the port is tried before anything is done.
        """
        if self.upstream is not None and self._checking is None:
            self._checking = asyncio.create_task(self._check(why), name=f"check of {self.name}")

    async def checked(self) -> None:
        """Return when it is no longer in doubt whether it still runs."""
        while (checking := self._checking) is not None:
            await asyncio.wait([checking])

    def abandoned(self) -> None:
        """Hear that a request was given up: an engine that cannot cancel is busy until it answers a question."""
        if self._care is not None and not self.profile.cancels and not self._care.busy:
            self._care.abandoned()
            self._changed_state()

    async def ask(self, seconds: float) -> Heard:
        """Ask its canary. Must run."""
        assert self._child is not None
        assert self._spec is not None
        canary = self.engine.canary(self._spec)
        return await ask(self._around.session, self.endpoint, self._child.launch.key, canary, seconds)

    async def stop(self) -> None:
        """End the engine; returns when it is gone or has been given up. A start under way is ended as well."""
        self._halt.set()
        await self._failures.stop()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name=f"end of {self.name}")
        await asyncio.shield(self._ending)

    # -- starting

    def _begin(self, *, again: bool = False) -> None:
        self._halt.clear()
        self._starting = asyncio.create_task(self._start(again=again), name=f"start of {self.name}")
        self._changed_state()

    async def _join(self, progress: Progress | None) -> Upstream:
        assert self._starting is not None
        if progress is not None:
            self._listeners.append(progress)
        try:
            outcome = await asyncio.shield(self._starting)
        finally:
            if progress is not None:
                self._listeners.remove(progress)
        if isinstance(outcome, EngineFailed):
            raise faults.copy(outcome)
        return outcome

    async def _start(self, *, again: bool) -> Upstream | EngineFailed:
        outcome: Upstream | EngineFailed | None = None
        try:
            if again:
                await self._failures.due(self._halt)
                self.restarts += 1
            await self._failures.trying(self.model)
            outcome = await self._load()
        except (FlockError, OSError) as error:
            outcome = faults.as_failure(error)
            if self._ending is None and not self._halt.is_set():
                outcome = await self._failures.load_failed(self.model, outcome)
        finally:
            self._starting = None
            if isinstance(outcome, Upstream):
                self._failures.last, self.trouble = None, ""
            elif again and self._halt.is_set():
                self._failures.last = None
            elif again and outcome is not None and not self._failures.lost:
                self._begin(again=True)
            self._changed_state()
        assert outcome is not None
        return outcome

    async def _load(self) -> Upstream:
        found = await asyncio.to_thread(self.engine.find)
        if (failure := faults.unusable(self.model, self.engine, found)) is not None:
            raise failure
        began = self._around.clock.monotonic()
        loading = await self.plan()
        started = await self._starter.start(loading, found, self._halt.is_set)
        self.load_seconds = self._around.clock.monotonic() - began
        return self._now_ready(started)

    async def _take(self, taken: Taken, token: str, spec: LaunchSpec) -> Upstream | EngineFailed:
        """See that a process of an earlier daemon serves; one that does not is ended, and is no failure of the model's:
        it is loaded anew when it is needed.
        """
        try:
            return self._now_ready(await self._starter.take(taken, token, spec))
        except FlockError as error:
            return faults.as_failure(error)
        finally:
            self._starting = None
            self._changed_state()

    def _spawned(self, child: Child, spec: LaunchSpec) -> None:
        self._child, self._spec, self._ready_at, self.progress = child, spec, None, None
        self._care = Care(child, self._around, lambda seen: self.weigh(seen, spec))

    def _progressed(self, share: float) -> None:
        if share != self.progress and self.upstream is None:
            self.progress = share
            self._tell(f"loading {self.model.id}: {share:.0%}".replace("%", " %"))
            self._on_change()

    def _now_ready(self, started: Started) -> Upstream:
        spec = started.spec
        self.kind, self.version = spec.kind, started.version
        self.context, self.slots, self.progress = spec.context, spec.slots, None
        self._ready_at = self._around.clock.monotonic()
        self.upstream = Upstream(
            name=self.name,
            engine=self.name,
            host="127.0.0.1",
            port=spec.port,
            profile=self.profile,
            own=True,
            key=spec.key,
            version=self.version,
        )
        if self._care is not None:
            self._care.watch(self.ask, self._hung, self._changed_state)
        shape = f", {spec.slots} slots of {spec.context} tokens" if spec.context else ""
        log.info("%s: ready on port %d%s", self.name, spec.port, shape)
        self._tell(f"{self.model.id} is ready")
        return self.upstream

    # -- watching

    def _hung(self, why: str) -> None:
        if self.upstream is not None and self._checking is None and self._ending is None:
            log.error("%s %s; ending it", self.name, why)
            self._checking = asyncio.create_task(self._put_down(why), name=f"end of {self.name}, which hangs")

    async def _put_down(self, why: str) -> None:
        try:
            if self._child is not None:
                await self._child.stop(why)
        finally:
            self._checking = None

    # -- ends

    def _changed(self, snapshot: Snapshot) -> None:
        if snapshot.state != "ready":
            self.upstream = None
        if snapshot.ended:
            if self._care is not None:
                self._care.end()
            self._care = None
            ready_at, self._ready_at = self._ready_at, None
            if ready_at is not None and not snapshot.asked:
                self._died(snapshot, self._around.clock.monotonic() - ready_at)
            elif ready_at is not None:
                self._failures.forgive()
        self._changed_state()

    def _died(self, snapshot: Snapshot, lived: float) -> None:
        log.warning("%s: %s; last lines: %s", self.name, snapshot.error, " | ".join(snapshot.lines[-5:]))
        self.trouble = snapshot.error
        self._failures.count(self._words(snapshot), lived)
        if self._failures.given_up:
            return
        if self._ending is None and is_wanted(self.model, self._around, self.name, self._used_at):
            self._begin(again=True)
        else:
            self._failures.last = None

    async def _check(self, why: str) -> None:
        try:
            upstream = self.upstream
            if upstream is None:
                return
            if await accepts(upstream.host, upstream.port):
                return
            # most often it has just ended, and its own end says more than one of ours would
            if self._child is not None:
                await self._child.ended(NOTICE_SECONDS)
            if self.upstream is upstream and self._child is not None:
                log.warning("%s: does not accept connections (%s); ending it", self.name, why)
                await self._child.stop("it did not accept connections")
        finally:
            self._checking = None

    async def _end(self) -> None:
        try:
            starting = self._starting
            if starting is not None and (self._child is None or self._child.snapshot.ended):
                # it reads the header or waits for the back-off; it looks at self._halt before it spawns
                await asyncio.wait([starting])
            if self._child is not None:
                await self._child.stop()
            if starting is not None:
                await asyncio.wait([starting])
        finally:
            self._ending = None
            self.trouble = ""
            self._changed_state()

    def _words(self, snapshot: Snapshot) -> EngineFailed:
        return faults.failed(self.model, self.engine, self.name, snapshot, self.log_file)

    def _changed_state(self) -> None:
        if self.state != self._told:
            self._told = self.state
            data = {"state": self.state, "model": self.model.id, "error": self.trouble}
            if self.failure is not None:
                data["error"] = self.failure.sentence
            self._around.ties.tell("engine.state", self.name, data)
        self._on_change()

    def _tell(self, message: str) -> None:
        for listener in list(self._listeners):
            listener(message)
