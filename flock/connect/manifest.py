"""What flock wrote into other tools' files, so that it can be taken back: one file of JSON, 0600.

For each tool its files; for each file what was written where, what stood there before, whether flock made the file and
directories above it, and the sum of the file as it was left. What stood there before may be somebody's key: it is
nowhere else but in the copy of the whole file, and without it nothing could be put back; hence 0600 here and there. Our
own key stands in it too, as the value we wrote, and goes when the tool is disconnected.

The record is written before the file: after a crash in between, taking back finds nothing of ours and does nothing.
Refuses a record of a newer flock; puts a damaged one aside. No two tools of the catalog share a file; if two do, the
one that came first finds the value of the second and leaves it. Called by flock/local.
"""

import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from flock import lock
from flock.connect.changes import Match, Part, Trace
from flock.connect.edit import Format, Planned, apply, plan_undo
from flock.connect.formats import NAMES
from flock.connect.place import backup_path, missing_folders, write_private
from flock.errors import FlockError, StorageFailed
from flock.paths import private_dir, short

VERSION = 1


@dataclass(frozen=True, slots=True)
class Written:
    """One file of one tool. `folders` are the directories flock made for it, the outermost first; `sha256` is that of
    the file as flock left it; `backup` is where it lies as it was, "" where there was none.
    """

    path: str
    format: Format
    created: bool
    sha256: str
    backup: str
    folders: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = field(default_factory=tuple)


class Manifest:
    """The record of one flock: by client, by file."""

    def __init__(self, path: Path, backups: Path) -> None:
        """Read the record at `path` (`home.connections`); copies of files go to `backups` (`home.connect_backups`).

        `warning` is a sentence where a damaged record was put aside. Raises StorageFailed for one that cannot be read.
        """
        self._path = path
        self._backups = backups
        self.warning = ""
        self._clients = self._load()

    def clients(self) -> tuple[str, ...]:
        """Return the ids of the tools that are connected, sorted."""
        return tuple(sorted(self._clients))

    def files(self, client: str) -> tuple[Path, ...]:
        """Return the files flock wrote into for a tool, in the order of writing."""
        return tuple(Path(written.path) for written in self._clients.get(client, ()))

    def traces(self, client: str, path: Path) -> tuple[Trace, ...]:
        """Return what flock wrote into one file for a tool, () for nothing: what `plan_write` wants as `ours`."""
        written = self._find(client, path)
        return written.traces if written else ()

    def backup(self, client: str, path: Path) -> Path | None:
        """Return where a file lies as it was before flock first wrote into it, None where it was not there."""
        written = self._find(client, path)
        return Path(written.backup) if written and written.backup else None

    def untouched(self, client: str, path: Path) -> bool:
        """Return whether a file is to the byte as flock left it."""
        written = self._find(client, path)
        try:
            return written is not None and hashlib.sha256(path.read_bytes()).hexdigest() == written.sha256
        except OSError:
            return False

    def write(self, client: str, planned: Planned) -> Path | None:
        """Record and apply what `plan_write` planned; return the backup. Raises as `edit.apply` does."""
        if planned.problem:
            return apply(planned, self._backups)
        with self._changing():
            before = dict(self._clients)
            known = self._find(client, planned.path)
            if known is None and not planned.traces:
                return None
            copy = backup_path(self._backups, planned.path, planned.text_before) if planned.existed else ""
            written = Written(
                path=str(planned.path),
                format=planned.format,
                created=not planned.existed or (known is not None and known.created),
                sha256=hashlib.sha256(planned.text_after.encode()).hexdigest(),
                backup=known.backup if known else str(copy) if not planned.unchanged else "",
                folders=(*(known.folders if known else ()), *map(str, missing_folders(planned.path))),
                traces=planned.traces,
            )
            others = tuple(w for w in self._clients.get(client, ()) if w.path != written.path)
            self._clients[client] = (*others, written)
            self._save()
            try:
                return apply(planned, self._backups)
            except FlockError:
                self._clients = before
                self._save()
                raise

    def undo(self, client: str, *, secret: str = "") -> list[Planned]:
        """Plan taking back everything that is still ours, file by file, the last one first; [] for a tool that is not
        recorded. A plan with a problem is not to be taken back: what was written stays on record.
        """
        return [
            plan_undo(Path(w.path), w.format, w.traces, created=w.created, secret=secret)
            for w in reversed(self._clients.get(client, ()))
        ]

    def take_back(self, client: str, planned: Planned) -> Path | None:
        """Apply one plan of `undo` and strike out its file; return the backup. Raises as `edit.apply` does.

        Directories that flock made for the file go when they are empty.
        """
        copy = apply(planned, self._backups)
        with self._changing():
            known = self._find(client, planned.path)
            left = tuple(w for w in self._clients.get(client, ()) if w.path != str(planned.path))
            self._clients.pop(client, None)
            if left:
                self._clients[client] = left
            self._save()
        for folder in reversed(known.folders if known else ()):
            with suppress(OSError):  # somebody put something in, or took it away already
                os.rmdir(folder)
        return copy

    def _find(self, client: str, path: Path) -> Written | None:
        return next((w for w in self._clients.get(client, ()) if w.path == str(path)), None)

    # -- the file

    @contextmanager
    def _changing(self) -> Generator[None]:
        """Hold the lock, and see what another flock has recorded since."""
        with lock.folder(private_dir(self._path.parent)):
            self._clients = self._load()
            yield

    def _load(self) -> dict[str, tuple[Written, ...]]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageFailed(
                f"cannot read {short(self._path)}: {error.strerror}", hint=f"ls -ld {self._path}"
            ) from None
        try:
            found: Any = json.loads(data)
            version = found["version"]
            if isinstance(version, int) and version > VERSION:
                raise StorageFailed(f"{short(self._path)} was written by a newer flock", hint="flock version")
            return {
                str(client): tuple(map(_written, files))
                for client, files in cast("dict[str, list[Any]]", found["clients"]).items()
            }
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._put_aside()
            return {}

    def _put_aside(self) -> None:
        """Move a damaged record out of the way, without overwriting an earlier one."""
        name, number = f"{self._path.name}.damaged", 1
        while os.path.lexists(aside := self._path.with_name(name)):
            number += 1
            name = f"{self._path.name}.damaged-{number}"
        try:
            os.rename(self._path, aside)
        except OSError as error:
            raise StorageFailed(
                f"{short(self._path)} is damaged and cannot be moved aside: {error.strerror}",
                hint=f"ls -ld {self._path.parent}",
            ) from None
        self.warning = (
            f"The record of what flock wrote into other tools' files was damaged and lies in {short(aside)} now; "
            f"`flock disconnect` knows nothing of it, but the files as they were are in {short(self._backups)}"
        )

    def _save(self) -> None:
        clients = {client: [_plain(written) for written in files] for client, files in self._clients.items()}
        try:
            write_private(self._path, json.dumps({"version": VERSION, "clients": clients}, indent=1) + "\n")
        except OSError as error:
            raise StorageFailed(
                f"cannot write {short(self._path)}: {error.strerror}; nothing was changed",
                hint=f"ls -ld {self._path.parent}",
            ) from None


