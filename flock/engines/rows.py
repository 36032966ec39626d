"""Engines and models as the contract shows them. Pure: values made from what runs. Called by registry.py."""

import shlex
from dataclasses import replace

from flock.clock import rfc3339
from flock.contract.engines import Engine
from flock.contract.models import Model
from flock.engines.adopted import Served
from flock.engines.engine import LaunchSpec
from flock.engines.gguf_header import file_size
from flock.engines.resident import Resident
from flock.engines.supervisor import Supervised
from flock.engines.watched import Watched
from flock.upstream import Placement


def own_engine(own: Supervised) -> Engine:
    """Return the row of an engine of ours."""
    return Engine(
        name=own.name,
        kind=own.engine.kind,
        ownership="own",
        state=own.state,
        endpoint=own.endpoint,
        models=own.models,
        source="flock",
        version=own.version,
        pid=own.pid,
        since=rfc3339(own.since),
        error=_error(own),
        progress=own.progress if own.state == "starting" else None,
        restarts=own.restarts,
        # to the megabyte: a row that nothing has happened to stays the same
        memory_bytes=None if own.memory_bytes is None else own.memory_bytes >> 20 << 20,
        log_file=str(own.log_file),
        command=shlex.join(own.command),
    )


def adopted_engine(engine: Watched) -> Engine:
    """Return the row of an adopted engine, or of an Ollama of flock's own, which is watched like one."""
    if engine.server is not None:
        row = own_engine(engine.server)
        shown = engine.state if row.state == "ready" else row.state
        return replace(row, state=shown, error=row.error or engine.error or engine.fault)
    return Engine(
        name=engine.name,
        kind=engine.kind,
        ownership="adopted",
        state=engine.state,
        endpoint=engine.adoption.address.url,
        models=tuple(served.model for served in engine.models),
        source=engine.adoption.source,
        version=engine.seen.version if engine.seen else "",
        since=rfc3339(engine.since),
        error=engine.error or engine.fault,
    )


def own_model(own: Supervised, resident: Resident | None = None) -> Model:
    """Return the row of a model flock serves itself; which one is the default is core's to say."""
    model = own.model
    return Model(
        id=own.model.id,
        state=_state(own, resident),
        engine=own.name,
        source=own.model.source,
        context=own.context,
        size_bytes=file_size(own.model.path),
        default=False,
        kind=own.kind,
        note=own.model.note,
        error=_error(own),
        slots=own.slots,
        quant=model.quant,
        license=model.license,
        pinned=model.pinned,
        priority=model.priority,
        memory_bytes=own.need_bytes,
        measured=own.measured,
        progress=own.progress if own.state == "starting" else None,
        running=resident.running if resident is not None else 0,
        queued=len(resident.queue) if resident is not None else 0,
        last_used_at=rfc3339(model.last_used_at) if model.last_used_at else None,
        config=None if own.model.source == "built-in" else model.config,
    )


def adopted_model(engine: Watched, served: Served) -> Model:
    """Return the row of a model an adopted engine serves."""
    return Model(
        id=served.model,
        state=engine.state,
        engine=engine.name,
        source=engine.adoption.address.url,
        context=served.context,
        largest_context=served.largest,
        size_bytes=served.size_bytes,
        default=False,
        kind=served.kind,
        error=engine.error or engine.fault,
    )


def own_placement(own: Supervised, resident: Resident | None = None) -> Placement:
    """Return where a model of ours is served; without its upstream while it lets nobody in."""
    upstream = own.upstream if resident is not None and resident.open else None
    planned = own.loading
    # while it is not in memory: the window it will have
    context = planned.spec.context if planned is not None and own.upstream is None else own.context
    return Placement(
        model=own.model.id,
        name=own.name,
        engine=own.name,
        own=True,
        state=_state(own, resident),
        upstream=upstream,
        context=context,
        kind=own.kind,
        # a name of the engine's own hangs on the model alone, not on how it is loaded
        served=own.engine.served(LaunchSpec(own.model.id, own.model.path, 0, 0, 0, "")),
        abilities=own.able,
        size_bytes=planned.size_bytes if planned is not None else None,
        lacks=own.profile.lacks,
    )


def _state(own: Supervised, resident: Resident | None) -> str:
    """Return the state of a model: its engine's, unless requests wait for it or it makes way for others."""
    state = own.state
    if resident is None:
        return state
    if state in ("ready", "busy") and resident.closing:
        return "stopping"
    return "queued" if state == "stopped" and resident.queue.any else state


def adopted_placement(engine: Watched, served: Served) -> Placement:
    """Return where an adopted engine serves a model; its upstream stands also while it does not answer, that of an
    Ollama of flock's own while it runs.
    """
    return Placement(
        model=served.model,
        name=engine.name,
        engine=engine.name,
        own=False,
        state=engine.state,
        upstream=engine.open,
        context=served.context,
        largest=served.largest,
        kind=served.kind,
        abilities=served.abilities,
        size_bytes=served.size_bytes,
        on_demand=engine.kind == "ollama",
        lacks=engine.upstream.profile.lacks,
    )


def _error(own: Supervised) -> str:
    if own.failure is None:
        return ""
    return f"{own.failure.sentence} (hint: {own.failure.hint})" if own.failure.hint else own.failure.sentence
