"""What decides here which models fit: the hardware, what models may take in all, and the engines.

Owns the joining of the three, looked at anew each time it is asked for: memory and engines come and go. Called by
core/catalog.py, core/adding.py and whatever else says what fits.
"""

import asyncio
from dataclasses import dataclass

from flock.core.context import Context
from flock.engines.engine import Engine, Found
from flock.hardware.seen import Seen
from flock.models.choose import EngineHere


@dataclass(frozen=True, slots=True)
class Here:
    """A machine as models see it: what they may take in all, in bytes, and the engines that are here or could be.

    `preferred` is the kind of engine the settings prefer, "" for none.
    """

    seen: Seen
    budget_bytes: int
    engines: tuple[EngineHere, ...]
    preferred: str = ""


async def here(context: Context) -> Here:
    """Look at this machine and its engines, in a thread: the drivers' libraries and the search path block."""
    registry = context.registry
    found = await asyncio.to_thread(registry.available)
    await registry.memory.look()
    engines = [engine_here(engine, where) for engine, where in found]
    if not any(engine.kind == "ollama" for engine in engines):
        ready, hint = await registry.ollama.here()
        driver = registry.ollama.driver
        engines.append(EngineHere(driver.kind, ready, hint, driver.formats, driver.kinds))
    return Here(registry.memory.seen, registry.memory.budget_bytes, tuple(engines), context.config.engine.preferred)


def engine_here(engine: Engine, found: Found | None) -> EngineHere:
    """Return an engine of flock's as choose.py takes it."""
    ready = found is not None and not found.problem
    problem = found.problem if found is not None else ""
    hint = found.hint if found is not None and problem else engine.missing_hint()
    return EngineHere(engine.kind, ready, "" if ready else hint, engine.formats, engine.kinds, problem)
