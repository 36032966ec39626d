"""Models that an Ollama keeps and flock has an id for: how they stand in the table and in the list.

Owns which engine has the tag of one. Pure. Called by registry.py; the Ollama's own tags stay in the table beside them.
"""

from collections.abc import Iterable
from dataclasses import replace

from flock.clock import rfc3339
from flock.contract.models import Model
from flock.engines import rows
from flock.engines.adopted import Served
from flock.engines.ollama import whole_tag
from flock.engines.own_model import OwnModel
from flock.engines.watched import Watched
from flock.upstream import Placement

SCHEME = "ollama:"


def tag_of(model: OwnModel) -> str:
    """Return the tag a model has over there, as an Ollama lists it: with ":latest" where it names none."""
    return whole_tag(model.source.removeprefix(SCHEME))


def found(model: OwnModel, engines: Iterable[Watched]) -> tuple[Watched, Served] | None:
    """Return the Ollama that has a model, one that answers first; None while none has it."""
    tag = tag_of(model)
    order = sorted((e for e in engines if e.kind == "ollama"), key=lambda engine: engine.state != "ready")
    return next(((engine, one) for engine in order for one in engine.models if one.model == tag), None)


def placements(lent: Iterable[OwnModel], engines: Iterable[Watched]) -> list[Placement]:
    """Return where the models are served: under their ids here, under their tags over there."""
    engines = tuple(engines)
    listed: list[Placement] = []
    for model in lent:
        if (where := found(model, engines) or _to_come(model, engines)) is not None:
            placement = rows.adopted_placement(*where)
            listed.append(replace(placement, model=model.id, served=placement.model))
    return listed


def _to_come(model: OwnModel, engines: Iterable[Watched]) -> tuple[Watched, Served] | None:
    """Return flock's own Ollama for a model that it will have once it runs; None while it runs, or where there is none.

    What it cannot tell yet follows from its first answer, which a request waits for.
    """
    own = next((engine for engine in engines if engine.server is not None and engine.open is None), None)
    return None if own is None else (own, Served(tag_of(model), None, kind=model.kind))


def models(lent: Iterable[OwnModel], engines: Iterable[Watched]) -> list[Model]:
    """Return the rows of the models; one that no Ollama has now says so."""
    engines = tuple(engines)
    return [row(model, engines) for model in lent]


def row(model: OwnModel, engines: Iterable[Watched]) -> Model:
    """Return the row of one."""
    engines = tuple(engines)
    where = found(model, engines) or _to_come(model, engines)
    used = rfc3339(model.last_used_at) if model.last_used_at else None
    if where is not None:
        shown = rows.adopted_model(*where)
        return replace(shown, id=model.id, source=model.source, license=model.license, last_used_at=used)
    return Model(
        id=model.id,
        state="unreachable",
        engine="ollama",
        source=model.source,
        context=None,
        size_bytes=None,
        default=False,
        kind=model.kind,
        license=model.license,
        last_used_at=used,
        error=f"no Ollama that flock knows has {tag_of(model)} (hint: flock model add {model.source})",
    )
