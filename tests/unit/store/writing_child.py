"""A process that writes: run by the tests of kill -9, full disks and read-only places; says what happened on stdout."""

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from flock.clock import SystemClock
from flock.errors import FlockError
from flock.store.entries import ModelEntry
from flock.store.store import Store
from tests.unit.store.conftest import Request, as_nobody


def say(*words: object) -> None:
    print(*words, flush=True)


async def settle_for_ever(path: Path) -> None:
    """Put a request now and then; say when each was settled. The test kills this."""
    store = await Store.open(path, SystemClock())
    number = 0
    while True:
        for _ in range(20):
            store.writer.put(Request(number))
            say(number, time.monotonic())
            number += 1
        await asyncio.sleep(0.005)


async def fill_the_disk(path: Path, ballast: Path | None) -> None:
    """Write until the disk refuses, live on, and write what waited once there is room."""
    if ballast is None:
        limit = 1_000_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    store = await Store.open(path, SystemClock())
    put = 0
    while not store.writer.failing:
        for _ in range(200):
            store.writer.put(Request(put))
            put += 1
        await store.writer.flush()
    say("failing", store.writer.failing)
    try:
        await store.models.insert(ModelEntry("m", "/m" * 2_000_000, 1.0))
        say("inserted")
    except FlockError as error:
        say("refused", error.code, error.hint)
    say("readable", len(await store.usage.recent(10)))
    store.writer.put(Request(put))
    put += 1
    if ballast is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        ballast.unlink()
    while store.writer.failing:
        await store.writer.flush()
    say("rows", len(await store.usage.recent(10_000_000)), "of", put, "dropped", store.writer.dropped)
    await store.close()


async def open_as_nobody(path: Path) -> None:
    """Open the store as a user whom file modes stop, say how that went."""
    with tempfile.TemporaryDirectory() as scratch:
        # root loads every module first: the interpreter may lie where nobody can read
        await (await Store.open(Path(scratch) / "flock.db", SystemClock())).close()
    as_nobody()
    try:
        store = await Store.open(path, SystemClock())
    except FlockError as error:
        say(error.code, error.sentence, "|", error.hint)
        return
    try:
        await store.models.insert(ModelEntry("m", "/m", 1.0))
        say("inserted")
    except FlockError as error:
        say(error.code, error.sentence, "|", error.hint)
    await store.close()


def main() -> None:
    """Do what the first word says."""
    mode, path = sys.argv[1], Path(sys.argv[2])
    os.umask(0o022)
    if mode == "settle":
        asyncio.run(settle_for_ever(path))
    elif mode == "fill":
        asyncio.run(fill_the_disk(path, Path(sys.argv[3]) if len(sys.argv) > 3 else None))
    else:
        asyncio.run(open_as_nobody(path))


if __name__ == "__main__":
    main()
