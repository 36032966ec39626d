"""Looking through a directory for models that lie there.

Owns where is looked and what is left out: hidden directories, what is no model, links that lead back. Refuses to read
more than the first bytes of what does not look like a model, and to add anything. Called through the operations table.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from flock.contract.models import FoundFile, ScanDirectory
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.engines import formats
from flock.engines.gguf_header import file_size
from flock.engines.model_ids import slug
from flock.errors import FlockError, InvalidRequest, NotFound

# A home directory has some 100,000 directories; a disk of models has hundreds. Bounds a scan of "/" to some seconds.
DIRECTORIES_MAX = 50_000
FOUND_MAX = 2_000


@handles(ScanDirectory)
async def scan_directory(context: Context, op: ScanDirectory, _actor: Actor) -> list[FoundFile]:
    """Return the models in a directory and below it, by path."""
    directory = Path(op.directory).expanduser()
    if not directory.is_absolute():
        raise InvalidRequest(
            f"{op.directory!r} is not an absolute path", hint=f'flock model scan "$PWD/{op.directory}"'
        )
    added = {str(model.path): model.id for model in context.registry.added() if model.path != Path()}
    return await asyncio.to_thread(scan, directory, added)


def scan(directory: Path, added: Mapping[str, str]) -> list[FoundFile]:
    """Return the models below a directory; `added` maps paths to the ids of those that were added. Blocking.

    Raises NotFound for no such directory, InvalidRequest for what is none or may not be read.
    """
    if not directory.exists():
        raise NotFound(f"there is no directory {directory}", hint=f"ls -l '{directory.parent}'")
    if not directory.is_dir():
        raise InvalidRequest(f"{directory} is no directory", hint=f"flock model add 'file:{directory}'")
    if not os.access(directory, os.R_OK | os.X_OK):
        raise InvalidRequest(f"{directory} cannot be read: Permission denied", hint=f"ls -ld '{directory}'")
    # the same file may have been added by another of its paths: caches are full of links
    real = {os.path.realpath(path): model_id for path, model_id in added.items()}
    found: list[FoundFile] = []
    for path in _candidates(directory):
        found.append(_look(path, added.get(str(path)) or real.get(os.path.realpath(path), "")))
        if len(found) >= FOUND_MAX:
            break
    return sorted(found, key=lambda one: one.path)


def _candidates(top: Path) -> Iterator[Path]:
    """Yield files and directories that look like models; every directory once, by whichever way it is reached."""
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting and len(seen) < DIRECTORIES_MAX:
        directory = waiting.pop()
        try:
            state = directory.stat()
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:
            continue  # one that may not be read, or is gone by now
        if formats.is_model_directory(directory):
            yield directory
            continue
        for entry in entries:
            path = Path(entry.path)
            try:
                if entry.is_dir():
                    # hidden ones hold other programs' things; the hub's cache, which is one, is named on purpose
                    if not entry.name.startswith("."):
                        waiting.append(path)
                elif entry.is_file() and _is_worth_it(path):
                    yield path
            except OSError:
                continue


def _is_worth_it(path: Path) -> bool:
    name = path.name.lower()
    # the image half of a model, what was counted for its quantisation, and the later parts are no models themselves
    if "mmproj" in name or "imatrix" in name or name.startswith(".") or formats.is_later_part(path):
        return False
    return formats.looks_like(path)


def _look(path: Path, added_as: str) -> FoundFile:
    try:
        found = formats.recognise(path)
    except FlockError as error:
        format = formats.format_of(path) or "gguf"
        return FoundFile(str(path), format, added_as, _size(path), "", bool(added_as), error.sentence)
    return FoundFile(
        str(path), found.format, added_as or slug(found.stem), found.size_bytes, found.kind, bool(added_as)
    )


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.glob("*.safetensors"))
        return file_size(path) or path.stat().st_size
    except OSError:
        return 0
