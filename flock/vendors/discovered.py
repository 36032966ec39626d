"""What vendors say of their models, kept for a while: the lists by which windows and prices are known.

Owns the time for which a list is believed, and that one list is asked for once at a time. Refuses to ask by itself:
somebody wants to see a list, or nothing is known. Called by registry.py and reach.py.
"""

import asyncio
from collections import defaultdict

from flock.clock import Clock
from flock.errors import VendorKeyMissing
from flock.vendors import asking
from flock.vendors.vendor import Fetch, Found, Vendor

# Vendors change their lists every few days; whoever cannot wait says `--fresh`.
BELIEVED_SECONDS = 3600.0


class Discovered:
    """The lists of models by vendor, in memory."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lists: dict[str, dict[str, Found]] = {}
        self._asked_at: dict[str, float] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(self, vendor: Vendor, *, fresh: bool = False) -> list[Found]:
        """Return a vendor's list, at most BELIEVED_SECONDS old, or new with `fresh`. Raises what asking.models does,
        and what the vendor's keys do.
        """
        name = vendor.name
        async with self._asking[name]:
            age = self._clock.monotonic() - self._asked_at.get(name, 0.0)
            if fresh or name not in self._lists or age > BELIEVED_SECONDS:
                found = await self._by_any_key(vendor)
                self._lists[name] = {model.id: model for model in found}
                self._asked_at[name] = self._clock.monotonic()
            return self.known(name)

    async def _by_any_key(self, vendor: Vendor) -> list[Found]:
        """Return a vendor's list by the first key that it takes."""
        *others, last = await vendor.channel.credentials()
        for credential in others:
            try:
                return await asking.models(self._fetch, vendor, credential)
            except VendorKeyMissing:
                continue
        return await asking.models(self._fetch, vendor, last)

    def known(self, vendor: str) -> list[Found]:
        """Return what is known of a vendor's models now."""
        return list(self._lists.get(vendor, {}).values())

    def one(self, vendor: str, model: str) -> Found | None:
        """Return what is known of one model."""
        return self._lists.get(vendor, {}).get(model)

    def count(self, vendor: str) -> int | None:
        """Return how many models a vendor's list has, None while it has not been asked for."""
        return len(self._lists[vendor]) if vendor in self._lists else None

    def forget(self, vendor: str) -> None:
        """Forget a vendor's list: it is another vendor's now, or nobody's."""
        self._lists.pop(vendor, None)
        self._asked_at.pop(vendor, None)
