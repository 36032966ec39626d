"""Copies of what flock knows, in one file each: made while it runs, looked at, put back.

Owns the file: a gzipped tar of `manifest.json` (whose hashes the rest must have), `flock.db`, `config.yaml` and the
user's `catalog/`. Refuses to copy secrets (the keyring's and `secrets.json` stay where they are), to put back what is
damaged or of a newer flock, and to overwrite: what stood there is kept beside it. Blocking; called by core/backups.py,
in a thread, and by local/backups.py.
"""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from flock import __version__
from flock.clock import rfc3339
from flock.contract.exposing import Backup
from flock.errors import FlockError, InvalidRequest, NotFound, StorageFailed
from flock.paths import Home, private_dir, short
from flock.plain import is_object
from flock.store.database import BUSY_MS, failure
from flock.store.schema import REVISIONS
from flock.text import size

MANIFEST, DATABASE, CONFIG, CATALOG = "manifest.json", "flock.db", "config.yaml", "catalog/"
_NAME = re.compile(r"flock-(\d{8}T\d{6}Z)(-\d+)?\.tar\.gz")
# zlib's quick end: a database of usage rows shrinks to a fifth at 1 and to a sixth at 9, in a fifth of the time
_LEVEL = 1
_BLOCK = 1 << 20
# what a manifest may be: one line for each file of the user's catalog
_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Opened:
    """A copy laid out in a directory, every hash right."""

    backup: Backup
    place: Path


def directory(home: Home, wish: str) -> Path:
    """Return where copies lie: the wish as an absolute path, else `backups` in the data directory."""
    return Path(os.path.abspath(os.path.expanduser(wish))) if wish else home.data / "backups"


def create(home: Home, wish: str, keep: int, now: float) -> Backup:
    """Copy the database and the configuration into one new file and return what it is.

    `keep` deletes all but the newest so many copies of that directory afterwards, 0 none. `now` in epoch seconds.
    Raises InvalidRequest for a negative `keep`, NotFound without a database, StorageFailed.
    """
    if keep < 0:
        raise InvalidRequest(f"--keep is how many copies stay, not {keep}", hint="flock backup create --keep 14")
    if not home.database.exists():
        raise NotFound(f"there is nothing to copy yet: no {short(home.database)}", hint="flock up")
    folder = directory(home, wish)
    with _disk(folder):
        private_dir(folder)
        _room(folder, home.database)
        with tempfile.TemporaryDirectory(prefix=".flock-backup-", dir=folder) as scratch:
            copy, draft = Path(scratch) / DATABASE, Path(scratch) / "draft"
            revision = _copy(home.database, copy)
            _pack(draft, revision, now, [(DATABASE, copy), *_beside(home)])
            target = _named(draft, folder, now)
    made = inspect(target)
    removed = _prune(folder, keep) if keep else []
    notes = [f"deleted {short(file)}" for file in removed]
    notes.append("keys of vendors and engines are not in it: they stay in the keyring or in secrets.json")
    return replace(made, notes=tuple(notes))


def listed(home: Home, wish: str) -> list[Backup]:
    """Return the copies of a directory, newest first, without hashes; a damaged one carries its problem.

    Raises StorageFailed.
    """
    folder = directory(home, wish)
    if not folder.is_dir():
        return []
    with _disk(folder):
        files = _newest_first(folder)
    found: list[Backup] = []
    for file in files:
        try:
            found.append(inspect(file, hashed=False))
        except FlockError as error:
            found.append(Backup(str(file), "", file.stat().st_size, "", "", "", problem=error.sentence))
    return found


def inspect(file: Path, *, hashed: bool = True) -> Backup:
    """Return what a copy says of itself; without its own hash only the manifest is read, however large it is.

    Raises NotFound, InvalidRequest for a damaged one.
    """
    if not file.is_file():
        raise NotFound(f"there is no copy {short(file)}", hint="flock backup ls")
    with _reading(file) as tar:
        first = tar.next()
        if first is None or first.name != MANIFEST or first.size > _MANIFEST_BYTES:
            raise _damaged(file, "it does not begin with flock's manifest")
        stream = tar.extractfile(first)
        said = _manifest(file, stream.read() if stream is not None else b"")
    return Backup(
        file=str(file),
        at=str(said["at"]),
        size_bytes=file.stat().st_size,
        sha256=_hash(file) if hashed else "",
        revision=str(said["revision"]),
        version=str(said["version"]),
    )


