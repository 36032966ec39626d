"""The adopted engines of one daemon: attached by the user, or named by a setting.

Owns their names, their keys and their watches. Refuses flock's own URL, one URL under two names, to forget an engine
that the configuration would bring back, and to ask for a key before its engine is asked: at the start nothing waits for
a keyring that waits for somebody to unlock it. Called by registry.py.
"""

import asyncio
import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import aiohttp

from flock.clock import Clock
from flock.engines.adopted import Address, Probe, fetch, parse_url
from flock.engines.engine import EngineSettings
from flock.engines.hosted import Hosted
from flock.engines.ollama_process import OllamaProcess
from flock.engines.probe import probe
from flock.engines.watched import Adoption, Pauses, Watched
from flock.errors import Conflict, EngineUnreachable, InvalidRequest, NotFound
from flock.profile import Profile
from flock.store.entries import EngineEntry

_NAME = re.compile(r"^[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,99}$")
# what the names of vendors begin with among those of upstreams and of secrets (vendors/sources.py, vendors/reach.py)
_VENDOR = "vendor:"
# Adopted engines that do not answer must not hold up the daemon's start; their watch finds them later.
_FIRST_ANSWERS_SECONDS = 1.0
_LOCAL = {"localhost": "127.0.0.1"}


class StoredEngines(Protocol):
    """The attached engines that outlive the daemon (store.engines)."""

    async def all(self) -> Sequence[EngineEntry]:
        """Return all of them."""
        ...

    async def insert(self, entry: EngineEntry, /) -> None:
        """Add one."""
        ...

    async def delete(self, name: str, /) -> None:
        """Delete one."""
        ...


class Secrets(Protocol):
    """Where keys are kept, by the engine's name. Each access has a limit of its own and may raise SecretsLocked."""

    async def get(self, name: str, /) -> str:
        """Return a key, "" when there is none."""
        ...

    async def put(self, name: str, value: str, /) -> None:
        """Keep a key."""
        ...

    async def delete(self, name: str, /) -> None:
        """Forget a key; nothing happens when there is none."""
        ...


