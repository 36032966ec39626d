"""Full disks, places without write permission, damaged files, strangers' files: a clear error, nothing half-written."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.errors import StartFailed, StorageFailed
from flock.store.store import Store
from tests.unit.store.conftest import Request

ROOT = Path(__file__).parents[3]


def child(*words: object) -> list[str]:
    """Run writing_child.py and return its lines."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.store.writing_child", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Lend a directory on a 3 MB file system where that can be mounted, else None."""
    folder.mkdir()
    mounted = os.getuid() == 0 and shutil.which("mount") is not None
    if mounted:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder], check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def assert_it_lived_on(lines: list[str]) -> None:
    said = {line.split()[0]: line for line in lines}
    assert "flock.db" in said["failing"]
    assert said["refused"].startswith("refused storage_failed")
    assert "df -h" in said["refused"]
    assert said["readable"] == "readable 10"
    _, rows, _, put, _, dropped = said["rows"].split()
    assert (rows, dropped) == (put, "0")


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            assert_it_lived_on(child("fill", tmp_path / "flock.db"))
            return
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1_000_000))
        lines = child("fill", disk / "flock.db", ballast)
        assert "no space is left" in lines[0]
        assert_it_lived_on(lines)


def test_a_limit_on_file_sizes(tmp_path: Path) -> None:
    assert_it_lived_on(child("fill", tmp_path / "flock.db"))


def test_a_directory_without_write_permission(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    opened_up(tmp_path)
    (line,) = child("open", home / "flock.db")
    assert line.startswith(f"storage_failed cannot open the database {home}/flock.db: Permission denied")
    assert line.endswith(f"| chmod u+rwx {home}")
    assert list(home.iterdir()) == []


async def test_a_database_that_became_unwritable(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = await Store.open(home / "flock.db", SystemClock())
    store.writer.put(Request(1))
    await store.close()
    owned_by_nobody(home)
    (home / "flock.db").chmod(0o400)
    opened_up(tmp_path)
    (line,) = await asyncio.to_thread(child, "open", home / "flock.db")
    assert line.startswith("storage_failed")
    assert f"chmod u+rwx {home} && chmod u+rw {home}/flock.db" in line


async def test_a_directory_that_became_unwritable(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    await (await Store.open(home / "flock.db", SystemClock())).close()
    owned_by_nobody(home)
    home.chmod(0o500)
    opened_up(tmp_path)
    (line,) = await asyncio.to_thread(child, "open", home / "flock.db")
    home.chmod(0o700)
    assert line.startswith("storage_failed")
    assert f"chmod u+rwx {home}" in line


def opened_up(folder: Path) -> None:
    """Let everybody walk down to a directory of this test."""
    while folder != folder.parent and folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent


def owned_by_nobody(folder: Path) -> None:
    """Hand a directory to whom `as_nobody` becomes."""
    if os.getuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, 65534, 65534)


@pytest.mark.parametrize("content", [b"not a database at all, just words " * 50, b"SQLite format 3\x00" + bytes(4000)])
async def test_a_damaged_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises((StorageFailed, StartFailed)) as caught:
        await Store.open(path, SystemClock())
    assert str(path) in caught.value.sentence
    assert f"mv {path}" in caught.value.hint
    assert path.read_bytes() == content


async def test_damage_inside_names_the_way_back(path: Path) -> None:
    store = await Store.open(path, SystemClock())
    for number in range(2000):
        store.writer.put(Request(number))
    await store.close()
    snapshot = path.with_name("flock.db.before-0003")
    snapshot.touch()
    with path.open("r+b") as file:
        file.seek(32 * 4096)  # behind the first page of every table
        file.write(b"\xff" * (path.stat().st_size - 32 * 4096))
    store = await Store.open(path, SystemClock())
    with pytest.raises(StorageFailed, match="is damaged") as caught:
        await store.usage.recent(5000)
    assert f"cp {snapshot} {path}" in caught.value.hint
    store.writer.put(Request(2001))
    await store.writer.flush()
    assert "is damaged" in store.writer.failing
    await store.close()


async def test_a_truncated_file(path: Path) -> None:
    await (await Store.open(path, SystemClock())).close()
    with path.open("r+b") as file:
        file.truncate(20_000)
    with pytest.raises(StorageFailed, match="is damaged"):
        await Store.open(path, SystemClock())


async def test_a_database_of_a_newer_flock_is_left_alone(path: Path) -> None:
    await (await Store.open(path, SystemClock())).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StartFailed, match=r"newer flock \(schema 0999") as caught:
        await Store.open(path, SystemClock())
    assert str(path) in caught.value.sentence
    assert path.read_bytes() == before


async def test_somebody_elses_database_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    with pytest.raises(StartFailed, match="not flock's"):
        await Store.open(path, SystemClock())
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    connection.close()


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="No such file or directory"):
        await Store.open(tmp_path / "none" / "flock.db", SystemClock())
    with pytest.raises(StorageFailed, match="Is a directory"):
        await Store.open(tmp_path, SystemClock())