def restore(home: Home, words: str, *, config: bool, now: float) -> Backup:
    """Put a copy in place of what is there and return it, with notes of what was kept where.

    `words` are a path, or the name of a file in the usual directory; `config` puts the configuration back too. The
    caller has seen to it that no daemon runs. Raises NotFound, InvalidRequest for a copy that is damaged or of a newer
    flock (nothing is changed then), StorageFailed.
    """
    file = _meant(home, words)
    stamp = _stamp(now)
    with _disk(home.data):
        private_dir(home.data)
        with tempfile.TemporaryDirectory(prefix=".flock-restore-", dir=home.data) as scratch:
            opened = _open(file, Path(scratch))
            notes = _put(home.database, opened.place / DATABASE, stamp, ("", "-wal", "-shm"))
            if config and (opened.place / CONFIG).exists():
                private_dir(home.config)
                notes += _put(home.config_file, opened.place / CONFIG, stamp, ("",))
            if config and (opened.place / CATALOG).is_dir():
                notes += _put(home.config / "catalog", opened.place / CATALOG, stamp, ("",))
    notes += _admin_key(home)
    return replace(opened.backup, notes=tuple(notes))


# -- making


def _copy(database: Path, target: Path) -> str:
    """Copy a database that others may be writing to, as it is at one moment; return its revision."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=BUSY_MS / 1000)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except sqlite3.Error as error:
        raise failure(database, error) from error


def _beside(home: Home) -> list[tuple[str, Path]]:
    """Return (name in the copy, file) of what is copied beside the database."""
    found = [(CONFIG, home.config_file)] if home.config_file.is_file() else []
    catalog = home.config / "catalog"
    files = sorted(file for file in catalog.rglob("*.yaml") if file.is_file()) if catalog.is_dir() else []
    return found + [(CATALOG + file.relative_to(catalog).as_posix(), file) for file in files]


def _pack(draft: Path, revision: str, now: float, files: Sequence[tuple[str, Path]]) -> None:
    hashes = {name: _hash(file) for name, file in files}
    manifest = {"version": __version__, "revision": revision, "at": rfc3339(now), "sha256": hashes}
    words = json.dumps(manifest, indent=1).encode()
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        with (
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_LEVEL, filename="") as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            tar.addfile(_member(MANIFEST, len(words), now), io.BytesIO(words))
            for name, file in files:
                with file.open("rb") as content:
                    tar.addfile(_member(name, file.stat().st_size, now), content)
        raw.flush()
        os.fsync(raw.fileno())


def _member(name: str, length: int, now: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = length, int(now), 0o600
    return member


def _stamp(now: float) -> str:
    return rfc3339(now).replace("-", "").replace(":", "")[:15] + "Z"


def _named(draft: Path, folder: Path, now: float) -> Path:
    """Give a copy that is whole a name that no file has, whoever makes one in the same second."""
    for count in range(1, 1000):
        file = folder / f"flock-{_stamp(now)}{f'-{count}' if count > 1 else ''}.tar.gz"
        try:
            os.link(draft, file)  # a rename would replace another one's
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links (exFAT)
            if file.exists():
                continue
            os.replace(draft, file)
        return file
    raise StorageFailed(f"{short(folder)} has a thousand copies of this second", hint="try again in a second")


def _room(folder: Path, database: Path) -> None:
    """Check that the copy fits: the database once whole and once packed. Raises StorageFailed."""
    needs, free = database.stat().st_size * 2, shutil.disk_usage(folder).free
    if needs > free:
        raise StorageFailed(
            f"a copy needs up to {size(needs)} in {short(folder)}, and {size(free)} are free",
            hint=f"free some space: df -h {folder}",
        )


def _prune(folder: Path, keep: int) -> list[Path]:
    old = _newest_first(folder)[keep:]
    for file in old:
        file.unlink()
    return old


def _newest_first(folder: Path) -> list[Path]:
    """Return the copies by when they were made: of one second, by their number."""
    found = [(file, said) for file in folder.iterdir() if (said := _NAME.fullmatch(file.name))]
    found.sort(key=lambda pair: (pair[1][1], int((pair[1][2] or "-1")[1:])), reverse=True)
    return [file for file, _ in found]


# -- reading


@contextlib.contextmanager
def _reading(file: Path) -> Generator[tarfile.TarFile]:
    """Lend a copy's tar. Raises InvalidRequest for what is no gzipped tar or breaks off."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise _damaged(file, str(error) or type(error).__name__) from None
    except OSError as error:
        raise StorageFailed(f"cannot read {short(file)}: {error.strerror or error}", hint=f"ls -l {file}") from None


