"""What a model costs at a vendor: what was set, what the vendor says itself, what public tables say, or None.

Owns that order and the prices that were set, in memory. Nothing here waits but `sure`, and nothing is guessed: None is
what nobody says, and a zero is what somebody said. Called by the request path, by who reserves dollars, and by the
operations of prices; made by the daemon.
"""

import asyncio
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from flock.core.power import Power
from flock.core.record import Record
from flock.policy.keys import Key
from flock.store.entries import PriceEntry
from flock.upstream import Placement, Price
from flock.vendors.tables import Tables, Wanted

# the vendor's name under which the price of power is kept, with no model
LOCAL = "local"
# Bounds how long a request of a key with a dollar budget waits for the tables before it is sent: a child answers in a
# second, in three on a full machine. Without an answer the price is unknown, and limits say what that means.
SURE_SECONDS = 10.0


class Vendors(Protocol):
    """What is asked of the vendors; flock.vendors.registry.Vendors is the real one."""

    def bare(self, name: str, model: str) -> str:
        """Return a model's name at a vendor, without the vendor's own word before it."""
        ...

    def own_price(self, name: str, served: str) -> Price | None:
        """Return what a vendor says itself that a model costs, None where it does not say."""
        ...

    def priced_as(self, name: str, served: str) -> Wanted | None:
        """Return what public tables are to be asked for, None for a vendor that nobody knows."""
        ...


class Pricing:
    """Prices of vendors' models, and of power. `tables` is None where `prices.tables` is off. Whoever changes prices in
    store and memory holds `changing`, so that of two changes at once memory has both.
    """

    def __init__(self, vendors: Vendors, tables: Tables | None, power: Power) -> None:
        self._vendors = vendors
        self._power = power
        self.tables = tables
        self.changing = asyncio.Lock()
        self._exact: dict[tuple[str, str], Price] = {}
        # by vendor: (glob, price), the longest glob first, since it says the most
        self._globs: dict[str, list[tuple[str, Price]]] = {}
        self.watts: str | None = None
        self.usd_per_kwh: str | None = None

    def load(self, entries: Iterable[PriceEntry]) -> None:
        """Take the prices that are set, in place of those that were."""
        self._exact, self._globs = {}, {}
        self.watts = self.usd_per_kwh = None
        for entry in entries:
            if entry.vendor == LOCAL and not entry.model:
                self.watts, self.usd_per_kwh = entry.card.get("watts"), entry.card.get("usd_per_kwh")
            elif any(character in entry.model for character in "*?["):
                self._globs.setdefault(entry.vendor, []).append((entry.model, price_of(entry)))
            else:
                self._exact[entry.vendor, entry.model] = price_of(entry)
        for globs in self._globs.values():
            globs.sort(key=lambda pair: (-len(pair[0]), pair[0]))
        self._power.set(self.watts, self.usd_per_kwh)

    def of(self, vendor: str, model: str) -> Price | None:
        """Return what a model (as flock or as the vendor calls it) costs; where only the tables may know, and have not
        been asked, they are asked in the background and this is None.
        """
        served = self._vendors.bare(vendor, model)
        price = self._said(vendor, served)
        if price is not None or self.tables is None:
            return price
        wanted = self._vendors.priced_as(vendor, served)
        return None if wanted is None else self.tables.of(wanted)

    async def sure(self, vendor: str, model: str, seconds: float = SURE_SECONDS) -> Price | None:
        """Return what a model costs once everybody has been asked, or `seconds` are over."""
        price = self.of(vendor, model)
        if price is not None or self.tables is None:
            return price
        wanted = self._vendors.priced_as(vendor, self._vendors.bare(vendor, model))
        return None if wanted is None else await self.tables.sure(wanted, seconds)

    def learn(self, models: Iterable[tuple[str, str]]) -> None:
        """Ask the tables in the background for (vendor, model) that nobody else has a price of."""
        for vendor, model in models:
            self.of(vendor, model)

    async def before(self, key: Key, placement: Placement, *, capped: bool = False) -> Price | None:
        """Return what a vendor's placement costs as a request is about to go there: only a key with a dollar budget
        and a request that says itself what it may cost (`capped`) wait until that is known; all others take what is
        known when they are settled.
        """
        model = placement.served or placement.model
        known = key.budgets or capped
        return await self.sure(placement.vendor, model) if known else self.of(placement.vendor, model)

    def settled(self, record: Record) -> None:
        """Complete the price of a request that ended: the tables may have answered meanwhile. Waits for nothing."""
        if record.vendor and record.price is None:
            record.price = self.of(record.vendor, record.model)

    def _said(self, vendor: str, served: str) -> Price | None:
        """Return what was set, else what the vendor says itself."""
        if (price := self._exact.get((vendor, served))) is not None:
            return price
        for glob, price in self._globs.get(vendor, ()):
            if fnmatchcase(served, glob):
                return price
        return self._vendors.own_price(vendor, served)


def price_of(entry: PriceEntry) -> Price:
    """Return the price that an entry says."""
    card = entry.card
    return Price(card.get("input"), card.get("output"), card.get("cached"), card.get("written"), source="set")
