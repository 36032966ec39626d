"""One model's engine: started when somebody needs it, once however many ask, and again after it has died.

Owns the child's whole story: start, back-off, the upstream it answers as. Refuses a second child while one starts or
runs, and a new try while the back-off lasts. Called by registry.py.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

import psutil

from flock.engines import engine_log
from flock.engines.backoff import LOOP_EXITS, Backoff
from flock.engines.embedded import install_hint
from flock.engines.engine import Engine, LaunchSpec
from flock.engines.kinds import props_version
from flock.engines.loading import Loading, plan, rough_need
from flock.engines.own_model import OwnModel
from flock.engines.process import Child, Launch, Snapshot
from flock.engines.surroundings import Surroundings
from flock.errors import EngineFailed, FlockError
from flock.paths import short
from flock.profile import Profile
from flock.text import duration, size
from flock.upstream import Upstream

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

# How often a start may lose its port to somebody else before it is given up.
PORT_TRIES = 5
# How long the end of an engine that refuses connections may take to be noticed; one that still runs then is ended.
NOTICE_SECONDS = 1.0


class Supervised:
    """The engine of one model. `on_change` is called in the loop whenever its state has changed."""

    def __init__(
        self,
        model: OwnModel,
        engine: Engine,
        profile: Profile,
        around: Surroundings,
        on_change: Callable[[], None],
    ) -> None:
        self.model = model
        self.engine = engine
        self.name = f"{engine.kind}:{model.id}"
        self.upstream: Upstream | None = None
        self.context: int | None = None
        self.kind = model.kind
        self.failure: EngineFailed | None = None
        self.version = ""
        self.slots: int | None = None
        self.progress: float | None = None
        self.load_seconds: float | None = None
        self.restarts = 0
        self.loading: Loading | None = None
        self._profile = profile
        self._around = around
        self._on_change = on_change
        self._backoff = Backoff(around.clock)
        self._child: Child | None = None
        self._starting: asyncio.Task[Upstream | EngineFailed] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._listeners: list[Progress] = []
        self._idle_since = around.clock.now()
        self._look()

    @property
    def state(self) -> str:
        """Return ready, starting, stopping, stopped or failed."""
        if self._child is not None and not self._child.snapshot.ended:
            return self._child.snapshot.state
        if self._starting is not None:
            return "starting"
        return "failed" if self.failure else "stopped"

    @property
    def since(self) -> float:
        """Return the epoch of the last change of state."""
        return self._child.snapshot.since if self._child else self._idle_since

    @property
    def pid(self) -> int | None:
        """Return the child's process id while it runs."""
        return self._child.snapshot.pid if self._child and not self._child.snapshot.ended else None

    @property
    def endpoint(self) -> str:
        """Return the URL it answers at, "" while it does not run."""
        return f"http://127.0.0.1:{self._child.launch.port}" if self._child and self.pid else ""

    @property
    def need_bytes(self) -> int:
        """Return what it takes in memory: what was measured with its settings, else the estimate.

        Until `plan` has read its file, the estimate goes by the file's size alone.
        """
        if self.measured and self.model.peak_bytes:
            return self.model.peak_bytes
        return self.loading.need_bytes if self.loading else rough_need(self.model, self.engine)

    @property
    def measured(self) -> bool:
        """Return whether what it takes was seen with the settings it has now."""
        return self.loading is not None and self.model.peak_of == self.loading.mark and bool(self.model.peak_bytes)

    async def plan(self) -> Loading:
        """Settle how it will be loaded, so that `need_bytes` is known. Raises NotFound, InvalidRequest."""
        memory = psutil.virtual_memory().total
        self.loading = await asyncio.to_thread(plan, self.model, self.engine, memory, self._around.ties.find)
        return self.loading

    async def ensure(self, progress: Progress | None = None) -> Upstream:
        """Return the upstream once the engine is ready, starting it when it does not run.

        Any number of callers share one start; a caller that is cancelled leaves it to the others. An engine reported
        dead is looked at first, so that nobody is sent to it again before its end is noticed. Raises EngineFailed,
        equal for all of them, with the engine's last lines; at once while a back-off lasts. Pinned by
        tests/engines/test_supervisor.py.
        """
        while (busy := self._checking or (self._ending if self.upstream is None else None)) is not None:
            await asyncio.wait([busy])
        if self.upstream is not None:
            return self.upstream
        if self._starting is None:
            if self.failure and self._backoff.remaining():
                raise _copy(self.failure)
            self._starting = asyncio.create_task(self._start(), name=f"start of {self.name}")
            self._on_change()
        if progress is not None:
            self._listeners.append(progress)
        try:
            outcome = await asyncio.shield(self._starting)
        finally:
            if progress is not None:
                self._listeners.remove(progress)
        if isinstance(outcome, EngineFailed):
            raise _copy(outcome)
        return outcome

    def report_dead(self, why: str) -> None:
        """Hear that a connection to the engine was refused; when that is still so, end the child.

        The report may be about an earlier child, so the port is tried before anything is done.
        """
        if self.upstream is not None and self._checking is None:
            self._checking = asyncio.create_task(self._check(why), name=f"check of {self.name}")

    async def stop(self) -> None:
        """End the engine; returns when it is gone or has been given up. A start under way is ended as well."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name=f"end of {self.name}")
        await asyncio.shield(self._ending)

    async def _start(self) -> Upstream | EngineFailed:
        try:
            upstream = await self._try_ports()
        except (FlockError, OSError) as error:
            failure = _as_failure(error)
            if self._ending is None:
                self.failure = failure
                self._backoff.failed()
                log.warning("%s: %s", self.name, failure.sentence)
            return failure
        else:
            self.failure = None
            self._backoff.started()
            return upstream
        finally:
            self._starting = None
            self._on_change()

    async def _try_ports(self) -> Upstream:
        found = self.engine.find()
        if found is None:
            raise self._missing()
        began = self._around.clock.monotonic()
        loading = await self.plan()
        self.kind = loading.spec.kind
        if self._ending is not None:
            raise EngineFailed(f"{self.name} was stopped while it started")
        port = 0
        for _ in range(PORT_TRIES):
            port = self._around.ports.take(above=port)
            spec = replace(loading.spec, port=port, key=secrets.token_urlsafe(24))
            self._tell(f"starting {self.engine.title} on port {port}: {spec.slots} x {spec.context:,} tokens")
            self._child = self._spawn(spec)
            self._tell(f"loading {self.model.path.name} ({size(loading.size_bytes)})")
            snapshot = await self._child.ready()
            if snapshot.state == "ready":
                self.load_seconds = self._around.clock.monotonic() - began
                self.version = found.version or await props_version(self._around.session, spec.port, spec.key)
                return self._now_ready(spec, self._child)
            if snapshot.asked or not self._lost_port(snapshot):
                raise self._failed(snapshot)
            log.info("%s: port %d was taken by somebody else, trying the next one", self.name, port)
        raise self._failed(self._child.snapshot) if self._child else self._missing()

    def _spawn(self, spec: LaunchSpec) -> Child:
        launch = Launch(
            name=self.name,
            argv=tuple(self.engine.argv(spec)),
            environment=self.engine.environment(spec),
            port=spec.port,
            ready_path=self.engine.ready_path,
            key=spec.key,
            holds_stdin=self.engine.holds_stdin,
        )
        around = self._around
        return Child(
            launch,
            home=around.home,
            children=around.children,
            session=around.session,
            clock=around.clock,
            on_change=lambda snapshot: self._changed(spec.port, snapshot),
            limits=around.limits,
        )

    def _now_ready(self, spec: LaunchSpec, child: Child) -> Upstream:
        if child.snapshot.state != "ready":  # it ended while it was asked for its version
            raise self._failed(child.snapshot)
        self.context, self.slots = spec.context, spec.slots
        self.upstream = Upstream(
            name=self.name,
            engine=self.name,
            host="127.0.0.1",
            port=spec.port,
            profile=self._profile,
            own=True,
            key=spec.key,
            version=self.version,
        )
        log.info("%s: ready on port %d, %d slots of %d tokens", self.name, spec.port, spec.slots, spec.context)
        self._tell(f"{self.model.id} is ready")
        return self.upstream

    def _changed(self, port: int, snapshot: Snapshot) -> None:
        if snapshot.state != "ready":
            was_ready, self.upstream = self.upstream is not None, None
            if snapshot.ended:
                self._around.ports.release(port)
                if was_ready and not snapshot.asked:
                    self._died(snapshot)
        self._on_change()

    def _died(self, snapshot: Snapshot) -> None:
        log.warning("%s: %s; last lines: %s", self.name, snapshot.error, " | ".join(snapshot.lines[-5:]))
        if self._backoff.exited():
            last = self._failed(snapshot)
            self.failure = EngineFailed(
                f"{self.name} ended {LOOP_EXITS} times within a minute; {last.sentence}",
                hint=last.hint,
                details=last.details,
            )
            log.error("%s: not started again for %s", self.name, duration(self._backoff.remaining()))

    async def _check(self, why: str) -> None:
        try:
            upstream = self.upstream
            if upstream is None:
                return
            try:
                _, writer = await asyncio.open_connection(upstream.host, upstream.port)
            except OSError:
                # most often it has just ended, and its own end says more than one of ours would
                if self._child is not None:
                    await self._child.ended(NOTICE_SECONDS)
                if self.upstream is upstream:
                    log.warning("%s: does not accept connections (%s); ending it", self.name, why)
                    self._backoff.exited()
                    await self.stop()
            else:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        finally:
            self._checking = None

    async def _end(self) -> None:
        try:
            starting = self._starting
            if starting is not None and (self._child is None or self._child.snapshot.ended):
                # it reads the header; it looks at self._ending before it spawns
                await asyncio.wait([starting])
            if self._child is not None:
                await self._child.stop()
            if starting is not None:
                await asyncio.wait([starting])
        finally:
            self._ending = None
            self._on_change()

    def _look(self) -> None:
        """Notice at once, without starting anything, what would make every start fail."""
        if self.engine.find() is None:
            self.failure = self._missing()
        elif not self.model.path.exists():
            built_in = self.model.source == "built-in"
            self.failure = EngineFailed(
                f"the file of {self.model.id} is not there: {self.model.path}",
                hint="make up" if built_in else f"flock model remove {self.model.id}",
            )

    def _missing(self) -> EngineFailed:
        return EngineFailed(
            f"{self.model.id} cannot be served: neither llama-server nor the embedded engine (the extra "
            '"flockllm[embedded]", which `make up` installs) is there',
            hint=install_hint(),
        )

    def _failed(self, snapshot: Snapshot) -> EngineFailed:
        path = engine_log.log_path(self._around.home, self.name)
        said = " | ".join(engine_log.telling_lines(snapshot.lines))
        why = snapshot.error or "it was stopped while it started"
        return EngineFailed(
            f"{self.engine.title} cannot serve {self.model.id}: {why}" + (f"; it said: {said}" if said else ""),
            hint=f"tail -n 50 '{short(path)}'" if " " in str(path) else f"tail -n 50 {short(path)}",
            details={"engine": self.name, "exit_code": snapshot.exit_code, "last_lines": list(snapshot.lines[-20:])},
        )

    def _lost_port(self, snapshot: Snapshot) -> bool:
        said = "\n".join(snapshot.lines).lower()
        return any(words in said for words in self.engine.bind_failures)

    def _tell(self, message: str) -> None:
        for listener in list(self._listeners):
            listener(message)


def _as_failure(error: FlockError | OSError) -> EngineFailed:
    if isinstance(error, EngineFailed):
        return error
    return EngineFailed(error.sentence, hint=error.hint) if isinstance(error, FlockError) else EngineFailed(str(error))


def _copy(failure: EngineFailed) -> EngineFailed:
    """Return an equal error: one instance raised in fifty tasks would grow one traceback in all of them."""
    return EngineFailed(failure.sentence, hint=failure.hint, details=failure.details)
