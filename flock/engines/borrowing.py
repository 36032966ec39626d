"""Models that an Ollama is to have: pulled by it when flock is asked to add one, deleted by it when flock had it pull.

Owns which of the watched Ollamas is asked, the one that answers first. Refuses to start one: own_ollama.py does. Called
by registry.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from flock.engines.adopted import Asker
from flock.engines.ollama import START_HINT, Ollama, Report, whole_tag
from flock.engines.watched import Watched
from flock.errors import EngineUnreachable, UpstreamError


def answering(engines: Iterable[Watched]) -> Watched:
    """Return the Ollama to ask. Raises EngineUnreachable with the command that starts one."""
    ollamas = [engine for engine in engines if engine.kind == "ollama"]
    ready = next((engine for engine in ollamas if engine.state == "ready"), None)
    if ready is not None:
        return ready
    if ollamas:
        away = ollamas[0]
        raise EngineUnreachable(
            f"the Ollama at {away.adoption.address.url} does not answer: {away.error}", hint="ollama serve"
        )
    raise EngineUnreachable("flock knows no Ollama that runs", hint="ollama serve")


async def pull(
    engines: Iterable[Watched], session: aiohttp.ClientSession, tag: str, report: Report, *, load: bool
) -> bool:
    """Let an Ollama have a model, and load it; return whether it had to pull it.

    When this returns its tag is in the routing table. Raises what Ollama.pull and Ollama.load raise.
    """
    engine = answering(engines)
    ollama, whole = _ollama(engine, session), whole_tag(tag)
    has_it = await ollama.has(whole)
    if not has_it:
        await ollama.pull(whole, report)
    if load:
        report(None, "Ollama: loading")
        await _load(engine, ollama, whole)
    if not any(served.model == whole for served in engine.models):
        await engine.refresh()
    return not has_it


async def delete(engines: Iterable[Watched], session: aiohttp.ClientSession, tag: str) -> None:
    """Let an Ollama delete a model. Raises UpstreamError, EngineUnreachable."""
    engine = answering(engines)
    await _ollama(engine, session).delete(whole_tag(tag))
    await engine.refresh()


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A model that an Ollama has, by its tag over there."""

    engine: Watched
    tag: str


async def load(model: Borrowed, session: aiohttp.ClientSession, *, pin: bool) -> None:
    """Let the Ollama load a model, and keep it for ever when it is to be pinned. Raises what Ollama.load raises."""
    await model.engine.ensure()
    await _load(model.engine, _ollama(model.engine, session), model.tag, -1 if pin else None)
    await model.engine.refresh()


async def unload(model: Borrowed, session: aiohttp.ClientSession) -> None:
    """Let the Ollama take a model out of memory; nothing is in that of one which does not run.

    Raises what Ollama.unload raises.
    """
    if model.engine.open is None:
        return
    await _ollama(model.engine, session).unload(model.tag)
    await model.engine.refresh()


async def _load(engine: Watched, ollama: Ollama, tag: str, keep_seconds: float | None = None) -> None:
    try:
        await ollama.load(tag, keep_seconds)
    except UpstreamError as error:
        if error.details.get("broken"):
            engine.report_broken(f"{error.sentence} (hint: {error.hint})")
        raise


def _ollama(engine: Watched, session: aiohttp.ClientSession) -> Ollama:
    asker = Asker(session, engine.adoption.address, engine.upstream.key)
    return Ollama(asker, engine.start_hint or START_HINT)
