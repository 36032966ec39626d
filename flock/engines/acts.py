"""What the scheduler wants done, as values. Made by schedule.py, carried out by residence.py."""

from dataclasses import dataclass

from flock.engines.resident import Resident
from flock.engines.turns import Ticket
from flock.errors import FlockError


@dataclass(frozen=True, slots=True)
class Load:
    """Begin to load a model; `loaded` or `failed` is to follow."""

    resident: Resident


@dataclass(frozen=True, slots=True)
class Unload:
    """End a model's engine, nobody uses it any more; `gone` is to follow. `why` is "swap", "asked" or "idle"."""

    resident: Resident
    why: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The model lets requests in from now on, or does not any more."""

    resident: Resident


@dataclass(frozen=True, slots=True)
class Admit:
    """Let a waiter go on: the request is counted in, unless it was for the load alone."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send a waiter away."""

    ticket: Ticket
    error: FlockError


Act = Load | Unload | Gate | Admit | Refuse
