"""Fetching: files of models into the models' directory, each brought by one child at a time, resumed, checked, whole.

Owns who waits for whom: what two jobs want is fetched once. Refuses to begin what would not fit on the disk. Downloads
are a child's work (fetch_child.py); when its job is cancelled the child ends, and its part stays for the next one.
Called by core/files.py and by what adds models.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flock import errands
from flock.contract.files import CachedFile, Pruned
from flock.errors import FlockError, InternalError
from flock.models import kept
from flock.models.hub import child_environment
from flock.models.kept import Uses
from flock.models.troubles import no_room, of_disk, of_file
from flock.models.wanted import Wanted

log = logging.getLogger(__name__)

CHILD = (sys.executable, "-P", "-m", "flock.models.fetch_child")
# What stays free for the database, the log and everybody else
SPARE_BYTES = 64 * 2**20


class Report(Protocol):
    """Hears how far the work is (core/jobs.py's Report)."""

    def __call__(self, progress: float | None, message: str, done: int | None = None, total: int | None = None) -> None:
        """Take a word, with `done` of `total` bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a download is tried before it is given up: `tries` in a row without a byte, the first of them followed
    by a pause of `pause` seconds, each further one by twice the last (31 s in all); `silence` bounds a connection whose
    other end has gone without a word.
    """

    tries: int = 6
    pause: float = 1.0
    silence: float = 30.0


class _Coming:
    """A file that is on its way. `ended` is set when its child is done with it: then it is whole, or `error` says why
    not, or neither: the job was cancelled, and who still wants the file fetches it.
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.whole = False
        self.error: FlockError | None = None
        self.hearers: list[_Progress] = []
        self.done = 0
        self.total: int | None = None

    def heard(self, target: Path, state: str) -> None:
        """Pass on how far it is."""
        for hearer in self.hearers:
            hearer.tell(target, state, self.done, self.total)


class _Progress:
    """What one caller is told: the sum over its files. `here` are the bytes that were there before, by target: what is
    there already is not fetched at a great speed.
    """

    def __init__(self, files: Sequence[Wanted], report: Report, here: Mapping[Path, int]) -> None:
        self._files = files
        self._report = report
        self._done = dict(here)
        self._totals = {file.target: file.size for file in files}

    def tell(self, target: Path, state: str, done: int, total: int | None) -> None:
        """Take how far one file is."""
        self._done[target] = done
        self._totals[target] = total if total is not None else self._totals[target]
        sizes = [size for size in self._totals.values() if size is not None]
        whole = sum(sizes) if len(sizes) == len(self._totals) else None
        there = sum(self._done.values())
        number = next(n for n, file in enumerate(self._files, 1) if file.target == target)
        place = f" ({number} of {len(self._files)})" if len(self._files) > 1 else ""
        words = {"waiting": "waiting for another process that fetches", "checking": "checking"}.get(state, "fetching")
        self._report(min(1.0, there / whole) if whole else None, f"{words} {target.name}{place}", there, whole)


class Fetcher:
    """Fetches into `root`, the models' directory. `endpoint` is a mirror of the hub, "" for huggingface.co; `cache` the
    directory of Hugging Face's own tools, whose files are used where they lie.
    """

    def __init__(
        self,
        root: Path,
        endpoint: str = "",
        *,
        cache: Path | None = None,
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.root = root
        self._endpoint = endpoint.rstrip("/")
        self._cache = cache
        self._environment = child_environment(os.environ if environment is None else environment, endpoint)
        self._patience = patience or Patience()
        self._coming: dict[Path, _Coming] = {}
        self._held: Counter[Path] = Counter()

    async def fetch(self, files: Sequence[Wanted], report: Report, again: str = "") -> list[Path]:
        """Have all of the files at their places and return these. What is there whole is not fetched again.

        `again` is the command that an error may name to go on. Raises StorageFailed (no space, nothing may be written),
        NotFound, NotAllowed (gated), SourceUnreachable, UpstreamError (another checksum than it should have).
        """
        again = again or "flock cache ls"
        with self.holding(file.target for file in files):
            await self._make_root(again)
            progress = _Progress(files, report, await self._check_space(files))
            left = list({file.target: file for file in files}.values())
            while left:
                mine = [file for file in left if file.target not in self._coming]
                if mine:
                    await self._bring(mine, progress, again)
                    left = [file for file in left if file not in mine]
                elif await self._join(left[0], progress):
                    left.pop(0)
        return [file.target for file in files]

    async def present_bytes(self, files: Sequence[Wanted]) -> int:
        """Return how many bytes of the files are here already, in whole files and in parts."""
        return sum((await self._here(files)).values())

    async def free_bytes(self) -> int:
        """Return how much is free where models lie."""
        return await asyncio.to_thread(lambda: shutil.disk_usage(_standing(self.root)).free)

    async def files(self, uses: Uses) -> list[CachedFile]:
        """Return what was fetched, the largest first; `uses` says which models need what."""
        return await asyncio.to_thread(kept.listed, self.root, uses)

    async def prune(self, uses: Uses, *, delete: bool, partial: bool) -> Pruned:
        """Return which files no model needs, deleted only when `delete` says so. Raises StorageFailed."""

        def work() -> Pruned:
            found = kept.unneeded(self.root, uses, partial=partial, held=lambda path: path in self._held)
            if delete:
                found = [file for file in found if kept.delete(self.root, file)]
            return Pruned(not delete, sum(file.size_bytes for file in found), tuple(found))

        return await asyncio.to_thread(work)

    @contextlib.contextmanager
    def holding(self, targets: Iterable[Path]) -> Generator[None]:
        """Keep files from being pruned for the length of a block: until the model they are for is known."""
        paths = list(targets)
        self._held.update(paths)
        try:
            yield
        finally:
            self._held.subtract(paths)
            self._held = +self._held

    async def _make_root(self, again: str) -> None:
        try:
            await asyncio.to_thread(self.root.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            told = of_disk({"kind": "shut", "path": str(self.root), "why": why}, again)
            raise told or InternalError(why) from None

    async def _here(self, files: Sequence[Wanted]) -> dict[Path, int]:
        return await asyncio.to_thread(lambda: {file.target: kept.here_bytes(file, self._cache) for file in files})

    async def _check_space(self, files: Sequence[Wanted]) -> dict[Path, int]:
        """Return how many bytes of each file are here. Raises StorageFailed where the others have no room."""
        here, free = await self._here(files), await self.free_bytes()
        sizes = {file.target: file.size for file in files if file.size is not None}
        needed = sum(size - here[target] for target, size in sizes.items())
        if needed > 0 and needed + SPARE_BYTES > free:
            raise no_room(needed, free, str(self.root))
        return here

    async def _join(self, file: Wanted, progress: _Progress) -> bool:
        """Wait for a file that another caller fetches; False when that one has given up without an error."""
        coming = self._coming[file.target]
        coming.hearers.append(progress)
        try:
            await coming.ended.wait()
        finally:
            coming.hearers.remove(progress)
        if coming.error is not None:
            raise coming.error
        return coming.whole

    async def _bring(self, files: Sequence[Wanted], progress: _Progress, again: str) -> None:
        for file in files:
            self._coming[file.target] = _Coming()
            self._coming[file.target].hearers.append(progress)
        failed: dict[str, Any] = {}

        def heard(message: dict[str, Any]) -> None:
            if "failed" in message:
                failed.update(message["failed"])
            elif "file" in message:
                at: int = message["file"]
                self._hear(files[at], message)

        try:
            ended = await errands.run(CHILD, heard, environment=self._environment, task=self._task(files))
            if failed:
                number: int = failed["file"]
                file = files[number]
                error = of_file(failed, file.path or file.name, file.repo, self._endpoint, again)
                self._coming[file.target].error = error
                raise error
            if ended.code != 0 or not all(self._coming[file.target].whole for file in files):
                log.error("the fetching ended with %d: %s", ended.code, "\n".join(ended.tail))
                raise InternalError(
                    f"the fetching of {files[0].name} ended unexpectedly; what is there stays", hint=again
                )
        finally:
            for file in files:
                self._coming.pop(file.target).ended.set()

    def _hear(self, file: Wanted, message: dict[str, Any]) -> None:
        coming = self._coming[file.target]
        if "how" in message:
            coming.whole, coming.done, coming.total = True, message["size"], message["size"]
            coming.heard(file.target, "fetching")
            log.info("%s (%s): %s", file.target, file.source, message["how"])
            coming.ended.set()
        else:
            coming.done, coming.total = message["done"], message["total"]
            coming.heard(file.target, message["state"])

    def _task(self, files: Sequence[Wanted]) -> dict[str, Any]:
        patience = self._patience
        return {
            "root": str(self.root),
            "cache": str(self._cache or ""),
            "tries": patience.tries,
            "pause": patience.pause,
            "silence": patience.silence,
            "files": [
                {
                    "target": str(file.target),
                    "source": file.source,
                    "url": file.url,
                    "repo": file.repo,
                    "path": file.path,
                    "revision": file.revision or "main",
                    "sha256": file.sha256.lower(),
                    "size": file.size,
                }
                for file in files
            ],
        }


def _standing(path: Path) -> Path:
    """Return the path, or the nearest directory above it that there is."""
    return next(place for place in (path, *path.parents) if place.exists())
