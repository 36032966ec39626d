"""What the engines of one daemon share: where they write, what reaches them, and whom they tell.

Owns two values and nothing that runs. Made by registry.py; read by supervisor.py and tokenizers.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from flock.clock import Clock
from flock.engines.backoff import STEPS
from flock.engines.children import Children
from flock.engines.engine import EngineSettings
from flock.engines.ports import Ports
from flock.engines.process import Limits
from flock.engines.window import Room
from flock.paths import Home


@dataclass(frozen=True, slots=True)
class Traffic:
    """What goes over an upstream: requests that run now, when a byte came from it for one of them, and when one ended
    last (monotonic seconds, 0.0 for never).
    """

    running: int = 0
    heard: float = 0.0
    used: float = 0.0


def _quiet(_name: str) -> Traffic:
    return Traffic()


def _untold(_kind: str, _subject: str, _data: dict[str, Any]) -> None:
    pass


def _unknown(_model: str) -> Path | None:
    return None


def _in_memory() -> bool:
    return True


def whole_machine() -> Room:
    """Return the whole memory of this machine: for one who knows of no budget."""
    return Room(psutil.virtual_memory().total)


@dataclass(frozen=True, slots=True)
class Ties:
    """What an engine asks of the rest of the daemon, each by a callable.

    `traffic` gives what goes over an upstream of this name; `tell` takes an event (kind, subject, data); `find` gives
    the file of another model's id, None for no such model; `in_memory` is whether models lie in the memory that can be
    measured (not on cards of their own); `room` what models may take in all, and where: it may look at the machine.
    """

    traffic: Callable[[str], Traffic] = _quiet
    tell: Callable[[str, str, dict[str, Any]], None] = _untold
    find: Callable[[str], Path | None] = _unknown
    in_memory: Callable[[], bool] = _in_memory
    room: Callable[[], Room] = whole_machine


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every child needs and shares with the others. `steps` are the waiting times of backoff.py."""

    home: Home
    session: aiohttp.ClientSession
    clock: Clock
    children: Children
    ports: Ports
    limits: Limits
    settings: EngineSettings = field(default_factory=EngineSettings)
    ties: Ties = field(default_factory=Ties)
    steps: tuple[float, ...] = STEPS
