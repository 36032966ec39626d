"""A connection to the database as the tables have it: statements that the event loop does not wait for.

Owns how SQLAlchemy's own connection, which blocks, is driven from here: by `greenlet_spawn`, as its asyncio extension
does, which would bring the whole ORM along (7 MB and a tenth of a second at every start). Lent by database.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection as Blocking
from sqlalchemy import CursorResult, Engine, RootTransaction, Row
from sqlalchemy.util.concurrency import greenlet_spawn

Parameters = dict[str, Any] | Sequence[dict[str, Any]]
Result = CursorResult[*tuple[Any, ...]]
Rows = Sequence[Row[*tuple[Any, ...]]]


class Connection:
    """A lent connection; what it hands out as a whole was read as a whole."""

    def __init__(self, blocking: Blocking) -> None:
        self._blocking = blocking
        self._reading: list[Result] = []

    async def execute(self, statement: Any, parameters: Parameters | None = None) -> Result:
        """Run a statement and return its result, in memory."""
        return await greenlet_spawn(self._blocking.execute, statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Result:
        """Run the driver's own text, with a tuple or a list of them, and return its result, in memory."""
        return await greenlet_spawn(self._blocking.exec_driver_sql, statement, parameters)

    async def partitions(self, statement: Any, size: int) -> AsyncGenerator[Rows]:
        """Run a statement and yield its rows, `size` at a time: no more of them are in memory."""
        options = {"stream_results": True}
        result = await greenlet_spawn(self._blocking.execute, statement, execution_options=options)
        self._reading.append(result)
        while rows := await greenlet_spawn(result.fetchmany, size):
            yield rows
        self._reading.remove(result)

    def begin(self) -> RootTransaction:
        """Begin a transaction, blocking."""
        return self._blocking.begin()

    def close(self) -> None:
        """Give the connection back, blocking: what was read in part would hold its snapshot, and the log grow."""
        for result in self._reading:
            result.close()
        self._blocking.close()


@asynccontextmanager
async def connected(engine: Engine) -> AsyncGenerator[Connection]:
    """Lend a connection; what was not committed is rolled back."""
    connection = Connection(await greenlet_spawn(engine.connect))
    try:
        yield connection
    finally:
        await _to_its_end(connection.close)


@asynccontextmanager
async def begun(engine: Engine) -> AsyncGenerator[Connection]:
    """Lend a connection in a transaction that commits at the end and is rolled back on an error."""
    async with connected(engine) as connection:
        transaction = await greenlet_spawn(connection.begin)
        try:
            yield connection
        except BaseException as error:
            await _to_its_end(transaction.__exit__, type(error), error, error.__traceback__)
            raise
        await _to_its_end(transaction.__exit__, None, None, None)


async def _to_its_end(act: Callable[..., object], *args: object) -> None:
    """Wait for an act also when whoever waits is cancelled meanwhile: half a commit leaves a connection locked."""
    task, cancelled = asyncio.ensure_future(greenlet_spawn(act, *args)), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
