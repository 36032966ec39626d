"""Which Ollama there is: an adopted one, one that answers at Ollama's own port, else one that flock starts.

Owns that order, and the moment at which flock's own is started: when a model of an Ollama is to be added, loaded or
asked. Refuses to start one beside an adopted one, and to take a flock for an Ollama. Called by roster.py and
registry.py.
"""

import asyncio
import logging

import aiohttp

from flock.engines.adopted import Address, fetch, parse_url
from flock.engines.attached import Attached
from flock.engines.drivers import learn
from flock.engines.engine import EngineSettings, Found
from flock.engines.hosted import Hosted
from flock.engines.ollama_process import OllamaProcess
from flock.engines.ollama_server import OllamaServer
from flock.engines.search import Search
from flock.engines.surroundings import Surroundings
from flock.engines.watched import Adoption
from flock.errors import Draining, EngineFailed, EngineUnreachable, FlockError
from flock.profile import Profile

log = logging.getLogger(__name__)

NAME = "ollama"
# What `flock engine ls` says of one that was found, not named.
FOUND = "Ollama's own port"
# How long the daemon's start waits for an Ollama that is asked or started.
START_SECONDS = 1.0
# What an Ollama says at "/"; a flock that stands in for one does not.
_GREETING = b"Ollama is running"


class OwnOllama:
    """The Ollama of one daemon, where none is adopted."""

    def __init__(self, settings: EngineSettings, profile: Profile, around: Surroundings, attached: Attached) -> None:
        self._url = settings.ollama_url
        self._named = NAME in settings.endpoints
        self._around = around
        self._attached = attached
        self._turn = asyncio.Lock()
        self._beginning: asyncio.Task[None] | None = None
        self._closed = False
        self.driver = OllamaServer(Search(settings.paths, around.home.engines), settings.idle_seconds)
        self.process = OllamaProcess(NAME, self.driver, profile, around, self._changed)

    @property
    def hosted(self) -> Hosted | None:
        """Return the one that flock runs, None while it was not needed."""
        found = self._attached.by_name.get(NAME)
        return found if isinstance(found, Hosted) else None

    @property
    def processes(self) -> list[OllamaProcess]:
        """Return its process, where an earlier daemon may have left one or this one has it."""
        return [] if self._named else [self.process]

    @property
    def shown(self) -> list[OllamaProcess]:
        """Return its process once it was needed."""
        return [self.process] if self.hosted is not None else []

    @property
    def held_bytes(self) -> int:
        """Return what the models of flock's own take in memory: what no other model may take."""
        return self.hosted.held_bytes if self.hosted is not None else 0

    async def begin(self, *, needed: bool) -> None:
        """Look whether an Ollama answers at its port, else go on with what an earlier daemon left, or start one where
        models are kept that need it. Waits START_SECONDS at most; never raises.
        """
        if self.process.state in ("starting", "ready", "busy"):
            self._host()
        self._beginning = asyncio.create_task(self._begin(needed), name="which Ollama there is")
        await asyncio.wait({self._beginning}, timeout=START_SECONDS)

    async def need(self) -> None:
        """Return once there is an Ollama to ask, adopted or started. Callers at the same time share one start; what
        failed before is forgiven, since somebody asks for it on purpose.

        Raises EngineUnreachable with the command that installs one, EngineFailed with its last lines, Draining.
        """
        async with self._turn:
            if self._closed:
                raise Draining("flock is going down and starts no Ollama")
            hosted = self.hosted
            if hosted is None and not self._is_adopted() and not await self._adopt():
                await learn([self.driver])
                if (found := await asyncio.to_thread(self.driver.find)) is None or found.problem:
                    raise _missing(found)
                hosted = self._host()
        if hosted is not None:
            if hosted.open is None:
                self.process.forgive()
            await hosted.ensure()

    async def here(self) -> tuple[bool, str]:
        """Return whether there is an Ollama to ask, running or to be started, else with a hint to get one."""
        if self._is_adopted():
            ready = any(w.state == "ready" for w in self._attached.by_name.values() if w.kind == NAME)
            return ready, "" if ready else "ollama serve"
        if self.hosted is None and await self._address() is not None:
            return True, ""
        found = await asyncio.to_thread(self.driver.find)
        if found is not None and not found.problem:
            return True, ""
        return False, (found.hint if found is not None else "") or self.driver.missing_hint()

    async def stop(self) -> None:
        """End it; none is started afterwards."""
        self._closed = True
        if self._beginning is not None:
            self._beginning.cancel()
        await self.process.stop()

    # -- inside

    async def _begin(self, needed: bool) -> None:
        try:
            if needed or self.hosted is not None:
                await self.need()
            elif not self._is_adopted():
                async with self._turn:
                    await self._adopt()
        except FlockError as error:
            log.warning("no Ollama: %s", error.sentence)
            if needed and NAME not in self._attached.by_name:
                self._host()  # a request for one of the models kept there tries again, and is told what is missing

    def _is_adopted(self) -> bool:
        return any(w.kind == NAME and w.server is None for w in self._attached.by_name.values())

    async def _adopt(self) -> bool:
        """Adopt what answers at Ollama's own port; return whether it does."""
        address = await self._address()
        if address is None or NAME in self._attached.by_name:
            return False
        log.info("an Ollama answers at %s and is adopted", address.url)
        await self._attached.adopt(Adoption(NAME, address, FOUND, kind=NAME))
        return True

    async def _address(self) -> Address | None:
        if not self._url:
            return None
        address, session = parse_url(self._url), self._around.session
        try:
            status, _, body = await fetch(session, f"{address.url}/")
            return address if status == 200 and _GREETING in body else None
        except (EngineUnreachable, aiohttp.ClientError):
            return None

    def _host(self) -> Hosted:
        if (hosted := self.hosted) is not None:
            return hosted
        if NAME in self._attached.by_name:
            raise EngineFailed(
                f'an engine that is no Ollama is called "{NAME}", so flock cannot start its own',
                hint=f"flock engine detach {NAME}",
            )
        hosted = self._attached.host(self.process)
        hosted.follow()
        return hosted

    def _changed(self) -> None:
        if (hosted := self.hosted) is not None:
            hosted.follow()
            self._attached.changed()


def _missing(found: Found | None) -> FlockError:
    if found is not None:
        return EngineFailed(f"Ollama at {found.where} cannot be used: {found.problem}", hint=found.hint)
    return EngineUnreachable(
        "no Ollama runs here, and there is no program called ollama to start", hint="flock engine install ollama"
    )