class Attached:
    """All adopted engines by name. `on_change` is called in the loop whenever one of them has changed."""

    def __init__(
        self,
        settings: EngineSettings,
        profiles: Mapping[str, Profile],
        stored: StoredEngines,
        secrets: Secrets,
        session: aiohttp.ClientSession,
        clock: Clock,
        instance_id: str,
        on_change: Callable[[], None],
        pauses: Pauses,
    ) -> None:
        self.by_name: dict[str, Watched] = {}
        self._settings = settings
        self._profiles = profiles
        self._stored = stored
        self._secrets = secrets
        self._session = session
        self._clock = clock
        self._instance_id = instance_id
        self._on_change = on_change
        self._pauses = pauses
        self._arriving: set[str] = set()

    async def start(self) -> None:
        """Take up the engines of the settings and of the store, and give them a moment to answer.

        Their keys are fetched by their watches; one that is not to be had costs this moment and no more.

        Raises InvalidRequest for a URL in the settings that is none.
        """
        for kind, url in self._settings.endpoints.items():
            source = self._settings.sources.get(kind, f"engine.{kind}_endpoint")
            key = self._settings.vllm_key if kind == "vllm" else ""
            adoption = Adoption(kind, parse_url(url), source, kind=kind)
            self.by_name[kind] = self._watch(adoption, key or None)
        for entry in await self._stored.all():
            if entry.name not in self.by_name:
                adoption = Adoption(entry.name, parse_url(entry.url), "attached", created_at=entry.created_at)
                # a key is looked for whatever `has_key` says: rows of the first schema do not tell
                self.by_name[entry.name] = self._watch(adoption, None)
        first = [asyncio.ensure_future(watched.refresh()) for watched in self.by_name.values()]
        for watched in self.by_name.values():
            watched.start()
        if first:
            await asyncio.wait(first, timeout=_FIRST_ANSWERS_SECONDS)

    async def stop(self) -> None:
        """Stop watching; the engines are left alone."""
        await asyncio.gather(*(watched.stop() for watched in self.by_name.values()))

    async def attach(self, url: str, name: str, key: str) -> Watched:
        """Adopt a running server. Raises what Registry.attach says."""
        address = parse_url(url)
        name = name or address.label
        self._check(name, address)
        self._arriving.add(name)
        try:
            await self._refuse_self(address)
            try:
                seen = await probe(self._session, address, key, name=name)
            except EngineUnreachable as error:
                hint = f"start it, then run: flock engine attach {address.url}"
                raise EngineUnreachable(error.sentence, hint=hint) from None
            adoption = Adoption(name, address, "attached", created_at=self._clock.now())
            await self._keep(adoption, key)
        finally:
            self._arriving.discard(name)
        watched = self.by_name[name] = self._watch(adoption, key, seen)
        watched.start()
        self._on_change()
        return watched

    async def adopt(self, adoption: Adoption) -> Watched:
        """Take up a running server that neither a setting nor the store names, and give it a moment to answer."""
        watched = self.by_name[adoption.name] = self._watch(adoption, "")
        first = asyncio.ensure_future(watched.refresh())
        watched.start()
        await asyncio.wait({first}, timeout=_FIRST_ANSWERS_SECONDS)
        self._on_change()
        return watched

    def host(self, process: OllamaProcess) -> Hosted:
        """Watch an Ollama of flock's own beside the adopted ones."""
        hosted = Hosted(
            process,
            fetch_key=self._secrets.get,
            profiles=self._profiles,
            session=self._session,
            clock=self._clock,
            on_change=self._on_change,
            pauses=self._pauses,
        )
        self.by_name[hosted.name] = hosted
        hosted.start()
        self._on_change()
        return hosted

    def changed(self) -> None:
        """Hear that one of them has changed in what it does not tell itself."""
        self._on_change()

    async def detach(self, name: str) -> Watched:
        """Forget an attached engine. Raises NotFound; Conflict for one that a setting names."""
        watched = self.by_name.get(name)
        if watched is None:
            near = nearest(name, self.by_name)
            raise NotFound(f'no engine "{name}" is attached', hint="flock engine ls", details={"nearest": near})
        if watched.adoption.source != "attached" and name not in self._settings.endpoints:
            raise Conflict(
                f"engine {name} was found at {watched.adoption.address.url} and would be found again",
                hint="flock engine ls",
            )
        if watched.adoption.source != "attached":
            raise Conflict(
                f"engine {name} comes from {watched.adoption.source} and would be back at the next start",
                hint=f"flock config unset engine.{name}_endpoint",
            )
        await self._stored.delete(name)
        await self._secrets.delete(name)
        self.by_name.pop(name, None)
        await watched.stop()
        self._on_change()
        return watched

    def _watch(self, adoption: Adoption, key: str | None, seen: Probe | None = None) -> Watched:
        return Watched(
            adoption,
            key,
            fetch_key=self._secrets.get,
            profiles=self._profiles,
            session=self._session,
            clock=self._clock,
            on_change=self._on_change,
            pauses=self._pauses,
            seen=seen,
        )

    def _check(self, name: str, address: Address) -> None:
        if not _NAME.match(name):
            raise InvalidRequest(
                f'"{name}" cannot be an engine\'s name: letters, digits, ".", "_", ":" and "-", at most 100',
                hint=f"flock engine attach {address.url} --name engine",
            )
        if name.lower().startswith(_VENDOR):
            raise InvalidRequest(
                f'"{name}" cannot be an engine\'s name: what begins with "{_VENDOR}" is a vendor\'s',
                hint=f"flock engine attach {address.url} --name engine",
            )
        if name in self.by_name or name in self._arriving:
            raise Conflict(f'an engine is called "{name}" already', hint=f"flock engine detach {name}")
        for watched in self.by_name.values():
            if _same(watched.adoption.address, address):
                raise Conflict(f"{address.url} is attached already, as {watched.name}", hint="flock engine ls")

    async def _refuse_self(self, address: Address) -> None:
        try:
            _, headers, _ = await fetch(self._session, f"{address.url}/healthz")
        except EngineUnreachable:
            return
        if headers.get("X-Flock-Instance") == self._instance_id:
            raise Conflict(
                f"{address.url} is this flock itself; a request to it would go round in circles", hint="flock engine ls"
            )

    async def _keep(self, adoption: Adoption, key: str) -> None:
        # the key first: an engine without its key would be broken, a key without its engine is only forgotten
        if key:
            await self._secrets.put(adoption.name, key)
        try:
            entry = EngineEntry(adoption.name, adoption.address.url, adoption.created_at, has_key=bool(key))
            await self._stored.insert(entry)
        except BaseException:
            if key:
                await self._secrets.delete(adoption.name)
            raise


def _same(one: Address, other: Address) -> bool:
    """Say whether two addresses are one: people write 127.0.0.1 and localhost for the same place."""
    return replace(one, host=_LOCAL.get(one.host, one.host)) == replace(other, host=_LOCAL.get(other.host, other.host))


def nearest(word: str, words: Iterable[str]) -> list[str]:
    """Return the words most like one, best first."""
    return difflib.get_close_matches(word, list(words), n=3, cutoff=0.5)
