"""Flock's own Ollama under watch: what an adopted one is, but that flock starts it when a request needs it.

Owns the joining of the two: where it listens after each start, and that it is asked nothing while it does not run.
Called by attached.py, whose engines it is one of; made by own_ollama.py.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import aiohttp

from flock.clock import Clock
from flock.engines.adopted import Address, Probe
from flock.engines.ollama_process import OllamaProcess
from flock.engines.watched import Adoption, Pauses, Watched
from flock.errors import EngineUnreachable
from flock.profile import Profile
from flock.upstream import Upstream


class Hosted(Watched):
    """The Ollama that runs as `process`."""

    def __init__(
        self,
        process: OllamaProcess,
        *,
        fetch_key: Callable[[str], Awaitable[str]],
        profiles: Mapping[str, Profile],
        session: aiohttp.ClientSession,
        clock: Clock,
        on_change: Callable[[], None],
        pauses: Pauses,
    ) -> None:
        nowhere = Address("127.0.0.1", process.engine.first_port, tls=False, prefix="")
        super().__init__(
            Adoption(process.name, nowhere, "flock", kind="ollama"),
            "",  # it takes no key
            fetch_key=fetch_key,
            profiles=profiles,
            session=session,
            clock=clock,
            on_change=on_change,
            pauses=pauses,
            # what is there is known once it runs
            seen=Probe((), "ollama", "", whole=False),
        )
        self.server = self._process = process
        self._followed: Upstream | None = None
        self._doubted = False
        self._state, self.error = process.state, ""
        self.start_hint = f"flock engine restart {self.name}"

    @property
    def open(self) -> Upstream | None:
        """Return where requests may go now; None while it is to be started first, or has not said what it has, or while
        it is in doubt whether it still runs.
        """
        there = self._followed is not None and self._state != "starting" and not self._doubted
        return self.upstream if there else None

    @property
    def held_bytes(self) -> int:
        """Return what its models take in memory, by its own word."""
        return self.seen.held_bytes if self.seen is not None and self._followed is not None else 0

    def follow(self) -> None:
        """Hear that its process may have changed its state."""
        running = self._process.upstream
        if running is None:
            self._followed = None
            failure = self._process.failure
            words = failure.sentence if failure is not None else self._process.trouble
            # its first answer has come, and what it has is not known yet
            state = "starting" if self._process.state == "ready" else self._process.state
            self._set(state, words, hint=failure.hint if failure is not None else "")
        elif running is not self._followed:
            self._followed = running
            self.fault = ""
            self.adoption = replace(self.adoption, address=replace(self.adoption.address, port=running.port))
            self.upstream = self._make_upstream()
            self._set("starting", "", changed=True)
            self._wake.set()

    async def ensure(self) -> Upstream:
        """Return its upstream once it has said what it has, starting it where it does not run.

        Raises EngineFailed with its last lines, EngineUnreachable.
        """
        await self._process.ensure()
        self._doubted = False
        self.follow()
        try:
            return await super().ensure()
        except EngineUnreachable as error:
            hint = f"flock engine logs {self.name}"
            raise EngineUnreachable(error.sentence, hint=hint, details=error.details) from None

    def report_dead(self, why: str) -> None:
        """Hear that a connection to it was refused."""
        self._doubted = True
        self._process.report_dead(why)
        self._wake.set()

    def _make_upstream(self) -> Upstream:
        # it may be asked once more after its end: flock starts it again
        return replace(super()._make_upstream(), own=True)

    async def _ask(self) -> None:
        if self._followed is None:
            self._asking = None
            return
        await super()._ask()
        self._doubted = self._doubted and self._state != "ready"
        if self.seen is not None:
            self._process.heard(tuple(served.model for served in self.seen.models), self.seen.version)
        self.follow()  # it may have ended meanwhile
