"""The vendors that the user added: their rows in the store, their keys with the secrets.

Owns that the two go together: a key without its row would lie there for ever, a row without its keys says so. Refuses
what is no key. Called by registry.py.
"""

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flock.errors import FlockError, InvalidRequest, VendorKeyMissing
from flock.store.entries import VendorEntry
from flock.vendors.sources import MOST, cleaned, secret_name
from flock.vendors.vendor import Secrets, StoredVendors

log = logging.getLogger(__name__)


class Added:
    """The rows in memory, as the store has them."""

    def __init__(self, stored: StoredVendors, secrets: Secrets) -> None:
        self._stored = stored
        self._secrets = secrets
        self._entries: dict[str, VendorEntry] = {}
        self.entries: Mapping[str, VendorEntry] = MappingProxyType(self._entries)

    async def load(self) -> None:
        """Read the rows; no key is read. Raises StorageFailed."""
        for entry in await self._stored.all():
            self._entries[entry.name] = entry

    async def new_keys(self, before: VendorEntry, text: str) -> list[str]:
        """Return the keys of a text that are not stored yet, in their order.

        Raises InvalidRequest for what is no key and for too many; SecretsLocked, StorageFailed.
        """
        try:
            words = [cleaned("what was given", word) for word in dict.fromkeys(text.split())]
        except VendorKeyMissing as error:
            raise InvalidRequest(error.sentence, hint=f"flock vendor add {before.name} < key.txt") from None
        if not words:
            return []
        stored = {await self._secrets.get(name) for name in _names(before.name, 1, before.keys)}
        new = [word for word in words if word not in stored]
        if before.keys + len(new) > MOST:
            raise InvalidRequest(
                f"{before.name} would have {before.keys + len(new)} keys; {MOST} are the most",
                hint=f"flock vendor remove {before.name}",
            )
        return new

    async def keep(self, entry: VendorEntry, new: Sequence[str]) -> None:
        """Write new keys and the row that counts them, or neither. Raises SecretsLocked, StorageFailed."""
        names = _names(entry.name, entry.keys - len(new) + 1, entry.keys)
        try:
            for name, word in zip(names, new, strict=True):
                await self._secrets.put(name, word)
            await self._stored.put(entry)
        except BaseException:
            for name in names:
                try:
                    await self._secrets.delete(name)
                except FlockError as error:
                    log.warning("the secret %s could not be taken back: %s", name, error.sentence)
            raise
        self._entries[entry.name] = entry

    async def remove(self, entry: VendorEntry) -> None:
        """Delete a vendor's keys and its row, the keys first. Raises StorageFailed."""
        for name in _names(entry.name, 1, entry.keys):
            await self._secrets.delete(name)
        await self._stored.delete(entry.name)
        del self._entries[entry.name]


def _names(vendor: str, first: int, last: int) -> list[str]:
    return [secret_name(vendor, number) for number in range(first, last + 1)]
