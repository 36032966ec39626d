"""What lies in the models' directory: the files flock fetched, by their records, and which of them nobody needs.

Owns the listing and the deleting. Refuses to touch a file without a record, one that a model needs or a job works with,
a part that some process is writing, and anything through a link: the caches of other programs stay as they are. All of
it blocks on the disk. Called by fetch.py.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flock.clock import rfc3339
from flock.contract.files import CachedFile
from flock.errors import StorageFailed
from flock.models.records import PART, WHOLE, part_path, part_record_path, read_record, record_path
from flock.models.wanted import Wanted

# the directories flock makes; what lies beside them is the user's own
PLACES = ("hub", "urls", "quarantine")


@dataclass(frozen=True, slots=True)
class Use:
    """Which models need a file, and when they were used last, an epoch, None for never."""

    models: tuple[str, ...]
    used_at: float | None = None


# by absolute path: of a file, or of a directory all of whose files are needed
Uses = Mapping[Path, Use]


def listed(root: Path, uses: Uses) -> list[CachedFile]:
    """Return the files that flock fetched, the largest first. Raises StorageFailed when the directory is shut."""
    found = [_with_use(file, uses) for place in PLACES for file in _in_place(root / place, place)]
    return sorted(found, key=lambda file: (-file.size_bytes, file.path))


def unneeded(root: Path, uses: Uses, *, partial: bool, held: Callable[[Path], bool]) -> list[CachedFile]:
    """Return the files that no model needs, and with `partial` what an interrupted or wrong download left.

    `held` says of a path whether a job works with it.
    """
    return [
        file
        for file in listed(root, uses)
        if not file.models and not held(_target(file)) and (partial or file.state == "whole")
    ]


def delete(root: Path, file: CachedFile) -> bool:
    """Delete a file and its record, and the directories that are empty then; False for a part that is being written.

    Raises StorageFailed.
    """
    path = Path(file.path)
    try:
        if file.state == "partial":
            if not _delete_part(path):
                return False
        else:
            # the record goes last: a file without one would be nobody's for ever
            path.unlink(missing_ok=True)
            record_path(path).unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"{file.path} cannot be deleted: {(error.strerror or '').lower()}", hint=f"ls -ld {path.parent}"
        ) from None
    with contextlib.suppress(OSError):  # the first one that is not empty ends it
        for place in path.parents:
            if place.parent == root:
                break
            place.rmdir()
    return True


def here_bytes(wanted: Wanted, cache: Path | None) -> int:
    """Return how many bytes of a file are here already: all of them, its part's, or 0."""
    with contextlib.suppress(OSError):
        size = wanted.target.stat().st_size
        if wanted.size in (None, size) and wanted.target.is_file():
            return size
    if wanted.repo and cache is not None and wanted.sha256:
        with contextlib.suppress(OSError):
            return (cache / f"models--{wanted.repo.replace('/', '--')}" / "blobs" / wanted.sha256).stat().st_size
    with contextlib.suppress(OSError):
        part = part_path(wanted.target).stat().st_size
        return part if wanted.size is None else min(part, wanted.size)
    return 0


def _in_place(top: Path, place: str) -> Iterator[CachedFile]:
    try:
        # the place itself may be a link to another disk, nothing below it is followed
        for directory, names, files in os.walk(os.path.realpath(top), onerror=_shut):
            names.sort()
            for name in sorted(files):
                inside = Path(directory, name).relative_to(os.path.realpath(top))
                if (found := _read(top / inside, place)) is not None:
                    yield found
    except FileNotFoundError:
        return


def _shut(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise StorageFailed(
            f"{error.filename} cannot be read: {(error.strerror or '').lower()}", hint=f"ls -ld {error.filename}"
        )


def _read(path: Path, place: str) -> CachedFile | None:
    """Return the file whose record or part this is, None for anything else."""
    name = path.name
    if name.startswith(".") and name.endswith(WHOLE):
        file = path.with_name(name[1 : -len(WHOLE)])
        state = "quarantined" if place == "quarantine" else "whole"
        return _file(file, state, read_record(path))
    if name.startswith(".") and name.endswith(PART):
        return _file(part_path(path.with_name(name[1 : -len(PART)])), "partial", read_record(path))
    return None


def _file(path: Path, state: str, record: dict[str, Any]) -> CachedFile | None:
    if path.is_symlink() or not path.is_file():
        return None
    return CachedFile(str(path), str(record.get("source", "")), path.stat().st_size, state)


def _with_use(file: CachedFile, uses: Uses) -> CachedFile:
    target = _target(file)
    found = [uses[path] for path in (target, *target.parents) if path in uses]
    models = tuple(dict.fromkeys(model for use in found for model in use.models))
    times = [use.used_at for use in found if use.used_at is not None]
    return replace(file, models=models, used_at=rfc3339(max(times)) if times else None)


def _target(file: CachedFile) -> Path:
    return Path(file.path.removesuffix(".part") if file.state == "partial" else file.path)


def _delete_part(path: Path) -> bool:
    try:
        part = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
        part_record_path(path.with_name(path.name.removesuffix(".part"))).unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(part)
    return True
