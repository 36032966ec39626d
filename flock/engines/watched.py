"""An adopted engine under watch: asked every ten seconds what it serves, every second while it does not answer.

Owns what is known of it. Refuses to forget its models while it is away: they stay listed as unreachable; and to ask for
its key before the first question to it needs the key. Called by attached.py and registry.py.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from flock.clock import Clock
from flock.engines.adopted import Address, Probe, Served
from flock.engines.canaries import words_canary
from flock.engines.engine import LaunchSpec
from flock.engines.probe import probe
from flock.engines.pulse import ask
from flock.engines.supervisor import Supervised
from flock.errors import EngineUnreachable, FlockError
from flock.profile import Profile
from flock.upstream import Upstream

log = logging.getLogger(__name__)

# A server whose every HTTP thread holds a stream answers no further question and is not away: only this many silent
# questions in a row make it unreachable. A refused connection does so at once.
SILENCES = 3
# How long one question to an engine that works on what nobody waits for may take; it is asked again then.
BUSY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two questions, to an engine that answers and to one that does not."""

    ready: float = 10.0
    away: float = 1.0


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is settled about an adopted engine; `kind` is what a setting says it is, "" when it is to be guessed."""

    name: str
    address: Address
    source: str
    kind: str = ""
    created_at: float = 0.0


class Watched:
    """One adopted engine. `on_change` is called in the loop when its state or its models have changed.

    `key` is None where it is still to be fetched, by `fetch_key(name)`, whose limit is its own. It may raise
    SecretsLocked or StorageFailed; the engine then counts as failed and is tried again.
    """

    def __init__(
        self,
        adoption: Adoption,
        key: str | None,
        *,
        fetch_key: Callable[[str], Awaitable[str]],
        profiles: Mapping[str, Profile],
        session: aiohttp.ClientSession,
        clock: Clock,
        on_change: Callable[[], None],
        pauses: Pauses,
        seen: Probe | None = None,
    ) -> None:
        self.adoption = adoption
        self.name = adoption.name
        # the process, where it is one of flock's own
        self.server: Supervised | None = None
        self.start_hint = ""
        # what a request has found to be missing there, until it is seen to load models
        self.fault = ""
        self.seen: Probe | None = seen
        self.busy = False
        self._state = "ready" if seen else "unreachable"
        self.error: str = "" if seen else "it has not answered yet"
        self.since = clock.now()
        self._key = key
        self._fetch_key = fetch_key
        self._hint = ""
        self._profiles = profiles
        self._session = session
        self._clock = clock
        self._on_change = on_change
        self._pauses = pauses
        self._silences = 0
        self._wake = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self.upstream = self._make_upstream()

    @property
    def state(self) -> str:
        """Return ready, busy (it works on what nobody waits for, and cannot be told), failed or unreachable."""
        return "busy" if self.busy and self._state == "ready" else self._state

    @property
    def kind(self) -> str:
        """Return the name of its profile."""
        return self.seen.kind if self.seen else self.adoption.kind or "openai"

    @property
    def models(self) -> tuple[Served, ...]:
        """Return its models, those of its last answer while it is away."""
        return self.seen.models if self.seen else ()

    @property
    def open(self) -> Upstream | None:
        """Return where requests may go now: an adopted engine is asked also while it does not answer."""
        return self.upstream

    @property
    def profile(self) -> Profile:
        """Return what it speaks."""
        return self._profiles.get(self.kind) or self._profiles["openai"]

    def start(self) -> None:
        """Begin to watch it."""
        self._watch = asyncio.create_task(self._run(), name=f"watch of {self.name}")

    async def stop(self) -> None:
        """Stop watching; the engine itself is left alone."""
        tasks = [task for task in (self._watch, self._asking, self._working) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh(self) -> None:
        """Ask it now; callers at the same time share one question."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def ensure(self) -> Upstream:
        """Return its upstream. Raises EngineUnreachable with the command that starts it, after one more question."""
        if self._state != "ready":
            await self.refresh()
        if self._state == "ready":
            return self.upstream
        trouble = "does not answer" if self._state == "unreachable" else "cannot be used"
        raise EngineUnreachable(
            f"engine {self.name} at {self.adoption.address.url} {trouble}: {self.error}",
            hint=self._hint or self.profile.start_hint or f"curl -i {self.adoption.address.url}/v1/models",
            details={"engine": self.name, "endpoint": self.adoption.address.url},
        )

    def report_dead(self, why: str) -> None:
        """Hear that a connection to it was refused, and ask it at once."""
        self._set("unreachable", why)
        self._wake.set()

    def report_broken(self, why: str) -> None:
        """Hear that it cannot load a model as it is installed: a sentence with the command that mends it."""
        if why != self.fault:
            log.error("engine %s: %s", self.name, why)
            self.fault = why
            self._on_change()

    def abandoned(self) -> None:
        """Hear that a request to it was given up: one that cannot cancel is busy until it answers for one token.

        Engines that do not chat are not asked: what they do takes seconds.
        """
        if self.profile.cancels or self.busy or not self.upstream:
            return
        chats = next((served.model for served in self.models if served.kind in ("", "chat")), "")
        if chats:
            self.busy = True
            self._on_change()
            self._working = asyncio.create_task(self._until_free(chats), name=f"{self.name} is busy")

    async def _until_free(self, model: str) -> None:
        canary = words_canary(LaunchSpec(model, Path(), 0, 1, self.upstream.port, ""), model)
        try:
            heard = "silent"
            while heard == "silent" and self._state == "ready":
                heard = (await ask(self._session, self.upstream.url, self.upstream.key, canary, BUSY_SECONDS)).state
        finally:
            self.busy = False
            self._on_change()

    async def _run(self) -> None:
        while True:
            await self.refresh()
            pause = self._pauses.ready if self._state == "ready" else self._pauses.away
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            self._wake.clear()

    async def _ask(self) -> None:
        known = self.seen if self._state == "ready" else None
        address, kind = self.adoption.address, self.adoption.kind
        try:
            if self._key is None:
                self._key = await self._fetch_key(self.name)
                self.upstream = self._make_upstream()
            seen = await probe(self._session, address, self._key, known, expected=kind, name=self.name)
        except EngineUnreachable as error:
            self._silences += 1
            if self._state != "ready" or "timeout" not in error.details or self._silences >= SILENCES:
                self._set("unreachable", error.sentence)
        except FlockError as error:
            self._set("failed", error.sentence, hint=error.hint)
        except Exception:
            # one answer nobody thought of must not end the watch
            log.exception("engine %s: its answer cannot be understood", self.name)
            self._set("failed", "its answer cannot be understood; the log has the details")
        else:
            self._silences = 0
            changed, self.seen = seen != self.seen, seen
            if any(served.context for served in seen.models):
                self.fault = ""
            self.upstream = self._make_upstream() if changed else self.upstream
            self._set("ready", "", changed=changed)
        finally:
            self._asking = None

    def _set(self, state: str, error: str, *, hint: str = "", changed: bool = False) -> None:
        moved = state != self._state
        if moved:
            self.since = self._clock.now()
            log.info("engine %s is %s%s", self.name, state, f": {error}" if error else "")
        changed = changed or moved or error != self.error
        self._state, self.error, self._hint = state, error, hint
        if changed:
            self._on_change()

    def _make_upstream(self) -> Upstream:
        address = self.adoption.address
        return Upstream(
            name=self.name,
            engine=self.name,
            host=address.host,
            port=address.port,
            profile=self.profile,
            own=False,
            prefix=address.prefix,
            tls=address.tls,
            key=self._key or "",
            version=self.seen.version if self.seen else "",
        )
