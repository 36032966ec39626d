"""Everything that runs: engines of ours and adopted ones, from the daemon's start to its end, and whom they serve.

Owns the order in which engines are taken up and ended, and the way of a request to its engine. What there is, is
roster.py's; when a model is in memory, residence.py's. Called by core; made by the daemon.
"""

import asyncio
import contextlib
import dataclasses
import logging

from flock.contract.models import Model, Residents
from flock.contract.queue import Queue
from flock.engines import borrowing, engine_log
from flock.engines.drivers import learn
from flock.engines.residence import Tell
from flock.engines.roster import Roster
from flock.engines.supervisor import Supervised
from flock.engines.survivors import take_over
from flock.errors import Conflict, Draining, FlockError, ModelNotFound, StorageFailed
from flock.smoke import facts
from flock.upstream import Capacity, Placement, Upstream, Waiting

log = logging.getLogger(__name__)

# How often logs are trimmed and a smoke engine that nobody needs any more is ended.
_HOUSEKEEPING_SECONDS = 10.0
# Engines that answer all they are asked in one batch, and how many at once: the default of vLLM's --max-num-seqs.
_GATHERING, _GATHERED = frozenset({"vllm", "sglang"}), 256


class Registry(Roster):
    """The engines of one daemon, running."""

    async def start(self) -> None:
        """Take up what is stored, go on with what an earlier daemon left running or end it, ask the adopted engines.

        Starts no engine of ours: `ensure` does. Must be called under the daemon's lock.
        """
        self._loaded = await self._own.load()
        for sentence in await take_over(self.around, [*self._own.all(), *self.ollama.processes]):
            log.warning("%s", sentence)
        await self._residence.look()
        await self._attached.start()
        self._started = True
        await self.ollama.begin(needed=bool(self._own.lent))
        self._changed()
        self._housekeeping = asyncio.create_task(self._keep_house(), name="engine housekeeping")

    async def stop(self) -> None:
        """End every engine of ours at the same time and leave the adopted ones alone; nothing starts afterwards."""
        self._closed = True
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        if self._started:
            await self._remember()
        await self._residence.close()
        ending = [own.stop() for own in self._own.all()]
        for outcome in await asyncio.gather(self._attached.stop(), self.ollama.stop(), *ending, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("an engine could not be ended: %s", outcome)

    def drain(self) -> None:
        """Load nothing any more: the daemon goes down once its requests have ended."""
        self._residence.drain()

    async def restore(self, default: str) -> None:
        """Load the default model, where requests load models, and what was in memory when the last daemon ended: the
        pinned ones first, then those used last, as far as they fit beside each other.
        """
        known = self._own.added
        again = sorted((known[id] for id in self._loaded if id in known), key=lambda own: not own.model.pinned)
        first = known.get(default) or (self._own.smoke if default == facts.NAME else None)
        if first is not None and (self._residence.schedule.rules.jit or first in again):
            again = [first, *(own for own in again if own is not first)]
        for own in again:
            try:
                await self._residence.load(own, swap=False)
            except Conflict as error:
                log.info("%s is not loaded again: %s", own.model.id, error.sentence)
            except FlockError as error:
                log.warning("%s cannot be loaded again: %s", own.model.id, error.sentence)

    # -- requests: core.inference.Places

    def enter(self, placement: Placement) -> Upstream | None:
        """Count a request in and return where it goes; None when it has to wait (`ensure`)."""
        if placement.own:
            return self._residence.enter(placement.name)
        watched = self._attached.by_name.get(placement.name)
        return watched.open if watched is not None else placement.upstream

    async def ensure(self, placement: Placement, waiting: Waiting | None = None) -> Upstream:
        """Return the upstream of a placement once it is this request's turn, loading a model of ours that is not in
        memory; the request is counted in on return, and out by `leave`.

        Raises EngineFailed (with the engine's last lines), EngineUnreachable (with the command that starts it),
        NotEnoughMemory, ModelNotLoaded, EngineBusy (the queue is full), ModelNotFound when it was removed meanwhile,
        Draining when the daemon goes down.
        """
        if self._closed:
            raise Draining("flock is going down and starts no engine")
        if (watched := self._attached.by_name.get(placement.name)) is not None:
            return await watched.ensure()
        if self._find_own(placement.name) is None:
            raise ModelNotFound(f'model "{placement.model}" was removed', hint="flock model ls")
        return await self._residence.ensure(placement.name, waiting or Waiting("", ""))

    def capacity(self, name: str) -> Capacity:
        """Return what a placement can take. Of adopted engines nobody tells it: those that gather requests into one
        batch take what comes, of others one at a time is sure.
        """
        schedule = self._residence.schedule
        queue = schedule.rules.queue_limit
        if (watched := self._attached.by_name.get(name)) is not None:
            return Capacity(_GATHERED if watched.profile.kind in _GATHERING else 1, queue=queue)
        resident = schedule.residents.get(name)
        if resident is None:
            return Capacity(own=self._find_own(name) is not None, queue=queue)
        fits = not schedule.shortfall(name, self.around.clock.monotonic())
        return Capacity(resident.slots, own=True, fits=fits, queue=queue)

    def leave(self, upstream_name: str, seconds: float = 0.0, *, abandoned: bool = False) -> None:
        """Count a request out that took so long; `abandoned`: before its answer was complete."""
        self._residence.leave(upstream_name, seconds)
        if not abandoned:
            return
        engine = self._attached.by_name.get(upstream_name) or self._find_own(upstream_name)
        if engine is not None:
            engine.abandoned()

    def report_dead(self, upstream_name: str, why: str) -> None:
        """Hear that a connection to an upstream was refused; its state then becomes what it is."""
        if (watched := self._attached.by_name.get(upstream_name)) is not None:
            watched.report_dead(why)
        elif (own := self._find_own(upstream_name)) is not None:
            own.report_dead(why)
            self._residence.doubt(upstream_name)

    # -- memory

    def residents(self) -> Residents:
        """Return what is in memory of flock's own models, what it takes and what is free for others."""
        for own in self._own.all():
            self._residence.know(own, guest=own is self._own.smoke)  # what was measured meanwhile
        schedule, here = self._residence.schedule, [self._row(own) for own in self._own.all()]
        shown = tuple(row for row in here if row.state not in ("stopped", "failed", "crashloop", "queued"))
        seen = [own.memory_bytes for own in self._own.all() if own.memory_bytes is not None]
        now = sum(seen) if seen and self.around.ties.in_memory() else None
        return Residents(schedule.budget, schedule.used, max(0, schedule.budget - schedule.used), shown, now)

    def queue(self) -> Queue:
        """Return who waits for which model; users are core's to name."""
        return self._residence.queue()

    def report_broken(self, upstream_name: str, why: str) -> None:
        """Hear that an adopted engine, or an Ollama of flock's own, cannot load models as it is installed."""
        if (watched := self._attached.by_name.get(upstream_name)) is not None:
            watched.report_broken(why)

    async def check_load(self, id: str, *, swap: bool) -> None:
        """Refuse at once what `load` would refuse at once; raises the same."""
        if (own := self._own_model(id)) is None:
            self._adopted(id, "which loads its models itself")
        else:
            await self._residence.check(own, swap=swap)

    async def load(
        self, id: str, *, swap: bool = False, pin: bool = False, priority: int | None = None, report: Tell | None = None
    ) -> Model:
        """Load a model of ours now; with `swap` others leave for it, in its turn. Returns when it is ready.

        Raises ModelNotFound, Conflict (with the sum where it does not fit; another's model), NotEnoughMemory,
        EngineFailed with the engine's last lines, Draining.
        """
        own = self._own_model(id)
        if own is None:
            borrowed = self._adopted(id, "which loads its models itself")
            if borrowed.engine.server is not None:
                await self.ollama.need()
            await borrowing.load(borrowed, self.around.session, pin=pin)
            return self._shown(id)
        await self._residence.load(own, swap=swap, pin=pin, priority=priority, tell=report)
        return self._row(own)

    async def unload(self, id: str) -> Model:
        """Let a model leave memory once its requests have ended, unpinned; an adopted Ollama is asked to do it.

        Raises ModelNotFound; Conflict for a model of an engine that flock does not touch.
        """
        own = self._own_model(id)
        if own is None:
            await borrowing.unload(self._adopted(id, "whose process is never touched"), self.around.session)
            return self._shown(id)
        await self._residence.unload(own)
        return self._row(own)

    # -- inside

    def _own_model(self, id: str) -> Supervised | None:
        return self._own.added.get(id) or (self._own.smoke if id == facts.NAME else None)

    def _adopted(self, id: str, which: str) -> borrowing.Borrowed:
        """Return where an Ollama has a model. Raises ModelNotFound; Conflict for another adopted engine's model."""
        place = next(iter(self.table.get(id, ())), None)
        if place is None:
            raise self._own.not_removable(id)
        engine = self._attached.by_name[place.engine]
        if engine.kind != "ollama":
            raise Conflict(
                f"{id} is served by {engine.name}, {which}; flock can only forget it",
                hint=f"flock engine detach {engine.name}",
            )
        return borrowing.Borrowed(engine, place.served or place.model)

    def _shown(self, id: str) -> Model:
        return next(row for row in self.models() if row.id == id)

    async def _remember(self) -> None:
        for own in self._own.all():
            if (used := self._residence.touched(own.name)) is not None:
                own.model = dataclasses.replace(own.model, last_used_at=used)
        with contextlib.suppress(StorageFailed):  # a full disk; the next round writes it
            await self._own.remember()

    async def _learn_models(self) -> None:
        """Plan the loads of models that are not in memory: what they take, can do and take in is known before a request
        asks for one.
        """
        for own in self._own.all():
            if not own.is_planned and own.state in ("stopped", "failed"):
                with contextlib.suppress(FlockError):  # its start says why
                    await own.plan()
                self._changed()

    async def _keep_house(self) -> None:
        while True:
            await self._learn_models()
            await learn([*self._own.available, self.ollama.driver])
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            await asyncio.to_thread(engine_log.trim, self._home)
            await self._remember()
            if not self._smoke_listed():
                self._residence.release(self._own.smoke)
