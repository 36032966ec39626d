"""The models flock serves itself: the added ones and the built-in smoke model.

Owns which ids they have, which engine each gets, and what the store keeps of them. Refuses an id that is taken, a
model that none of the engines could load, and to keep anything of an addition that failed. Models that an Ollama keeps
are in `lent`: they have an id here and no engine of ours. Called by registry.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from flock.contract.models import ModelConfig
from flock.engines.attached import nearest
from flock.engines.engine import Engine
from flock.engines.formats import format_of, kind_of, pick, recognise
from flock.engines.model_ids import absolute, checked, slug
from flock.engines.own_model import OwnModel
from flock.engines.stored_models import StoredModels, kept, restored
from flock.engines.supervisor import Supervised, Surroundings
from flock.engines.weighed import Weighed
from flock.engines.window import Window
from flock.errors import Conflict, InvalidRequest, ModelNotFound
from flock.profile import Profile
from flock.smoke import facts
from flock.store.entries import ModelEntry

__all__ = ["OwnModels", "StoredModels"]

SMOKE_NOTE = "answers one fixed sentence; models that suit this machine: flock model picks"
# What was written of a model's last use may be so many seconds old: one write an hour per busy model would do as well.
_USED_SECONDS = 60.0

# states of a model that is to be in memory again after the next start
_LOADED = ("ready", "busy", "starting")

# how a model is loaded for the first time; None: it is not
Load = Callable[[Supervised], Awaitable[object]]


class OwnModels:
    """`added` by id, `adding` while they load for the first time, `lent` those an Ollama keeps, and `smoke`.

    `holder` names what answers for an id elsewhere ("" for nobody).
    """

    def __init__(
        self,
        available: Sequence[Engine],
        preferred: str,
        profiles: Mapping[str, Profile],
        stored: StoredModels,
        around: Surroundings,
        on_change: Callable[[], None],
        holder: Callable[[str], str],
    ) -> None:
        self.available = available
        self._preferred = preferred
        self._profiles = profiles
        self._stored = stored
        self._around = around
        self._on_change = on_change
        self._holder = holder
        self._written: dict[str, ModelEntry] = {}
        self.added: dict[str, Supervised] = {}
        self.adding: dict[str, Supervised] = {}
        self.lent: dict[str, OwnModel] = {}
        window = Window(facts.CONTEXT, facts.SLOTS, facts.CACHE_RAM_MIB, facts.THREADS, facts.BATCH, facts.MICRO_BATCH)
        smoke = OwnModel(facts.NAME, facts.PATH, "built-in", window=window, note=SMOKE_NOTE, kind="chat")
        self.smoke = self._supervise(smoke)

    async def load(self) -> list[str]:
        """Take up the stored models; none is started. Return the ids of those that were in memory, last used first."""
        entries = await self._stored.all()
        for entry in entries:
            self._written[entry.id] = entry
            if not entry.path:
                self.lent[entry.id] = restored(entry)
                continue
            # what a request asks of it is refused or not before it is started, so its kind must be known
            kind = await asyncio.to_thread(kind_of, Path(entry.path))
            self.added[entry.id] = self._supervise(restored(entry, kind))
        loaded = sorted((e for e in entries if e.loaded and e.path), key=lambda e: -(e.last_used_at or 0.0))
        return [entry.id for entry in loaded]

    def all(self) -> list[Supervised]:
        """Return every engine of ours, running or not."""
        return [*self.added.values(), *self.adding.values(), self.smoke]

    def file_of(self, id: str) -> Path | None:
        """Return the file of an added model, None for an id that is none: what another model may draft with."""
        own = self.added.get(id)
        return own.model.path if own is not None else None

    def validate(self, path: str, name: str) -> str:
        """Return the id a file would get. Raises what Registry.validate_file says."""
        file = absolute(path)
        found = recognise(file)
        id = checked(name, f"file:{path}") or slug(found.stem)
        self.check_free(id, f"file:{path}")
        return id

    def of_file(self, path: str, name: str) -> OwnModel:
        """Return a file or directory of the user's own as a model, not added yet. Raises what `validate` says."""
        id = self.validate(path, name)
        found = recognise(absolute(path))
        now = self._around.clock.now()
        return OwnModel(id, found.path, f"file:{found.path}", now, kind=found.kind, quant=found.quant)

    def check_free(self, id: str, source: str) -> None:
        """Raise Conflict, with a name that is not taken, when something answers for an id already."""
        holder = "the built-in model" if id == facts.NAME else self._holder(id)
        if id in self.added or id in self.adding or id in self.lent:
            holder = "an added model"
        if holder:
            raise Conflict(
                f'the id "{id}" is taken by {holder}',
                hint=f"flock model add {quote(source)} --name {self._free_name(id)}",
                details={"id": id, "holder": holder},
            )

    async def add(self, model: OwnModel, load: Load | None) -> Supervised:
        """Load a model, where `load` says how, and keep it; on failure or cancellation nothing is left of it.

        Raises Conflict for an id that is taken, InvalidRequest for a model no engine could load, what `load` raises,
        StorageFailed.
        """
        # nothing is awaited from here to its place among those being added
        self.check_free(model.id, model.source)
        self.engine_for(model)
        own = self.adding[model.id] = self._supervise(model)
        self._on_change()
        try:
            if load is not None:
                await load(own)
            entry = kept(own.model, loaded=own.state in ("ready", "busy"))
            await self._stored.insert(entry)
        except BaseException:
            await asyncio.shield(own.stop())
            raise
        else:
            self._written[model.id] = entry
            self.added[model.id] = own
        finally:
            del self.adding[model.id]
            self._on_change()
        return own

    async def lend(self, model: OwnModel) -> OwnModel:
        """Keep an id for a model that an Ollama serves. Raises Conflict, StorageFailed."""
        self.check_free(model.id, model.source)
        self.lent[model.id] = model
        try:
            entry = kept(model, loaded=False)
            await self._stored.insert(entry)
        except BaseException:
            del self.lent[model.id]
            raise
        self._written[model.id] = entry
        self._on_change()
        return model

    async def remove(self, id: str) -> Supervised | OwnModel:
        """Forget an added model and end its engine; return what it was. Raises what Registry.remove says."""
        model = self.removable(id)
        await self._stored.delete(id)
        self._written.pop(id, None)
        self.lent.pop(id, None)
        own = self.added.pop(id, None)
        self._on_change()
        if own is not None:
            await own.stop()
        return own or model

    def removable(self, id: str) -> OwnModel:
        """Return the added model of an id. Raises what Registry.remove says."""
        if (own := self.added.get(id)) is not None:
            return own.model
        if (lent := self.lent.get(id)) is not None:
            return lent
        raise self.not_removable(id)

    async def need_of(self, id: str, config: ModelConfig) -> int:
        """Return what a model would take in memory with other settings, in bytes. Raises what `configure` raises, and
        NotFound or InvalidRequest for files that cannot be read.
        """
        changed = replace(self.removable(id), config=config)
        around = self._around
        weighed = Weighed(changed, self.engine_for(changed), self.file_of, around.settings.kin, around.ties.room)
        await weighed.plan()
        return weighed.need_bytes

    async def configure(self, id: str, config: ModelConfig) -> Supervised:
        """Keep how a model is to be loaded from its next load on; return it. Raises what Registry.configure says."""
        own = self.added.get(id)
        if own is None:
            if id in self.lent:
                raise Conflict(f"{id} is loaded by its Ollama, which has settings of its own", hint="flock engine ls")
            raise self.not_removable(id)
        before = own.model
        changed = replace(before, config=config)
        if self.engine_for(changed).kind != own.engine.kind and own.state not in ("stopped", "failed"):
            raise Conflict(
                f"{id} is in memory with {own.engine.title}; another engine takes over when it is not",
                hint=f"flock model unload {id}",
            )
        entry = kept(changed, loaded=own.state in ("ready", "busy"))
        await self._stored.update(entry)
        self._written[id] = entry
        if self.engine_for(changed).kind != own.engine.kind:
            own = self.added[id] = self._supervise(changed)
        else:
            own.model = replace(own.model, config=config)
        self._on_change()
        return own

    async def remember(self) -> None:
        """Write what has changed of the models since it was last written: what is in memory, what it took, when it was
        last used. Raises StorageFailed.
        """
        for id, own in list(self.added.items()):
            entry, before = kept(own.model, loaded=own.state in ("ready", "busy", "starting")), self._written.get(id)
            if before is None or entry == before:
                continue
            used, used_before = entry.last_used_at or 0.0, before.last_used_at or 0.0
            if used - used_before < _USED_SECONDS and replace(entry, last_used_at=before.last_used_at) == before:
                continue
            await self._stored.update(entry)
            if id in self.added:
                self._written[id] = entry

    def engine_for(self, model: OwnModel) -> Engine:
        """Return the engine that serves a model: what was set for it, what it was added for, what is preferred, the
        first that is installed; one that is not installed says so at its start.

        Raises InvalidRequest when none that flock knows could load it.
        """
        format, wish = format_of(model.path), model.config.engine
        # an engine that was set must do; the one it was added for is only the first that is tried
        for wanted in (wish,) if wish else (model.engine, ""):
            found = pick(self.available, format, model.kind, wanted, self._preferred)
            if found is not None:
                return found
        what = f"{format or 'this format'}{f', {model.kind}' if model.kind else ''}"
        who = f"{wish} does not load" if wish else "no engine of flock's loads"
        raise InvalidRequest(f"{who} {model.path.name or model.id} ({what})", hint="flock engine ls")

    def _free_name(self, id: str) -> str:
        taken = {*self.added, *self.adding, *self.lent, facts.NAME}
        names = (f"{id[:90]}-{number}" for number in range(2, 100))
        return next((name for name in names if name not in taken and not self._holder(name)), f"{id[:90]}-new")

    def not_removable(self, id: str) -> ModelNotFound | Conflict:
        """Return why an id is none of an added model."""
        if id == facts.NAME:
            return Conflict(
                f"{id} is built in; it steps aside once there is another model",
                hint="flock model picks",
            )
        if id in self.adding:
            return Conflict(f"{id} is being added", hint="flock job ls")
        if holder := self._holder(id):
            return Conflict(f"{id} is served by {holder}, which flock does not run", hint="flock engine ls")
        known = [*self.added, *self.lent]
        return ModelNotFound(f'no model "{id}"', hint="flock model ls", details={"nearest": nearest(id, known)})

    def _supervise(self, model: OwnModel) -> Supervised:
        try:
            engine = self.engine_for(model)
        except InvalidRequest:
            # a stored model whose engine is gone: it stays, and its start says what is missing
            engine = self.available[-1]
        profile = self._profiles.get(engine.kind) or self._profiles["openai"]
        return Supervised(model, engine, profile, self._around, self._on_change)
