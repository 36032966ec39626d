"""Engines that outlived their daemon: found, proved to be ours, and gone on with where they are still wanted.

Owns the proof: a recorded pid with its recorded start time, of this user, with the recorded token in its environment,
that listens on the recorded port, whose command line is the one that the stored model and settings would give today.
Refuses everything else, which children.reap_orphans ends or leaves alone as before. The key of an engine is taken from
its own environment; it is never on a disk. Called by registry.py when the daemon starts.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from flock.engines.children import read_records, reap_orphans, running, still_there, token_of
from flock.engines.engine import Engine, LaunchSpec
from flock.engines.process import argv_hash
from flock.engines.running import Taken
from flock.engines.starting import listens
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.errors import FlockError
from flock.paths import Home

log = logging.getLogger(__name__)

# How long the daemon's start waits until what it took over has answered once; a sound one needs milliseconds.
ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Survivor:
    """A process of an earlier daemon that still runs; `record` is what that daemon wrote down of it."""

    token: str
    name: str
    port: int
    argv_hash: str
    process: psutil.Process
    record: dict[str, Any]
    environment: Mapping[str, str] = field(repr=False)


async def take_over(around: Surroundings, engines: Iterable[Supervised]) -> list[str]:
    """Go on with what still runs and is wanted, end what else an earlier daemon left; return a sentence for each.

    What was taken over is ready when this returns, or within ANSWER_SECONDS known not to be. Must only be called under
    the daemon's lock.
    """
    found = {survivor.name: survivor for survivor in await asyncio.to_thread(find, around.home)}
    taken: dict[str, tuple[Supervised, Survivor, LaunchSpec]] = {}
    for own in engines:
        survivor = found.get(own.name)
        if survivor is not None and (spec := await _spec(own, survivor)) is not None:
            taken[survivor.token] = (own, survivor, spec)
    said = await asyncio.to_thread(reap_orphans, around.home, frozenset(taken))
    starts: list[asyncio.Task[Any]] = []
    for token, (own, survivor, spec) in taken.items():
        around.children.keep(token, survivor.record)
        starts.append(own.adopt(Taken(survivor.process), token, spec))
        said.append(f"goes on with {own.name} (pid {survivor.process.pid}), which an earlier daemon started")
    if starts:
        await asyncio.wait(starts, timeout=ANSWER_SECONDS)
    return said


def find(home: Home) -> list[Survivor]:
    """Return the recorded processes that still run and are proved to be ours. Blocking, for a thread."""
    found: list[Survivor] = []
    for token, record in read_records(home.children).items():
        try:
            pid, created, port = int(record["pid"]), float(record["create_time"]), int(record["port"])
            there = still_there([(pid, created)])
            if not there or there[0].uids().real != os.getuid() or token_of(there[0]) != token:
                continue
            if not running(there[0]) or not listens(pid, port):
                continue
            environment = there[0].environ()
        except (psutil.Error, OSError, KeyError, TypeError, ValueError):
            continue
        hashed = str(record.get("argv_hash", ""))
        found.append(Survivor(token, str(record["name"]), port, hashed, there[0], record, environment))
    return found


async def _spec(own: Supervised, survivor: Survivor) -> LaunchSpec | None:
    """Return the spec a survivor was started with, None when its model would be started in another way today."""
    engine = own.engine
    if engine.holds_stdin:
        return None  # it ends by itself: its standard input has ended with the daemon that held it
    try:
        usable = await asyncio.to_thread(engine.find)
        if usable is None or usable.problem:
            return None
        loading = await own.plan()
        spec = replace(loading.spec, port=survivor.port, key=_key(engine, loading.spec, survivor.environment))
        return spec if argv_hash(tuple(engine.argv(spec))) == survivor.argv_hash else None
    except (FlockError, OSError) as error:
        log.info("%s is not gone on with: %s", survivor.name, error)
        return None


def _key(engine: Engine, spec: LaunchSpec, environment: Mapping[str, str]) -> str:
    """Return the key an engine was started with, from the variable in which its driver hands keys over.

    "" for an engine that takes none.
    """
    probe = secrets.token_urlsafe(24)
    variables = engine.environment(replace(spec, key=probe))
    return next((environment.get(name, "") for name, value in variables.items() if value == probe), "")
