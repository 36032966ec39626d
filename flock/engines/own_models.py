"""The models flock serves itself: the added ones and the built-in smoke model.

Owns which ids they have and which engine each gets. Refuses an id that is taken, a file that is no model, and to keep
anything of an addition that failed. Called by registry.py.
"""

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from flock.engines.attached import nearest
from flock.engines.engine import Engine
from flock.engines.gguf_header import model_stem, read_header
from flock.engines.own_model import OwnModel
from flock.engines.supervisor import Supervised, Surroundings
from flock.engines.window import Window
from flock.errors import Conflict, FlockError, InvalidRequest, ModelNotFound
from flock.profile import Profile
from flock.smoke import facts
from flock.store.entries import ModelEntry

SMOKE_NOTE = "answers one fixed sentence; add a real model: flock model add file:PATH.gguf"
_ID = re.compile(r"^[a-z0-9][a-z0-9._-]{0,99}$")


class StoredModels(Protocol):
    """The added models that outlive the daemon (store.models)."""

    async def all(self) -> Sequence[ModelEntry]:
        """Return all of them."""
        ...

    async def insert(self, entry: ModelEntry, /) -> None:
        """Add one."""
        ...

    async def delete(self, id: str, /) -> None:
        """Delete one."""
        ...


class OwnModels:
    """`added` by id, `adding` while they load for the first time, and `smoke`.

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
        self._available = available
        self._preferred = preferred
        self._profiles = profiles
        self._stored = stored
        self._around = around
        self._on_change = on_change
        self._holder = holder
        self.added: dict[str, Supervised] = {}
        self.adding: dict[str, Supervised] = {}
        window = Window(facts.CONTEXT, facts.SLOTS, facts.CACHE_RAM_MIB, facts.THREADS, facts.BATCH, facts.MICRO_BATCH)
        smoke = OwnModel(facts.NAME, facts.PATH, "built-in", window=window, note=SMOKE_NOTE, kind="chat")
        self.smoke = self._supervise(smoke)

    async def load(self) -> None:
        """Take up the stored models; none is started."""
        for entry in await self._stored.all():
            path = Path(entry.path)
            # what a request asks of it is refused or not before it is started, so its kind must be known
            kind = await asyncio.to_thread(_kind, path)
            model = OwnModel(entry.id, path, f"file:{path}", entry.created_at, kind=kind)
            self.added[entry.id] = self._supervise(model)

    def all(self) -> list[Supervised]:
        """Return every engine of ours, running or not."""
        return [*self.added.values(), *self.adding.values(), self.smoke]

    def validate(self, path: str, name: str) -> str:
        """Return the id a file would get. Raises what Registry.validate_file says."""
        file = _absolute(path)
        read_header(file)
        if name and not _ID.match(name.lower()):
            raise InvalidRequest(
                f'"{name}" cannot be a model\'s id: letters, digits, ".", "_" and "-", a letter or digit first',
                hint=f"flock model add 'file:{path}' --name {_slug(name)}",
            )
        id = name.lower() or _slug(model_stem(file))
        self._check_free(id, path)
        return id

    async def add(self, path: str, name: str, report: Callable[[float | None, str], None] | None) -> Supervised:
        """Add a file, load it, keep it. Raises what Registry.add_file says."""
        id = await asyncio.to_thread(self.validate, path, name)
        file = _absolute(path)
        kind = await asyncio.to_thread(_kind, file)
        self._check_free(id, path)  # again, and nothing is awaited from here to its place among those being added
        model = OwnModel(id, file, f"file:{file}", self._around.clock.now(), kind=kind)
        own = self.adding[id] = self._supervise(model)
        try:
            await own.ensure(None if report is None else lambda message: report(None, message))
            await self._stored.insert(ModelEntry(id, str(file), model.created_at))
        except BaseException:
            await asyncio.shield(own.stop())
            raise
        else:
            self.added[id] = own
        finally:
            del self.adding[id]
            self._on_change()
        return own

    async def remove(self, id: str) -> Supervised:
        """Forget an added model and end its engine. Raises what Registry.remove says."""
        own = self.added.get(id)
        if own is None:
            raise self._not_removable(id)
        await self._stored.delete(id)
        self.added.pop(id, None)
        self._on_change()
        await own.stop()
        return own

    def _check_free(self, id: str, path: str) -> None:
        holder = "the built-in model" if id == facts.NAME else self._holder(id)
        if id in self.added or id in self.adding:
            holder = "an added model"
        if holder:
            raise Conflict(
                f'the id "{id}" is taken by {holder}', hint=f"flock model add 'file:{path}' --name {id[:90]}-2"
            )

    def _not_removable(self, id: str) -> ModelNotFound | Conflict:
        if id == facts.NAME:
            return Conflict(
                f"{id} is built in; it steps aside once there is another model",
                hint="flock model add file:PATH.gguf",
            )
        if id in self.adding:
            return Conflict(f"{id} is being added", hint="flock job ls")
        if holder := self._holder(id):
            return Conflict(f"{id} is served by {holder}, which flock does not run", hint="flock engine ls")
        return ModelNotFound(f'no model "{id}"', hint="flock model ls", details={"nearest": nearest(id, self.added)})

    def _supervise(self, model: OwnModel) -> Supervised:
        engine = self._pick()
        profile = self._profiles.get(engine.kind) or self._profiles["openai"]
        return Supervised(model, engine, profile, self._around, self._on_change)

    def _pick(self) -> Engine:
        """Return the preferred engine if it is installed, else the first that is, else the last: its error says so."""
        order = sorted(self._available, key=lambda engine: engine.kind != self._preferred)
        return next((engine for engine in order if engine.find() is not None), self._available[-1])


def _kind(path: Path) -> str:
    """Return what a file's model is for, "" when it cannot be read: its start will say why. Blocking."""
    try:
        return read_header(path).kind
    except FlockError:
        return ""


def _absolute(path: str) -> Path:
    # links are kept: a file in a download cache has its name in the link, and an updated link means the new file
    return Path(os.path.abspath(os.path.expanduser(path)))


def _slug(stem: str) -> str:
    """Return a name as an id: lower case, anything but letters, digits, ".", "_" and "-" replaced by "-"."""
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:100] or "model"
