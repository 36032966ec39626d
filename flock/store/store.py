"""The store: one database file, its tables and its writer. Opened and closed by the daemon; nothing else opens it."""

import asyncio
from pathlib import Path
from typing import Self

from flock.clock import Clock
from flock.store.asked import Asked
from flock.store.audit import Audit
from flock.store.database import Database
from flock.store.decisions import Decisions
from flock.store.engines import Engines
from flock.store.key_usage import KeyUsage
from flock.store.keys import Keys
from flock.store.ledger import Ledger
from flock.store.migrate import prepare
from flock.store.models import Models, Presets
from flock.store.prices import Prices
from flock.store.reckoning import Reckoning
from flock.store.usage import Usage
from flock.store.vendors import Vendors
from flock.store.writer import Writer


class Store:
    """Everything flock keeps. Reads see what was committed: `await writer.flush()` first where that matters."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self.path = database.path
        self.keys = Keys(database)
        self.models = Models(database)
        self.presets = Presets(database)
        self.engines = Engines(database)
        self.vendors = Vendors(database)
        self.prices = Prices(database)
        self.usage = Usage(database)
        self.reckoning = Reckoning(database)
        self.key_usage = KeyUsage(database)
        self.asked = Asked(database)
        self.audit = Audit(database)
        self.decisions = Decisions(database)
        self.ledger = Ledger(database)
        self.writer = Writer(database, clock)

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """Open the database, creating or migrating it first; its directory must exist.

        Raises StorageFailed when the file cannot be used, StartFailed when a newer flock wrote it.
        """
        await asyncio.to_thread(prepare, path)
        return cls(Database(path), clock)

    async def close(self) -> None:
        """Commit what waits and close the file."""
        await self.writer.close()
        await self._database.close()