def _plain(written: Written) -> dict[str, Any]:
    plain = asdict(written)
    plain["traces"] = [asdict(t) | {"pointer": [_part_plain(p) for p in t.pointer]} for t in written.traces]
    return plain


def _part_plain(part: Part) -> Any:
    return {"key": part.key, "value": part.value} if isinstance(part, Match) else part


def _written(plain: Any) -> Written:
    """Return a file's record. Raises ValueError, TypeError or KeyError where it is damaged."""
    traces = tuple(_trace(trace) for trace in plain["traces"])
    strings = [plain["path"], plain["format"], plain["sha256"], plain["backup"], *plain["folders"]]
    if not all(isinstance(text, str) for text in strings) or plain["format"] not in NAMES:
        raise TypeError
    return Written(
        path=plain["path"],
        format=plain["format"],
        created=bool(plain["created"]),
        sha256=plain["sha256"],
        backup=plain["backup"],
        folders=tuple(plain["folders"]),
        traces=traces,
    )


def _trace(plain: Any) -> Trace:
    if not isinstance(plain["made"], int) or not isinstance(plain["old"], str | None):
        raise TypeError
    return Trace(
        pointer=tuple(_part(part) for part in plain["pointer"]),
        value=plain["value"],
        old=plain["old"],
        made=plain["made"],
        shell=plain["shell"],
        lead=str(plain["lead"]),
        trail=str(plain["trail"]),
        loose=bool(plain.get("loose", False)),
    )


def _part(plain: Any) -> Part:
    if isinstance(plain, dict):
        match = cast("dict[str, Any]", plain)
        return Match(str(match["key"]), match["value"])
    if not isinstance(plain, str | int):
        raise TypeError
    return plain
