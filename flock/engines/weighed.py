"""A model of flock's own and what it takes in memory: planned before its load, measured while it runs.

Owns the plan that is in force and the high-water mark. Refuses to take what was measured with other settings for what
it takes now. The supervisor of the model's engine is one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flock.engines.engine import Engine, LaunchSpec
from flock.engines.kin import Kin
from flock.engines.loading import Loading, plan, rough_need
from flock.engines.own_model import OwnModel
from flock.engines.surroundings import whole_machine
from flock.engines.window import Room
from flock.errors import FlockError

# Engines whose cache grows as it is used: what they took so far says nothing of what they take at their fullest.
# llama.cpp, vLLM and SGLang take all of it when they load.
_GROWS = frozenset({"mlx"})


class Weighed:
    """A model and its engine; `find` gives the file of another model's id, `kin` what is known of its family, `room`
    what models may take. `loading` is None until it was planned; `able` is what the last plan said the model can do
    (upstream.ABILITIES).
    """

    def __init__(
        self,
        model: OwnModel,
        engine: Engine,
        find: Callable[[str], Path | None],
        kin: Kin | None = None,
        room: Callable[[], Room] = whole_machine,
    ) -> None:
        self.engine = engine
        self.loading: Loading | None = None
        self.able: frozenset[str] | None = None
        self._unreadable: tuple[object, ...] | None = None
        self._model = model
        self._find = find
        self._kin = kin
        self._room = room

    @property
    def model(self) -> OwnModel:
        """Return the model; another one in its place counts from the next load on."""
        return self._model

    @model.setter
    def model(self, model: OwnModel) -> None:
        if _files(model) != _files(self._model):
            self.loading = None
        self._model = model

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
        """Return whether what it takes at its fullest was seen with the settings it has now."""
        seen = self.model.peak_bytes
        if self.loading is None or self.model.peak_of != self.loading.mark or not seen:
            return False
        return self.engine.kind not in _GROWS or seen >= self.loading.need_bytes

    @property
    def is_planned(self) -> bool:
        """Whether `plan` was done with the files and settings it has now, be it in vain."""
        return self.loading is not None or self._unreadable == _files(self._model)

    async def plan(self) -> Loading:
        """Settle how it will be loaded, so that `need_bytes` is known. Raises NotFound, InvalidRequest."""
        model = self._model
        try:
            loading = await asyncio.to_thread(self._planned, model)
        except FlockError:
            self._unreadable = _files(model)
            raise
        if _files(model) == _files(self._model):
            self.loading, self.able = loading, loading.able
        return loading

    def _planned(self, model: OwnModel) -> Loading:
        room = self._room()
        return plan(model, self.engine, room.bytes, self._find, self._kin, card=room.card)

    def weigh(self, seen: int, spec: LaunchSpec) -> None:
        """Hear what it takes in memory, loaded with this spec; keep the most."""
        loading = self.loading
        if loading is None or replace(spec, port=0, key="") != loading.spec:
            return  # what runs was loaded with settings that have been changed since
        before = (self._model.peak_bytes or 0) if self._model.peak_of == loading.mark else 0
        if seen > before:
            self._model = replace(self._model, peak_bytes=seen, peak_of=loading.mark)


def _files(model: OwnModel) -> tuple[object, ...]:
    """Return what a plan follows from."""
    return model.path, model.config, model.projector, model.window
