"""Starting one engine: its port, its key, its child, and the next port where that one was lost to somebody else.

Owns the way from a plan to a child that serves, or the taking over of a process that an earlier daemon started. Keeps
no state and refuses to decide whether a start is due: supervisor.py does.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from flock.engines.engine import Engine, Found, LaunchSpec
from flock.engines.kinds import props_version
from flock.engines.loading import Loading
from flock.engines.process import Child, Launch, Snapshot
from flock.engines.running import Taken
from flock.engines.surroundings import Surroundings
from flock.engines.window import told
from flock.errors import EngineFailed
from flock.text import size

log = logging.getLogger(__name__)

# How often a start may lose its port to somebody else before it is given up.
PORT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Started:
    """A child that serves; `version` is the engine's own, "" when it does not tell."""

    child: Child
    spec: LaunchSpec
    version: str


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears of a start: of the child that was started, of every change of its state, of how far its load is (0…1),
    of what is being done; `words` makes the error of a child that ended.
    """

    spawned: Callable[[Child, LaunchSpec], None]
    changed: Callable[[Snapshot], None]
    progressed: Callable[[float], None]
    tell: Callable[[str], None]
    words: Callable[[Snapshot], EngineFailed]


class Starter:
    """Starts the children of one engine, called `name`."""

    def __init__(self, engine: Engine, name: str, around: Surroundings, ears: Ears) -> None:
        self._engine = engine
        self._name = name
        self._around = around
        self._ears = ears

    async def start(self, loading: Loading, found: Found | None, halted: Callable[[], bool]) -> Started:
        """Start a child and wait until it serves. Raises EngineFailed with its last lines, or when it was `halted`."""
        ears, port = self._ears, 0
        snapshot: Snapshot | None = None
        for _ in range(PORT_TRIES):
            if halted():
                raise EngineFailed(f"{self._name} was stopped while it started")
            port = self._around.ports.take(port, self._engine.first_port)
            spec = replace(loading.spec, port=port, key=secrets.token_urlsafe(24))
            room = self._around.ties.room().bytes
            chosen = told(spec.context, spec.slots, spec.kv_type, loading.need_bytes, room, spec.windows)
            ears.tell(f"starting {self._engine.title} on port {port}: {chosen}")
            child = self._spawn(spec, None)
            ears.tell(f"loading {spec.model_path.name} ({size(loading.size_bytes)})")
            snapshot = await child.ready()
            if snapshot.state == "ready":
                return await self._serving(child, spec, found.version if found else "")
            if snapshot.asked or not self._lost_port(snapshot):
                raise ears.words(snapshot)
            log.info("%s: port %d was taken by somebody else, trying the next one", self._name, port)
        assert snapshot is not None
        raise ears.words(snapshot)

    async def take(self, taken: Taken, token: str, spec: LaunchSpec) -> Started:
        """Take over a process that was started with this spec. Raises EngineFailed when it does not serve; it has been
        ended then.
        """
        self._around.ports.claim(spec.port)
        child = self._spawn(spec, (taken, token))
        snapshot = await child.ready()
        if snapshot.state != "ready":
            raise self._ears.words(snapshot)
        return await self._serving(child, spec, "")

    async def _serving(self, child: Child, spec: LaunchSpec, version: str) -> Started:
        version = version or await props_version(self._around.session, spec.port, spec.key)
        if child.snapshot.state != "ready":  # it ended while it was asked for its version
            raise self._ears.words(child.snapshot)
        return Started(child, spec, version)

    def _spawn(self, spec: LaunchSpec, taken: tuple[Taken, str] | None) -> Child:
        engine, around = self._engine, self._around
        launch = Launch(
            name=self._name,
            argv=tuple(engine.argv(spec)),
            environment=engine.environment(spec),
            port=spec.port,
            ready_path=engine.ready_path,
            key=spec.key,
            holds_stdin=engine.holds_stdin,
            loaded=engine.loaded,
        )

        def changed(snapshot: Snapshot) -> None:
            if snapshot.ended:
                around.ports.release(spec.port)
            self._ears.changed(snapshot)

        child = Child(
            launch,
            home=around.home,
            children=around.children,
            session=around.session,
            clock=around.clock,
            on_change=changed,
            on_progress=self._ears.progressed,
            limits=around.limits,
            taken=taken,
        )
        self._ears.spawned(child, spec)
        return child

    def _lost_port(self, snapshot: Snapshot) -> bool:
        said = "\n".join(snapshot.lines).lower()
        return any(words in said for words in self._engine.bind_failures)
