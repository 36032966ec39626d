"""A vendor that answers, and the vendors of a daemon around what they keep."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from flock.errors import FlockError
from flock.vendors.registry import Vendors
from tests.unit.vendors.standing import At, Kept, Rows, Server, server, vendors

LIST = {"data": [{"id": "small", "context_length": 4096}, {"id": "a/big"}]}
REFUSED = {"error": {"message": "Incorrect API key provided: s3cret-key. Find yours in the console.", "code": "x"}}


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
