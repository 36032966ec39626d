"""The connection to the database: reading, writing one at a time, and what SQLite's complaints mean.

Owns the engine's settings (WAL, synchronous=NORMAL, busy timeout) and the translation of every failure of the database
into a StorageFailed that names the file and what to do. Called by the table files and the writer only.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.util.concurrency import greenlet_spawn

from flock.errors import Conflict, FlockError, InternalError, StorageFailed
from flock.store.connection import Connection, begun, connected

# how long SQLite waits for another process that holds the file (a backup, `sqlite3 flock.db`)
BUSY_MS = 5000
# the log is cut back to this after a burst; it would keep its largest size otherwise
WAL_LIMIT_BYTES = 16 * 1024 * 1024
# one for the writer, the rest for readers; each has a thread and up to 2 MB of page cache
CONNECTIONS = 3


class Database:
    """One SQLite file in WAL mode. Readers never wait for the writer; writers take turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = asyncio.Lock()
        self._engine: Engine = create_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,  # an error must not carry a key's digest into the log
        )
        event.listen(self._engine, "connect", _on_connect)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Connection]:
        """Lend a connection for SELECTs. Raises StorageFailed."""
        with _Translated(self.path):
            async with connected(self._engine) as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Connection]:
        """Lend a connection inside a transaction that commits at the end. Raises StorageFailed or Conflict."""
        async with self._turn:
            with _Translated(self.path):
                async with begun(self._engine) as connection:
                    yield connection

    def sql(self, statement: Any) -> str:
        """Return a statement as the driver's own text, for `exec_driver_sql` with tuples."""
        return str(statement.compile(dialect=self._engine.dialect))

    async def close(self) -> None:
        """Close every connection; the write-ahead log is folded into the file."""
        await greenlet_spawn(self._engine.dispose)


def _on_connect(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # NORMAL: a commit survives the death of the process; only a power cut may cost the last checkpoint's worth
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "synchronous=NORMAL",
        f"journal_size_limit={WAL_LIMIT_BYTES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Translated:
    """A `with` block in which failures of the database become errors of flock."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DBAPIError | PoolTimeout | sqlite3.Error):
            raise failure(self._path, error) from error


def failure(path: Path, error: Exception) -> FlockError:
    """Return what a failure of SQLite means: StorageFailed, Conflict for a row that exists, InternalError for our own.

    The names are SQLite's result codes (sqlite.org/rescode.html).
    """
    cause: BaseException = (error.orig or error) if isinstance(error, DBAPIError) else error
    if isinstance(error, IntegrityError):
        return Conflict(f"the database already holds that: {cause}", hint="flock status")
    if isinstance(error, InterfaceError | ProgrammingError):
        return InternalError(f"a row does not fit the database {path}: {cause}", hint="flock logs")
    name = str(getattr(cause, "sqlite_errorname", ""))
    folder = path.parent
    for prefixes, sentence, hint in (
        (("SQLITE_FULL",), f"no space is left for the database {path}", f"free some space: df -h {folder}"),
        (
            ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"),
            f"the database {path} cannot be written ({cause})",
            f"chmod u+rwx {folder} && chmod u+rw {path}",
        ),
        (("SQLITE_CORRUPT", "SQLITE_NOTADB"), f"the database {path} is damaged ({cause})", _rescue(path)),
        (
            ("SQLITE_BUSY", "SQLITE_LOCKED"),
            f"another program holds the database {path}",
            f"see which one and end it: fuser -v {path}",
        ),
        (("SQLITE_IOERR",), f"the disk failed under the database {path} ({cause})", f"look at it: df -h {folder}"),
    ):
        if name.startswith(prefixes):
            return StorageFailed(sentence, hint=hint)
    return StorageFailed(f"the database {path} cannot be used: {cause}", hint="flock doctor")


def _rescue(path: Path) -> str:
    """Return the command that puts the newest snapshot in a damaged database's place, or moves it out of the way."""
    snapshots = sorted(path.parent.glob(f"{path.name}.before-*"))
    aside = f"flock down; mv {path} {path}.damaged; rm -f {path}-wal {path}-shm"
    if snapshots:
        return f"{aside}; cp {snapshots[-1]} {path}; flock up"
    return f"{aside}; flock up"
