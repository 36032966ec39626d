"""What there is: the models of flock's own, the adopted engines, and the routing table that follows from them.

Owns `table`, replaced as a whole at every change, so that the request path does one look-up and takes no lock; and the
adding, changing and removing. Refuses two things of one name. registry.py, which is one, loads and serves.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import aiohttp

from flock.clock import Clock
from flock.contract.engines import Engine as EngineRow
from flock.contract.models import Model, ModelConfig
from flock.engines import borrowing, lent, refusals, rows
from flock.engines.adopted import parse_url
from flock.engines.attached import Attached, Secrets, StoredEngines
from flock.engines.children import Children
from flock.engines.drivers import drivers
from flock.engines.engine import Engine, EngineSettings, Found
from flock.engines.inspection import Inspection
from flock.engines.memory import Memory
from flock.engines.own_model import OwnModel
from flock.engines.own_models import OwnModels, StoredModels
from flock.engines.own_ollama import OwnOllama
from flock.engines.ports import Ports
from flock.engines.process import Limits
from flock.engines.residence import Residence
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings, Ties, Traffic
from flock.engines.watched import Pauses, Watched
from flock.engines.window import Room
from flock.errors import Conflict
from flock.hardware.seen import Seen, look
from flock.paths import Home
from flock.profile import Profile
from flock.upstream import Placement

# How long a model that is removed may go on with answers it has begun: less than the minute that a command waits.
_REMOVE_SECONDS = 45.0
# Kinds of models that a request without a model's name may go to: those that chat, and those of which nothing is known.
_MAY_CHAT = ("", "chat")


def nothing(*_told: object) -> None:
    """Do nothing: the default of `on_change` and `on_event`."""


def _never(_upstream: str) -> float:
    return 0.0


def _none(_upstream: str) -> int:
    return 0


class Roster:
    """The engines of one daemon. `on_change` is called in the loop after every change of what runs, `on_event` with
    (kind, subject, data) of what the bus is to tell; `heard` gives when a byte came from an upstream last (monotonic),
    `in_flight` how many requests run on it.

    `seen` looks at the machine, blocking. `available` are the engines flock may start, in order of preference; the last
    one's absence is what is reported. `secrets` keeps the keys of adopted engines.
    """

    def __init__(
        self,
        home: Home,
        settings: EngineSettings,
        profiles: Mapping[str, Profile],
        models: StoredModels,
        engines: StoredEngines,
        session: aiohttp.ClientSession,
        clock: Clock,
        instance_id: str,
        secrets: Secrets,
        *,
        available: Sequence[Engine] = (),
        ports: Ports | None = None,
        limits: Limits | None = None,
        pauses: Pauses | None = None,
        seen: Callable[[], Seen] = look,
    ) -> None:
        self.table: Mapping[str, tuple[Placement, ...]] = MappingProxyType({})
        self.on_change: Callable[[], None] = nothing
        self.on_event: Callable[[str, str, dict[str, Any]], None] = nothing
        self.heard: Callable[[str], float] = _never
        self.in_flight: Callable[[str], int] = _none
        self._home = home
        self._clock = clock
        self.memory = Memory(seen, settings)
        self._residence = Residence(settings, self.memory, clock, self._rebuild)
        # one for all who spawn: a second list of children would overwrite the first
        around = self.around = Surroundings(
            home, session, clock, Children(home), ports or Ports(), limits or Limits(), settings, self._ties()
        )
        choice = tuple(available) or drivers(settings, home.engines)
        self._own = OwnModels(choice, settings.preferred, profiles, models, around, self._changed, self._holder)
        self._attached = Attached(
            settings,
            profiles,
            engines,
            secrets,
            session,
            clock,
            instance_id,
            self._changed,
            pauses or Pauses(),
        )
        ollama = profiles.get("ollama") or profiles["openai"]
        self.ollama = OwnOllama(settings, ollama, around, self._attached)
        self.memory.elsewhere = lambda: self.ollama.held_bytes
        self.inspection = Inspection(
            around,
            lambda: [*self._own.all(), *self.ollama.shown],
            self._adopted_only,
            self._load_again,
            lambda name: self.in_flight(name),
        )
        self._housekeeping: asyncio.Task[None] | None = None
        self._loaded: list[str] = []
        self._states: dict[tuple[str, str], str] = {}
        self._adopted_states: dict[str, str] = {}
        self._started = False
        self._closed = False

    def models(self) -> list[Model]:
        """Return the models of the table and those being added, one row per id; none is marked as the default."""
        listed = {own.model.id: self._row(own) for own in self._listed()}
        for watched in sorted(self._attached.by_name.values(), key=lambda engine: engine.state != "ready"):
            for served in watched.models:
                listed.setdefault(served.model, rows.adopted_model(watched, served))
        kept = lent.models(self._own.lent.values(), self._attached.by_name.values())
        for tag in (lent.tag_of(model) for model in self._own.lent.values()):
            listed.pop(tag, None)  # it has a row under the id it was added by
        return [*listed.values(), *kept]

    def engines(self) -> list[EngineRow]:
        """Return the engines flock runs or would run, and the adopted ones."""
        own = self._listed()
        if self._own.smoke not in own and self._own.smoke.pid is not None:
            own.append(self._own.smoke)
        adopted = self._attached.by_name.values()
        return [rows.own_engine(engine) for engine in own] + [rows.adopted_engine(engine) for engine in adopted]

    async def attach(self, url: str, name: str = "", key: str = "") -> EngineRow:
        """Adopt a running OpenAI-compatible server; its models are in the table when this returns.

        Raises InvalidRequest (no such URL or name, no such server), Conflict (flock itself, an engine of ours, name
        or URL taken), EngineUnreachable, NotAllowed (it wants a key), StorageFailed.
        """
        address = parse_url(url)
        here = address.host in ("localhost", "127.0.0.1", "::1")
        for own in (*self._own.all(), *self.ollama.shown):
            if name == own.name or (here and own.endpoint.endswith(f":{address.port}")):
                raise Conflict(f"{name or url} is flock's own engine", hint="flock engine ls")
        return rows.adopted_engine(await self._attached.attach(url, name, key))

    async def detach(self, name: str) -> EngineRow:
        """Forget an attached engine, which keeps running. Raises NotFound; Conflict for one that was not attached."""
        if self._find_own(name) is not None or any(name == own.name for own in self.ollama.shown):
            raise Conflict(f"{name} is flock's own engine, not an attached one", hint="flock model ls")
        return rows.adopted_engine(await self._attached.detach(name))

    def available(self) -> list[tuple[Engine, Found | None]]:
        """Return the engines flock may start and where each is, None for one that is not here. Blocking."""
        return [(engine, engine.find()) for engine in self._own.available]

    def validate_file(self, path: str, name: str = "") -> str:
        """Check that a file can be added under a name, or the one that follows from its own; return the model's id.

        Blocking, up to 0.2 s. Raises NotFound, InvalidRequest naming the file, Conflict for an id that is taken.
        """
        return self._own.validate(path, name)

    async def add_file(
        self, path: str, name: str = "", report: Callable[[float | None, str], None] | None = None
    ) -> Model:
        """Add a file or directory of the user's own and load it. Raises what `validate_file` and `add` say."""
        model = await asyncio.to_thread(self._own.of_file, path, name)
        return await self.add(model, load=True, report=report)

    async def add(
        self, model: OwnModel, *, load: bool, report: Callable[[float | None, str], None] | None = None
    ) -> Model:
        """Add a model whose files are here, load it unless told not to, and keep it; on failure or cancellation
        nothing is left of it.

        `report` hears progress (0…1, None when unknown) and what is being done. Raises Conflict for an id that is
        taken, InvalidRequest for what no engine could load, EngineFailed with the engine's last lines, StorageFailed.
        """

        async def first_load(own: Supervised) -> None:
            # it is new, so what was idle may go; what is in use or pinned stays
            await self._residence.load(own, swap=True, tell=report)

        return self._row(await self._own.add(model, first_load if load else None))

    def check_free(self, id: str, source: str) -> None:
        """Raise Conflict, with a name that is not taken, when something answers for an id already."""
        self._own.check_free(id, source)

    async def lend(self, model: OwnModel) -> Model:
        """Keep an id for a model that an Ollama serves. Raises Conflict for an id that is taken, StorageFailed."""
        return lent.row(await self._own.lend(model), self._attached.by_name.values())

    async def pull(self, tag: str, report: borrowing.Report, *, load: bool) -> bool:
        """Let an Ollama have a model and load it, one that is started for it where none runs; return whether it had to
        pull it. Raises what OwnOllama.need and borrowing.pull say.
        """
        report(None, "looking for an Ollama")
        await self.ollama.need()
        return await borrowing.pull(self._attached.by_name.values(), self.around.session, tag, report, load=load)

    async def delete_pulled(self, tag: str) -> None:
        """Let an Ollama delete a model. Raises UpstreamError, EngineUnreachable, EngineFailed."""
        await self.ollama.need()
        await borrowing.delete(self._attached.by_name.values(), self.around.session, tag)

    def added(self) -> list[OwnModel]:
        """Return the models that were added, those that an Ollama keeps too."""
        return [*(own.model for own in self._own.added.values()), *self._own.lent.values()]

    def removable(self, model_id: str) -> OwnModel:
        """Return an added model. Raises what `remove` says."""
        return self._own.removable(model_id)

    async def remove(self, model_id: str) -> Model:
        """Forget an added model once its requests have ended, after _REMOVE_SECONDS at the latest, and end its engine;
        its files stay.

        Raises ModelNotFound; Conflict for one that was not added.
        """
        if (own := self._own.added.get(model_id)) is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._residence.unload(own), _REMOVE_SECONDS)
        gone = await self._own.remove(model_id)
        return self._row(gone) if isinstance(gone, Supervised) else lent.row(gone, ())

    async def configure(self, model_id: str, config: ModelConfig) -> Model:
        """Keep how a model is to be loaded from its next load on; one in memory leaves it once nobody uses it.

        Raises ModelNotFound, Conflict, StorageFailed; NotEnoughMemory, with the sum, for settings with which it could
        never be loaded here; NotFound and InvalidRequest for files that are not there or damaged.
        """
        if model_id in self._own.added:
            needs = await self._own.need_of(model_id, config)
            if needs > self.memory.budget_bytes:
                raise refusals.never(model_id, needs, self.memory.budget_bytes)
        before = own.model.config if (own := self._own.added.get(model_id)) is not None else config
        own = await self._own.configure(model_id, config)
        if replace(before, idle_seconds=None) != replace(config, idle_seconds=None):
            self._residence.renew(own)
        return self._row(own)

    def _ties(self) -> Ties:
        return Ties(
            traffic=self._traffic,
            tell=lambda kind, subject, data: self.on_event(kind, subject, data),
            find=lambda id: self._own.file_of(id),
            in_memory=lambda: self.memory.seen.pool != "gpu",
            room=lambda: Room(self.memory.budget_bytes, self.memory.seen.pool == "gpu"),
        )

    def _adopted_only(self) -> dict[str, Watched]:
        return {name: watched for name, watched in self._attached.by_name.items() if watched.server is None}

    async def _load_again(self, own: Supervised) -> None:
        if own is self.ollama.process:
            await self.ollama.need()
        else:
            await self._residence.load(own, swap=True)

    def _find_own(self, name: str) -> Supervised | None:
        return next((own for own in self._own.all() if own.name == name), None)

    def _listed(self) -> list[Supervised]:
        listed = [*self._own.added.values(), *self._own.adding.values()]
        return [*listed, self._own.smoke] if self._smoke_listed() else listed

    def _smoke_listed(self) -> bool:
        """The smoke model stands in only while nothing else may chat: pinned by tests/engines/test_registry.py."""
        kinds = [own.kind for own in self._own.added.values()]
        kinds += [served.kind for watched in self._attached.by_name.values() for served in watched.models]
        return not any(kind in _MAY_CHAT for kind in kinds)

    def _holder(self, model: str) -> str:
        for watched in self._attached.by_name.values():
            if any(model == served.model for served in watched.models):
                return f"engine {watched.name}"
        return ""

    def _row(self, own: Supervised) -> Model:
        return rows.own_model(own, self._residence.schedule.residents.get(own.name))

    def _traffic(self, upstream: str) -> Traffic:
        resident = self._residence.schedule.residents.get(upstream)
        if upstream in self._attached.by_name:
            return Traffic(self.in_flight(upstream), self.heard(upstream))
        if resident is None:
            return Traffic()
        return Traffic(resident.running, self.heard(upstream), resident.used_at)

    def _changed(self) -> None:
        """Hear that an engine of ours or an adopted one has changed."""
        if not self._started:
            return
        owned = {own.name: own for own in self._own.all()}
        for own in owned.values():
            self._residence.know(own, guest=own is self._own.smoke)
        self._residence.keep_only(owned)
        self._residence.sync()
        self._rebuild()

    def _tell_adopted(self) -> None:
        """Tell of the states of adopted engines; those of ours tell by themselves."""
        states = {name: watched.state for name, watched in self._attached.by_name.items()}
        for name, state in states.items():
            if self._adopted_states.get(name) != state:
                error = self._attached.by_name[name].error
                self.on_event("engine.state", name, {"state": state, "model": "", "error": error})
        for name in self._adopted_states.keys() - states.keys():
            self.on_event("engine.state", name, {"state": "removed", "model": "", "error": ""})
        self._adopted_states = states

    def _tell_states(self) -> None:
        """Tell which models of ours and which adopted engines have changed their state; engines of ours tell that."""
        now = {("model.state", own.model.id): self._row(own) for own in self._own.all()}
        told = {key: {"state": row.state, "engine": row.engine, "error": row.error} for key, row in now.items()}
        for watched in self._attached.by_name.values():
            told["engine.state", watched.name] = {"state": watched.state, "model": "", "error": watched.error}
        for (kind, subject), data in told.items():
            if self._states.get((kind, subject)) != data["state"]:
                self._states[kind, subject] = data["state"]
                self.on_event(kind, subject, data)
        for kind, subject in [key for key in self._states if key not in told]:
            del self._states[kind, subject]
            self.on_event(kind, subject, {"state": "removed", "error": ""})

    def _rebuild(self) -> None:
        if not self._started:
            return
        table: dict[str, tuple[Placement, ...]] = {}
        own = [*self._own.added.values(), *([self._own.smoke] if self._smoke_listed() else [])]
        residents = self._residence.schedule.residents
        placements = [rows.own_placement(engine, residents.get(engine.name)) for engine in own]
        for watched in self._attached.by_name.values():
            placements += [rows.adopted_placement(watched, served) for served in watched.models]
        placements += lent.placements(self._own.lent.values(), self._attached.by_name.values())
        # the first one is the default where the configuration names none
        for placement in sorted(placements, key=lambda placement: placement.kind not in _MAY_CHAT):
            table[placement.model] = (*table.get(placement.model, ()), placement)
        if table != self.table:
            self.table = MappingProxyType(table)
        self._tell_states()
        self._tell_adopted()
        self.on_change()
