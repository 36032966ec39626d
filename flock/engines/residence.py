"""Models in memory: what the scheduler wants is done here, and what becomes of it is told to the scheduler.

Owns the tasks that load and unload, the timer and the look at memory. Refuses to decide anything: schedule.py does.
Called by registry.py. Everything runs in the event loop and nothing is awaited between an event and its acts, so no
lock is needed; a request to a loaded model with free places costs a few look-ups and no task.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from flock.clock import Clock
from flock.contract.queue import Queue
from flock.engines.acts import Act, Admit, Gate, Load, Refuse
from flock.engines.engine import EngineSettings
from flock.engines.memory import Memory
from flock.engines.queue import queue
from flock.engines.resident import IN, LEAVING, LOADING, OUT, Resident
from flock.engines.schedule import Rules, Schedule
from flock.engines.supervisor import Supervised
from flock.engines.turns import Ticket
from flock.engines.waits import Waits
from flock.errors import Conflict, EngineUnreachable, FlockError, InternalError
from flock.upstream import Upstream, Waiting

log = logging.getLogger(__name__)

# How often those who wait are told where they stand, and what is free is looked at, while anybody waits.
_TELL_SECONDS = 0.5
# How often a request goes back in line because its engine died in the moment in which it was let in.
_TRIES = 3
# States of an engine of which nothing runs.
_ENDED = ("stopped", "failed", "crashloop")

Tell = Callable[[float | None, str], None]


class Residence:
    """The models of one daemon that flock loads itself. `on_change` is called when what may be asked has changed."""

    def __init__(self, settings: EngineSettings, memory: Memory, clock: Clock, on_change: Callable[[], None]) -> None:
        rules = Rules(settings.bound_seconds, settings.queue_limit, settings.jit, settings.exclusive)
        self.schedule = Schedule(rules, 0)
        self.memory = memory
        self._idle_seconds = settings.idle_seconds
        self._clock = clock
        self._on_change = on_change
        self._own: dict[str, Supervised] = {}
        self._waits = Waits(self.schedule, clock.monotonic)
        self._ends: dict[str, list[asyncio.Future[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loads: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- the models

    def know(self, own: Supervised, *, guest: bool = False) -> Resident:
        """Take up a model, or what has changed of it: a `guest` makes no other leave."""
        resident = self.schedule.residents.get(own.name)
        if resident is None or self._own.get(own.name) is not own:
            resident = Resident(own.name, own.model.id, own.need_bytes, guest=guest)
            self._own[own.name] = own
            self.schedule.know(resident)
        model = own.model
        resident.need = own.need_bytes
        # one that is on its way, or out, will have what it is told now, not what it had before
        planned = own.loading.spec.slots if own.loading is not None else 0
        resident.slots = (planned if own.upstream is None else 0) or own.slots or planned or 1
        resident.load_seconds = own.load_seconds
        resident.progress = own.progress
        resident.pinned, resident.priority = model.pinned, model.priority
        override = model.config.idle_seconds
        resident.idle_seconds = self._idle_seconds if override is None else override
        return resident

    def keep_only(self, owned: dict[str, Supervised]) -> None:
        """Forget every model that is none of these any more."""
        for name in [name for name, own in self._own.items() if owned.get(name) is not own]:
            del self._own[name]
            self._apply(self.schedule.forget(name, self._now()))
            self._ended(name)

    def sync(self) -> None:
        """Hear that an engine may have changed its state: what the scheduler thinks follows what is."""
        for name, own in list(self._own.items()):
            resident = self.know(own)
            state, ready = own.state, own.upstream is not None
            self._apply(self.schedule.occupied(name, self._now(), busy=state == "busy"))
            if ready and resident.state in (OUT, LOADING):
                # one that an earlier daemon loaded was loaded on purpose where requests load nothing
                resident.wanted |= resident.state == OUT and not self.schedule.rules.jit
                self._apply(self.schedule.loaded(name, self._now()))
            elif state == "starting" and resident.state in (OUT, IN):
                self._apply(self.schedule.entering(name, self._now()))
            elif not ready and state not in _ENDED:
                # it is on its way out, or has just answered and is asked which version it is
                self._apply(self.schedule.doubt(name))
            elif not ready and resident.state == IN:
                self._apply(self.schedule.gone(name, self._now()))
                self._ended(name)
            elif not ready and resident.state == LOADING and name not in self._loads:
                # it was to come back by itself and does not
                error = own.failure or InternalError(f"{own.model.id} did not come back", hint="flock engine ls")
                self._apply(self.schedule.failed(name, error, self._now()))
                self._ended(name)

    def touched(self, name: str) -> float | None:
        """Return the epoch of the end of a model's last request, None while it has not answered any."""
        resident = self.schedule.residents.get(name)
        if resident is None or resident.answer_seconds is None:
            return None
        return self._clock.now() - (0.0 if resident.running else self._now() - resident.used_at)

    # -- requests

    def enter(self, name: str) -> Upstream | None:
        """Count a request in, or return None when it has to wait: see schedule.Schedule.take."""
        if not self.schedule.take(name):
            return None
        upstream = self._own[name].upstream
        if upstream is None:
            self.leave(name, 0.0)
        return upstream

    async def ensure(self, name: str, waiting: Waiting) -> Upstream:
        """Wait for the turn of a request, loading its model where that is to be done; it is counted in on return.

        Raises what the load fails with, NotEnoughMemory, ModelNotLoaded, EngineBusy, ModelNotFound, Draining.
        """
        waiting.since = waiting.since or self._now()
        for _ in range(_TRIES):
            if (upstream := self.enter(name)) is not None:
                return upstream
            own = self._own.get(name)
            if own is not None:
                await self._prepare(own)
                if (upstream := self.enter(name)) is not None:
                    return upstream
            await self._wait(Ticket.of(name, waiting), waiting)
            own = self._own.get(name)
            if own is not None and own.upstream is not None:
                self._note_load(name, waiting)
                return own.upstream
            self.leave(name, 0.0)
        raise EngineUnreachable(f"the engine {name} ends as soon as it is asked", hint=f"flock engine logs {name}")

    def _note_load(self, name: str, waiting: Waiting) -> None:
        resident = self.schedule.residents[name]
        waiting.position = 0
        if resident.since > waiting.since:  # it came into memory while the request waited
            waiting.load_at = max(waiting.since, resident.since - resident.load_estimate)

    def leave(self, name: str, seconds: float) -> None:
        """Count a request out that took so long."""
        acts = self.schedule.left(name, seconds, self._now())
        if acts:
            self._apply(acts)

    def doubt(self, name: str) -> None:
        """Let nobody in to a model until it is known whether its engine still runs."""
        if (own := self._own.get(name)) is not None:
            self._apply(self.schedule.doubt(name))
            self._begin(self._settle_doubt(own), f"doubt about {name}")

    async def _settle_doubt(self, own: Supervised) -> None:
        await own.checked()
        if own.upstream is not None and self._own.get(own.name) is own:
            self._apply(self.schedule.trust(own.name, self._now()))

    # -- loads on purpose

    async def check(self, own: Supervised, *, swap: bool) -> None:
        """Refuse a load that cannot be; raises the first three of `load`. Earlier failures are forgiven."""
        resident = self.know(own)
        own.forgive()
        await self._prepare(own)
        if resident.state in (IN, LOADING):
            return
        if (error := self.schedule.impossible(resident.name, self._now())) is not None:
            raise error
        if not swap and (words := self.schedule.shortfall(resident.name, self._now())):
            raise Conflict(words, hint=f"flock model load {own.model.id} --swap")

    async def load(
        self, own: Supervised, *, swap: bool, pin: bool = False, priority: int | None = None, tell: Tell | None = None
    ) -> None:
        """Load a model now, beside what is there, or with `swap` in its turn, for which others leave.

        Raises Conflict with the sum when it does not fit beside what is there, NotEnoughMemory when it never can,
        what the load fails with, Draining.
        """
        await self.check(own, swap=swap)
        resident = self.know(own)
        before = own.model
        own.model = replace(
            before, pinned=pin or before.pinned, priority=before.priority if priority is None else priority
        )
        self.know(own)
        resident.wanted = True
        waiting = Waiting("", "", lambda words: tell(own.progress, words) if tell is not None else None)
        try:
            await self._wait(Ticket(resident.name, "", self._now(), load=True), waiting)
        except BaseException:
            if pin and not before.pinned:
                own.model = replace(own.model, pinned=False)
            resident.wanted = resident.state == IN
            raise

    async def unload(self, own: Supervised) -> None:
        """Let a model leave memory once its requests have ended, unpinned; returns when it is gone."""
        resident = self.know(own)
        own.model = replace(own.model, pinned=False)
        self._apply(self.schedule.release(resident.name, self._now()))
        if resident.state == OUT:
            return
        gone = asyncio.get_running_loop().create_future()
        self._ends.setdefault(resident.name, []).append(gone)
        await gone

    def release(self, own: Supervised) -> None:
        """Let a model leave once its requests have ended, and do not wait for that."""
        self._apply(self.schedule.release(self.know(own).name, self._now()))

    def renew(self, own: Supervised) -> None:
        """Hear that a model is to be loaded another way: it leaves memory as soon as nobody uses it."""
        self._apply(self.schedule.renew(self.know(own).name, self._now()))

    def queue(self) -> Queue:
        """Return who waits for what."""
        return queue(self.schedule, self._now())

    async def look(self) -> None:
        """Look at what is free now; callers at the same time share one look."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    def drain(self) -> None:
        """Load nothing any more; who waits for a model that is in memory may still be let in."""
        self._apply(self.schedule.shut(self._now()))

    async def close(self) -> None:
        """Send away everybody who waits and do nothing any more; the engines are ended by the registry."""
        self._apply(self.schedule.shut(self._now(), at_once=True))
        for name in list(self._ends):
            self._ended(name)
        if self._timer is not None:
            self._timer.cancel()
        tasks = [task for task in (*self._tasks, self._telling, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside

    def _now(self) -> float:
        return self._clock.monotonic()

    async def _prepare(self, own: Supervised) -> None:
        """Make sure that what a load needs and what is free are known before it is asked for. Raises what would make it
        fail at once: others must not leave for that.
        """
        resident = self.schedule.residents.get(own.name)
        if resident is None or resident.state != OUT:
            return
        if (error := await own.barred()) is not None:
            raise error
        if own.loading is None:
            try:
                await own.plan()
            except FlockError as error:
                log.info("%s: %s", own.name, error.sentence)  # its start says so, too
        await self.look()
        self.know(own)

    async def _look(self) -> None:
        try:
            await self.memory.look()
            for own in self._own.values():
                self.know(own)  # what was measured since counts from now on
            pids = [own.pid for own in self._own.values() if own.pid is not None]
            held = await asyncio.to_thread(self.memory.held, self.schedule.used, pids)
        finally:
            self._looking = None
        self._apply(self.schedule.limit(self.memory.limit(held), self._now()))

    async def _wait(self, ticket: Ticket, waiting: Waiting) -> None:
        future = self._waits.hold(ticket, waiting)
        try:
            self._apply(self.schedule.ask(ticket, self._now()))
            if not future.done():
                self._waits.tell(ticket, first=True)
                if self._telling is None:
                    self._telling = asyncio.create_task(self._tell_all(), name="words for those who wait")
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                if not ticket.load:
                    self.leave(ticket.model, 0.0)
            else:
                self._apply(self.schedule.give_up(ticket, self._now()))
            raise
        finally:
            self._waits.release(ticket)

    def _apply(self, acts: list[Act]) -> None:
        changed = False
        for act in acts:
            if isinstance(act, Admit | Refuse):
                self._waits.carry_out(act)
            elif isinstance(act, Gate):
                changed = True
            else:
                changed = True
                own = self._own.get(act.resident.name)
                if own is None:
                    continue
                if isinstance(act, Load):
                    log.info("%s: to be loaded", own.name)
                    task = self._begin(self._load(own), f"load of {own.name}")
                    self._loads[own.name] = task
                else:
                    log.info("%s: leaves memory (%s)", own.name, act.why)
                    self._begin(self._unload(own), f"unload of {own.name}")
        self._arm()
        if changed:
            self._on_change()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _load(self, own: Supervised) -> None:
        name = own.name
        error: FlockError | None = None
        try:
            await own.ensure(lambda words: self._waits.say(name, words))
        except FlockError as failure:
            error = failure
        except Exception:
            log.exception("%s could not be loaded", name)
            error = InternalError(f"flock failed to load {own.model.id}", hint="flock logs")
        finally:
            self._loads.pop(name, None)
        resident = self.schedule.residents.get(name)
        if resident is None or self._own.get(name) is not own:
            return
        self.know(own)
        if error is None:
            self._apply(self.schedule.loaded(name, self._now()))
        elif resident.state == LOADING:
            self._apply(self.schedule.failed(name, error, self._now()))
            self._ended(name)

    async def _unload(self, own: Supervised) -> None:
        try:
            await own.stop()
        except Exception:
            log.exception("%s could not be ended", own.name)
        finally:
            resident = self.schedule.residents.get(own.name)
            if resident is not None and resident.state == LEAVING:
                self._apply(self.schedule.gone(own.name, self._now()))
                self._ended(own.name)

    def _ended(self, name: str) -> None:
        for gone in self._ends.pop(name, []):
            if not gone.done():
                gone.set_result(None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake = self.schedule.wake_at
        if wake < float("inf"):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, wake - self._now()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._apply(self.schedule.tick(self._now()))

    async def _tell_all(self) -> None:
        try:
            while self._waits:
                # not a hang: the pause between two looks
                await asyncio.sleep(_TELL_SECONDS)
                await self.look()
                for name, own in self._own.items():
                    self.schedule.residents[name].progress = own.progress
                self._waits.tell_all()
        finally:
            self._telling = None