def _open(file: Path, place: Path) -> _Opened:
    """Lay a copy out in an empty directory and check all of it."""
    backup = inspect(file)
    if backup.revision not in REVISIONS:
        raise InvalidRequest(
            f"{short(file)} is of flock {backup.version}, which is newer: its database has schema {backup.revision}, "
            f"and this one knows up to {REVISIONS[-1]}",
            hint="update flock, then restore it",
        )
    with _reading(file) as tar:
        members = tar.getmembers()
        stream = tar.extractfile(members[0])
        hashes = _manifest(file, stream.read() if stream is not None else b"")["sha256"]
        wanted = {name for name in hashes if name in (DATABASE, CONFIG) or _is_catalog(name)}
        found = {m.name: m for m in members[1:] if m.isreg()}
        if DATABASE not in wanted or wanted != set(hashes) or set(found) != wanted or len(found) != len(members) - 1:
            raise _damaged(file, "its files are not those of its manifest")
        for name, member in found.items():
            target = place / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = tar.extractfile(member)
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                shutil.copyfileobj(cast("Any", content), out, _BLOCK)
            if _hash(target) != hashes[name]:
                raise _damaged(file, f"{name} in it is not as it was copied")
    _check(file, place / DATABASE)
    return _Opened(backup, place)


def _check(file: Path, database: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise _damaged(file, f"its database says: {said}")


def _manifest(file: Path, words: bytes) -> dict[str, Any]:
    try:
        said: Any = json.loads(words)
    except ValueError:
        said = None
    if not is_object(said) or not is_object(said.get("sha256")) or not {"version", "revision", "at"} <= set(said):
        raise _damaged(file, "its manifest cannot be read")
    return said


def _is_catalog(name: str) -> bool:
    """Say whether a name lies below `catalog/`: no way out of it."""
    return name.startswith(CATALOG) and ".." not in name.split("/") and "\\" not in name and "\0" not in name


def _damaged(file: Path, why: str) -> InvalidRequest:
    return InvalidRequest(f"{short(file)} is damaged, or no copy of flock's: {why}", hint="flock backup ls")


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


# -- putting back


def _meant(home: Home, words: str) -> Path:
    if _NAME.fullmatch(words) and not Path(words).exists():
        return directory(home, "") / words
    return Path(os.path.abspath(os.path.expanduser(words)))


def _put(target: Path, new: Path, stamp: str, parts: Sequence[str]) -> list[str]:
    """Move what is there aside, with all its `parts`, and the new in its place; a failure leaves what was there."""
    aside: list[tuple[Path, Path]] = []
    new = _beside_it(target, new)
    try:
        for part in parts:
            old = target.with_name(target.name + part)
            if old.exists():
                kept = target.with_name(f"{target.name}.before-restore-{stamp}{part}")
                old.rename(kept)
                aside.append((old, kept))
        new.rename(target)
    except OSError:
        for old, kept in reversed(aside):
            kept.rename(old)
        raise
    return [f"what was there is kept as {short(kept)}" for _, kept in aside if not kept.name.endswith(("-wal", "-shm"))]


def _beside_it(target: Path, new: Path) -> Path:
    """Return what is put back on the file system of its place, where a rename puts it there whole: settings may lie on
    another one than data.
    """
    if new.stat().st_dev == target.parent.stat().st_dev:
        return new
    near = target.with_name(f".{target.name}.restored")
    if new.is_dir():
        shutil.rmtree(near, ignore_errors=True)
        shutil.copytree(new, near)
    else:
        shutil.copy2(new, near)
    return near


def _admin_key(home: Home) -> list[str]:
    """Say whether this machine's admin key is one of the copy's."""
    try:
        secret = home.admin_key.read_text().strip()
    except OSError:
        return []
    digest = hashlib.sha256(secret.encode()).digest()
    with contextlib.closing(sqlite3.connect(home.database)) as connection:
        found = connection.execute("SELECT 1 FROM keys WHERE digest = ? AND revoked_at IS NULL", (digest,)).fetchone()
    if found:
        return []
    return [f"the key in {short(home.admin_key)} is none of this copy's: flock token create admin --admin"]


@contextlib.contextmanager
def _disk(place: Path) -> Generator[None]:
    """Turn what the system says of files into words."""
    try:
        yield
    except OSError as error:
        name = short(Path(error.filename)) if error.filename else short(place)
        raise StorageFailed(f"{name}: {error.strerror or error}", hint=f"df -h {place}; ls -ld {place}") from None
