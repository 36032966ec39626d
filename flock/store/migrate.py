"""Bringing a database file to today's schema before anything else opens it.

Owns creation (mode 0600), the check of the revision, the snapshot and the migration. A database of today's revision
costs one SELECT; alembic is imported only when a migration is due. Refuses databases of a newer flock and files that
are not flock's. Called by `Store.open`, in a thread.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from flock.errors import StartFailed, StorageFailed
from flock.store.database import BUSY_MS, failure
from flock.store.schema import METADATA, REVISIONS

SCRIPTS = Path(__file__).parent / "migrations"
# alembic's own table, spelled as alembic creates it
_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def prepare(path: Path, scripts: Path = SCRIPTS, revisions: Sequence[str] = REVISIONS) -> None:
    """Create the database, or bring it to the last of `revisions`, in WAL mode and with mode 0600.

    Raises StorageFailed when the file cannot be used, StartFailed when it is of a newer flock or not flock's at all.
    """
    _claim(path)
    head = revisions[-1]
    try:
        found = _revision(path)
        if found is None:
            _create(path, head)
        elif found in revisions:
            if found != head:
                _migrate(path, scripts, head)
        else:
            raise StartFailed(
                f"the database {path} is of a newer flock (schema {found}, this one knows up to {head})",
                hint="start the newer flock again, or set FLOCK_HOME to another directory",
            )
    except (sqlite3.Error, DBAPIError) as error:
        raise failure(path, error) from error


def _claim(path: Path) -> None:
    """Make sure that the file exists and is ours alone: it holds hashes of keys and who asked what."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(
            f"cannot open the database {path}: {error.strerror}",
            hint=f"chmod u+rwx {path.parent}" + (f" && chmod u+rw {path}" if path.is_file() else ""),
        ) from None
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise StorageFailed(
            f"cannot make the database {path} private: {error.strerror}", hint=f"ls -l {path}"
        ) from None
    finally:
        os.close(descriptor)


def _revision(path: Path) -> str | None:
    """Return the file's revision by plain SQL, None for an empty file. Raises StartFailed for somebody else's."""
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000)
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        rows: list[Any] = []
        if "alembic_version" in tables:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        if not rows:
            raise StartFailed(
                f"{path} is a database, and not flock's (it holds {', '.join(sorted(tables))})",
                hint=f"mv {path} {path}.other",
            )
        return str(rows[0][0])
    finally:
        connection.close()


def _create(path: Path, head: str) -> None:
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            METADATA.create_all(connection)
            connection.exec_driver_sql(_VERSION_TABLE)
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (head,))
    finally:
        engine.dispose()


def _migrate(path: Path, scripts: Path, head: str) -> None:
    """Take a snapshot beside the file, then run the scripts in one transaction: all of them or none."""
    from alembic import command
    from alembic.config import Config

    _snapshot(path, path.with_name(f"{path.name}.before-{head}"))
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, head)
    finally:
        engine.dispose()


def _snapshot(path: Path, target: Path) -> None:
    """Copy the database, the log's part included; a half-written copy never stands under the final name."""
    draft = target.with_name(target.name + ".part")
    draft.unlink(missing_ok=True)
    # VACUUM INTO takes an empty file that is there, and so keeps its mode
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000)
    try:
        connection.execute("VACUUM INTO ?", (str(draft),))
        os.replace(draft, target)
    finally:
        connection.close()
        draft.unlink(missing_ok=True)


def _engine(path: Path) -> Engine:
    """Return a blocking engine whose transactions hold CREATE and ALTER too.

    Python's driver begins transactions only before INSERT and the like (docs.sqlalchemy.org, "pysqlite serializable
    isolation"), so a migration that fails halfway would leave its first half.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)))

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine
