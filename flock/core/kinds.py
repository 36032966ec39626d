"""Whether a model is of the kind that a request needs, and which ones are where it is not.

Refuses only what is known to be wrong: a model of which nothing is known is tried. Called by core/inference.py.
"""

from dataclasses import replace

from flock.core.names import Named, Table
from flock.errors import WrongKind
from flock.profile import TASKS

# what people call a model of a kind, and what it is asked for at
_TITLES = {
    "chat": "a chat model",
    "embedding": "an embedding model",
    "image": "a model that makes pictures",
    "rerank": "a rerank model",
    "speech": "a model that speaks",
    "transcription": "a model that writes down speech",
}


def kind_of(endpoint: str) -> str:
    """Return the kind of model that an endpoint of a record needs."""
    return TASKS.get(endpoint, "chat")


def of_kind(endpoint: str, named: Named, table: Table) -> Named:
    """Return what a name means without the placements that are known to be of another kind than the endpoint needs.

    Two engines may have one name for two models. Raises WrongKind where none is left.
    """
    needed = kind_of(endpoint)
    fit = tuple(place for place in named.placements if place.kind in ("", needed))
    if len(fit) == len(named.placements):
        return named
    if fit:
        return replace(named, placements=fit)
    kind = named.placements[0].kind
    able = [model for model, places in table.items() if any(place.kind == needed for place in places)]
    raise WrongKind(
        f"{named.model} is {_TITLES[kind]}, and this needs {_TITLES[needed]}",
        hint=f"use {able[0]}" if able else "flock model ls",
        details={"param": "model", "kind": kind, "models": able[:5]},
    )
