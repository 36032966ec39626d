"""Public tables of prices, looked up by a child that ends with the answer (price_child.py) and kept in memory.

Owns which prices are known, which are asked for, and the file that `flock price update` fetches. Nothing is looked up
before somebody needs it, and then everything that is needed meanwhile in one go. Refuses to load the library here, and
to fetch anything by itself. Called by core/pricing.py and core/prices.py; the daemon makes one.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flock import errands
from flock.clock import Clock
from flock.errors import FlockError, InternalError, SourceUnreachable, StorageFailed, UpstreamError
from flock.upstream import Price

log = logging.getLogger(__name__)

# run by its path: the child needs nothing of flock
CHILD = Path(__file__).with_name("price_child.py")
LIBRARY = "genai-prices"
# Bounds a child that hangs (a full machine that swaps): it answers within two seconds, 1,000 models within three.
LOOK_SECONDS = 30.0
# Bounds an address that sends a byte every ten seconds, beyond the child's own limits for single reads. A command line
# waits a minute for the daemon (client/blocking.py).
FETCH_SECONDS = 45.0
# about half a kilobyte each; all of the tables are 2,300 models
KEPT = 5_000
# models in one question: their names fit into a pipe's line, and the answer is not waited for too long
BATCH = 1_000
# names of models are at most half as long; a longer one is nobody's model
NAME_MAX = 200
# A child takes a second of a core: whoever asks for a thousand models that do not exist gets ten such a minute.
CHILDREN_A_MINUTE = 10
# after a child that failed (no memory, a broken library) none is started for so long
REST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model whose price is wanted: `vendor` and `model` as flock has them, `provider` what the library calls the
    vendor ("" when unknown: then its `url` tells).
    """

    vendor: str
    model: str
    provider: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Which tables these are; `at` is the date of their data in epoch seconds, None while nothing was looked up."""

    name: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Known:
    """A price that was looked up, None where the tables have none; `at` and `until` in epoch seconds."""

    price: Price | None
    at: float
    until: float | None = None


_Key = tuple[str, str]


class Tables:
    """Prices of the public tables. `file` is where fetched ones lie, `url` another place of them than the library's."""

    def __init__(
        self, file: Path, clock: Clock, environment: Mapping[str, str], *, url: str = "", child: Path = CHILD
    ) -> None:
        self._file, self._clock, self._url, self._child = file, clock, url, child
        self._environment = errands.without_secrets(environment)
        self._known: dict[_Key, Known] = {}
        self._wanted: dict[_Key, tuple[Wanted, asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._started: deque[float] = deque(maxlen=CHILDREN_A_MINUTE)
        self._rest_until = 0.0
        self._generation = 0
        self._facts = Facts(f"{LIBRARY} {_version()}".strip(), None)
        self._said = ""

    @property
    def facts(self) -> Facts:
        """Which tables these are."""
        return self._facts

    def of(self, wanted: Wanted) -> Price | None:
        """Return a price as far as it is known; what is not known, or was for another time of day, is asked for."""
        known = self._known.get((wanted.vendor, wanted.model))
        if known is None or (known.until is not None and known.until <= self._clock.now()):
            self.learn((wanted,))
        return known.price if known is not None else None

    def known(self) -> list[tuple[str, str, Known]]:
        """Return (vendor, model, price) of what was looked up so far, the newest first."""
        return [(*key, known) for key, known in reversed(self._known.items())]

    def learn(self, wanted: Iterable[Wanted]) -> None:
        """Ask for prices in the background; what is known for good or is asked for already is left out."""
        for one in wanted:
            self._ask(one)

    async def sure(self, wanted: Wanted, seconds: float) -> Price | None:
        """Return a price once the tables have been asked; None where they have none, or do not answer in time."""
        if self.of(wanted) is None and (asked := self._wanted.get((wanted.vendor, wanted.model))) is not None:
            await asyncio.wait((asked[1],), timeout=seconds)
        known = self._known.get((wanted.vendor, wanted.model))
        return known.price if known is not None else None

    async def fetch(self) -> None:
        """Fetch the newest tables, on demand only; prices are then looked up anew. What was there stays on an error.

        Raises SourceUnreachable; UpstreamError for what is no such table; StorageFailed, InternalError.
        """
        task = {"ask": "fetch", "file": str(self._file), "url": self._url}
        heard: dict[str, Any] = {}
        ended = await errands.run(
            self._argv(), heard.update, environment=self._environment, task=task, seconds=FETCH_SECONDS
        )
        if failed := heard.get("failed"):
            raise _trouble(failed)
        if ended.timed_out:
            raise _trouble({"kind": "unreachable", "host": "", "why": f"not done within {FETCH_SECONDS:.0f} s"})
        if "tables" not in heard:
            raise InternalError(f"fetching prices failed: {' '.join(ended.tail[-1:])}", hint="flock logs")
        self._take_facts(heard["tables"])
        self._known.clear()
        self._generation += 1
        self._rest_until = 0.0

    async def stop(self) -> None:
        """End what is being looked up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    # -- asking

    def _ask(self, wanted: Wanted) -> None:
        key = (wanted.vendor, wanted.model)
        now = self._clock.now()
        known = self._known.get(key)
        if known is not None and (known.until is None or known.until > now):
            return
        if key in self._wanted or len(wanted.model) > NAME_MAX or self._clock.monotonic() < self._rest_until:
            return
        if not (wanted.provider or wanted.url) or len(self._wanted) >= KEPT:
            return
        loop = asyncio.get_running_loop()
        self._wanted[key] = (wanted, loop.create_future())
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work(), name="price tables")

    async def _work(self) -> None:
        while self._wanted:
            await self._breathe()
            batch = dict(list(self._wanted.items())[:BATCH])
            try:
                await self._look([wanted for wanted, _ in batch.values()])
            except (FlockError, OSError, ValueError, KeyError, TypeError) as error:
                words = error.sentence if isinstance(error, FlockError) else str(error)
                log.warning("prices of %d models could not be looked up: %s", len(batch), words)
                self._rest_until = self._clock.monotonic() + REST_SECONDS
                batch = dict(self._wanted)
            finally:
                for key, (_, done) in batch.items():
                    self._wanted.pop(key, None)
                    if not done.done():
                        done.set_result(None)

    async def _breathe(self) -> None:
        """Wait while the last minute has seen enough children."""
        if len(self._started) == CHILDREN_A_MINUTE:
            await asyncio.sleep(max(0.0, self._started[0] + 60.0 - self._clock.monotonic()))
        self._started.append(self._clock.monotonic())

    async def _look(self, batch: list[Wanted]) -> None:
        now, generation = self._clock.now(), self._generation
        asked = [{"vendor": w.vendor, "provider": w.provider, "url": w.url, "model": w.model} for w in batch]
        task = {"ask": "cards", "file": str(self._file), "at": now, "wanted": asked}
        heard: list[dict[str, Any]] = []
        ended = await errands.run(
            self._argv(), heard.append, environment=self._environment, task=task, seconds=LOOK_SECONDS
        )
        if ended.code != 0 or len(heard) != len(batch) + 1:
            raise InternalError(" ".join(ended.tail[-1:]) or "the child ended early", hint="flock logs")
        if generation != self._generation:  # newer tables came meanwhile: the next who asks hears what they say
            return
        self._take_facts(heard[0]["tables"])
        for message in heard[1:]:
            vendor, model = message["of"]
            card = message["card"]
            self._known.pop((vendor, model), None)
            self._known[vendor, model] = Known(_price(card, self._facts.name), now, card["until"] if card else None)
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]

    def _take_facts(self, told: dict[str, Any]) -> None:
        name = f"{LIBRARY} {told['version']}" + (", updated" if told["fetched"] else "")
        self._facts = Facts(name, float(told["at"]) or None)
        if (problem := str(told["problem"])) and problem != self._said:
            log.warning("the fetched prices in %s are not used: %s", self._file, problem)
        self._said = problem

    def _argv(self) -> list[str]:
        return [sys.executable, "-P", str(self._child)]


def _version() -> str:
    try:
        return version(LIBRARY)
    except PackageNotFoundError:
        return ""


def _price(card: dict[str, Any] | None, source: str) -> Price | None:
    if card is None:
        return None
    rates = {name: rate for name, rate in card.items() if name not in ("tiers", "until")}
    tiers = tuple((int(over), _flat(tier, source)) for over, tier in card["tiers"])
    return _flat(rates, source, tiers)


def _flat(rates: Mapping[str, str], source: str, tiers: tuple[tuple[int, Price], ...] = ()) -> Price:
    given = dict(rates)
    return Price(given.pop("input", None), given.pop("output", None), tiers=tiers, source=source, **given)


def _trouble(failed: Mapping[str, Any]) -> FlockError:
    host = failed["host"] or "the place of the tables"
    stay = "the prices that were there stay"
    if failed["kind"] == "unkept":
        return StorageFailed(f"the tables of prices could not be kept: {failed['why']}; {stay}", hint="flock doctor")
    if failed["kind"] == "refused":
        return UpstreamError(
            f"{host} answers {failed['status']} for the tables of prices; {stay}", hint="flock price ls"
        )
    if failed["kind"] == "unfit":
        return UpstreamError(
            f"what {host} sent is no table that {LIBRARY} {_version()} reads ({failed['why']}); {stay}",
            hint="flock price ls",
        )
    return SourceUnreachable(f"{host} was not reached: {failed['why']}; {stay}", hint="flock price update")
