"""A vendor that answers, and the vendors of a daemon around what they keep."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from aiohttp import web

from flock.errors import FlockError
from flock.vendors.registry import Vendors
from flock.vendors.row import VendorRow, overlaid
from tests.fakes.vendor import Vendor as Fake
from tests.fakes.vendor_rows import ROWS
from tests.unit.vendors.standing import At, Kept, Rows, Server, catalog, server, vendors

LIST = {"data": [{"id": "small", "context_length": 4096}, {"id": "a/big"}]}
REFUSED = {"error": {"message": "Incorrect API key provided: s3cret-key. Find yours in the console.", "code": "x"}}
GOOD, BAD = "good-key-of-the-team", "bad-key-of-the-team"


@pytest.fixture
def there() -> Iterator[Server]:
    """A vendor that takes every key and has two models."""
    with server() as made:
        made.answers = {"/v1/models": (200, LIST)}
        yield made


class Around:
    """A daemon's vendors with what they keep."""

    def __init__(self, **more: Any) -> None:
        self.secrets, self.stored, self.clock = Kept(), Rows(), At()
        self.vendors = vendors(secrets=self.secrets, stored=self.stored, clock=self.clock, **more)
        self.changes = 0
        self.vendors.on_change = self.changed

    def changed(self) -> None:
        self.changes += 1

    async def again(self, **more: Any) -> Vendors:
        """Return the vendors of a daemon that is started anew."""
        found = vendors(secrets=self.secrets, stored=self.stored, clock=self.clock, **more)
        await found.start()
        return found


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    made = Around()
    yield made
    await made.vendors.client.close()  # type: ignore[attr-defined]


async def raised(kind: type[FlockError], act: Any) -> FlockError:
    """Return the error that an awaitable raises."""
    with pytest.raises(kind) as caught:
        await act
    return caught.value


def placed(row: VendorRow, url: str = "https://box.openai.azure.com") -> VendorRow:
    return row if row.base else overlaid(row, {"base": url})


@asynccontextmanager
async def running(name: str, *keys: str) -> AsyncIterator[tuple[Fake, Vendors]]:
    """Run a fake, and the vendors of a daemon whose environment has these keys for it."""
    fake = Fake(ROWS[name], [GOOD])
    runner = web.AppRunner(fake.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    row = placed(catalog()[name])
    url = urlunsplit(urlsplit(row.base)._replace(scheme="http", netloc=f"127.0.0.1:{runner.addresses[0][1]}"))
    variable = row.variables[0]
    environment = {variable if not i else f"{variable}_{i + 1}": key for i, key in enumerate(keys)}
    found = vendors(environment=environment, urls={name: url})
    try:
        yield fake, found
    finally:
        await found.client.close()  # type: ignore[attr-defined]
        await runner.cleanup()
