"""Whether a model that cannot be loaded has damaged files: their SHA-256 against the recorded ones.

Owns the reading and the words of the finding. Refuses to judge files of which no checksum is known. Called by
supervisor.py after a load that failed; blocking, for a thread: 70 GB take minutes.
"""

import asyncio
import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from flock.engines.own_model import OwnModel
from flock.errors import EngineFailed

_PIECE = 4 * 2**20
# How long a failed load waits for the check, so that who asked hears of damage at once: about 2 GB.
WAIT_SECONDS = 4.0


class Checkup:
    """Checks the files of one model after loads that failed, each state of them once. `found` hears of damage that is
    found when nobody waits for it any more.
    """

    def __init__(self, found: Callable[[EngineFailed], None]) -> None:
        self._found = found
        self._looked: tuple[object, ...] = ()
        self._stop = threading.Event()
        self._late: asyncio.Task[None] | None = None

    async def look(self, model: OwnModel, state: tuple[object, ...], seconds: float) -> EngineFailed | None:
        """Return what is wrong with a model's files in this state of them (`fingerprint`), as far as it is found within
        so many seconds; the check itself goes on.
        """
        if not model.sha256 or self._looked == state:
            return None
        self._looked = state
        stop = self._stop = threading.Event()
        reading = asyncio.create_task(asyncio.to_thread(damaged, model, stop))
        # 70 GB take minutes: who waits for the model hears of the failure now, and of the damage when it is found
        await asyncio.wait({reading}, timeout=seconds)
        if reading.done():
            return reading.result()
        self._late = asyncio.create_task(self._tell(reading))
        return None

    async def stop(self) -> None:
        """Read no further."""
        self._stop.set()
        if self._late is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._late

    async def _tell(self, reading: "asyncio.Task[EngineFailed | None]") -> None:
        if (found := await reading) is not None:
            self._found(found)


def fingerprint(model: OwnModel) -> tuple[object, ...]:
    """Return what changes when a model's files or settings do: sizes, times and the settings. Looks, reads nothing."""
    found: list[object] = [model.config]
    for path in {model.path, *model.files}:
        try:
            status = os.stat(path)
        except OSError:
            found.append((str(path), None))
        else:
            found.append((str(path), status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(sorted(map(repr, found)))


def damaged(model: OwnModel, stop: threading.Event) -> EngineFailed | None:
    """Return the error of the first file whose checksum is not the recorded one, None when all are as they were.

    Ends early, with None, when `stop` is set.
    """
    for name, wanted in model.sha256.items():
        path = Path(name)
        try:
            found = _digest(path, stop)
        except OSError:
            continue  # a file that is missing or cannot be read says so by itself
        if stop.is_set():
            return None
        if found != wanted.lower():
            return EngineFailed(
                f"{path} is damaged: its SHA-256 is {found[:12]}…, and it was {wanted[:12]}… when it was fetched; "
                f"{model.id} is kept from being loaded",
                hint=_again(model),
                details={"file": str(path), "sha256": found, "expected": wanted, "damaged": True},
            )
    return None


def _again(model: OwnModel) -> str:
    """Return the command that fetches a model again; a file of a repository is named behind a colon there."""
    source = model.source.removeprefix("catalog:")
    if source.startswith("hf:"):
        owner, _, rest = source.partition("/")
        repo, _, file = rest.partition("/")
        wanted = file or model.quant
        source = f"{owner}/{repo}:{wanted}" if wanted else source
    return f"flock model remove {model.id} --yes && flock model add {quote(source)} --name {model.id}"


def _digest(path: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while not stop.is_set() and (piece := file.read(_PIECE)):
            digest.update(piece)
    return digest.hexdigest()
