"""Which models a key may ask for: globs against the names of what a request came to.

Owns the matching and the words of the refusal. Pure. Refuses to know what a name means: core/reach.py resolves it
first, so that an alias never opens a model that the key may not use. Called by core/reach.py.
"""

import fnmatch
from collections.abc import Iterable

from flock.errors import ModelNotAllowed
from flock.policy.keys import Key
from flock.text import one_line
from flock.upstream import Placement

# a client may make up a name of any length; a sentence and an audit row keep so much of it
NAME_MOST = 200


def matches(globs: Iterable[str], name: str) -> bool:
    """Return whether a name fits one of the globs, letter case and all."""
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def permitted(globs: tuple[str, ...], model: str, places: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """Return those of a model's placements that globs let a key ask for; all of them without globs.

    A model's own name fits, and at a vendor also `vendor/name` and the name over there ("gpt-4o-mini" for
    "openai/gpt-4o-mini"), unless that has a vendor's prefix of its own (OpenRouter's "openai/gpt-4o").
    """
    if not globs or matches(globs, model):
        return places
    return tuple(place for place in places if place.vendor and _fits(globs, place, place.served or model))


def _fits(globs: tuple[str, ...], place: Placement, served: str) -> bool:
    return matches(globs, f"{place.vendor}/{served}") or ("/" not in served and matches(globs, served))


def refusal(key: Key, asked: str, model: str) -> ModelNotAllowed:
    """Return the error of a key that may not ask for a model; `model` is what the name means, "" for nothing here."""
    allowed = ", ".join(key.models)
    asked, model = one_line(asked, NAME_MOST), one_line(model, NAME_MOST)
    if not asked:
        words = "ask for the default model: it may ask for none of those that are here"
    elif model and model != asked:
        words = f"ask for {model!r}, which {asked!r} means here"
    else:
        words = f"ask for the model {asked!r}"
    return ModelNotAllowed(
        f"the key {key.name!r} may not {words}; its models: {allowed}",
        hint=f"an admin lets it: flock token edit {key.id} --add-models {_word(model or asked or 'MODEL')}",
        details={"param": "model", "models": list(key.models)},
    )


def _word(name: str) -> str:
    """Return a name as a shell takes it."""
    plain = name.isascii() and all(c.isalnum() or c in "-_./:@" for c in name)
    return name if plain else "'" + name.replace("'", "'\\''") + "'"
