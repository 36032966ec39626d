"""What a request is told that cannot be let in to its model. Pure: words made of the scheduler's facts. Called by
schedule.py and registry.py.
"""

import math
from collections.abc import Sequence

from flock.engines.resident import Resident
from flock.errors import (
    Conflict,
    Draining,
    EngineBusy,
    FlockError,
    ModelNotFound,
    ModelNotLoaded,
    NotEnoughMemory,
)
from flock.text import count, size


def copy(error: FlockError) -> FlockError:
    """Return an equal error: one instance raised in fifty tasks would grow one traceback in all of them."""
    return type(error)(error.sentence, hint=error.hint, details=error.details)


def removed(model: str) -> FlockError:
    """Return the error of a model that was removed while somebody waited for it."""
    return ModelNotFound(f'model "{model}" was removed', hint="flock model ls")


def going_down() -> FlockError:
    """Return the error of everybody who waits while the daemon goes down."""
    return Draining("flock is going down and starts no engine", hint="try again in a few seconds")


def unloaded(resident: Resident) -> FlockError:
    """Return the error of a load that somebody else took back."""
    return Conflict(
        f"{resident.model} was unloaded while it was to be loaded", hint=f"flock model load {resident.model}"
    )


def too_many(resident: Resident, seconds: float | None) -> FlockError:
    """Return the error of a queue that is full; `seconds` is when its end would have been let in."""
    wait = max(1, math.ceil(seconds or 1))
    waiting = count(len(resident.queue), "request waits", "requests wait")
    return EngineBusy(
        f"{waiting} for {resident.model} already; there is room again in about {wait} s",
        hint="flock queue",
        details={"retry_after": wait, "waiting": len(resident.queue)},
    )


def not_loaded(resident: Resident) -> FlockError:
    """Return the error of a model that requests do not load."""
    return ModelNotLoaded(
        f"{resident.model} is not loaded, and loading.jit is off", hint=f"flock model load {resident.model}"
    )


def too_large(resident: Resident, budget: int) -> FlockError:
    """Return the error of a model that does not fit even alone."""
    return NotEnoughMemory(
        f"{resident.model} needs {size(resident.need)}, and there are {size(max(0, budget))} for models here",
        hint=f"a smaller window takes less: flock model config {resident.model} --context 4096",
        details={"needs": resident.need, "budget": max(0, budget)},
    )


def never(model: str, needs: int, budget: int) -> FlockError:
    """Return the error of settings with which a model would not fit even alone."""
    return NotEnoughMemory(
        f"{model} would need {size(needs)} so, and there are {size(max(0, budget))} for models here",
        hint=f"flock model config {model}",
        details={"needs": needs, "budget": max(0, budget)},
    )


def no_room(resident: Resident, the_sum: str, pinned: Sequence[Resident]) -> FlockError:
    """Return the error of a model for which nobody may leave."""
    free_it = pinned[0].model if pinned else ""
    return NotEnoughMemory(
        the_sum,
        hint=f"flock model unload {free_it}" if free_it else "flock model ps",
        details={"needs": resident.need},
    )
