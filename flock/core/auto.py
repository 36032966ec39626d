"""Which model answers a request for "auto": a pure choice by what the request uses and what the models can.

The rule: a model in memory that has what the request uses, else the default model if that has it, else the smallest
installed one that has it. What a request uses are tools, pictures, sound, and a window that its prompt fits into. A
model of which that is not known counts after every one that is known to have it, and before those that have it not. Of
several in memory the default comes first, then one that thinks where thinking is asked for, then the largest: it is
there already. A model whose engine has failed or does not answer counts only where no other will do. Thinking decides
between equals alone, since every model answers without it.

Owns the rule. Refuses a model at a vendor, whatever it can: nobody asked to pay. Called by core/names.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flock.dialects import native
from flock.dialects.ask import Ask
from flock.dialects.estimate import estimate, text_tokens
from flock.dialects.table import SERVERS
from flock.dialects.tokens import thinks_not
from flock.errors import FlockError, Unsupported
from flock.profile import TASKS
from flock.upstream import Placement

# the name that asks for it
AUTO = "auto"

Table = Mapping[str, tuple[Placement, ...]]

# What a request uses (profile.FEATURES) → what a model must be able to (upstream.ABILITIES).
_NEEDS = {"audio": "audio", "images": "vision", "tools": "tools"}
# What no engine makes up for: (ability, what the client is told). Tools flock and llama.cpp explain to models whose
# template knows none.
_SENSES = {"audio": "deals with sound", "vision": "sees pictures"}
# An estimate of a prompt's tokens is within 23 % for nine of ten prompts (dialects/estimate.py); and what an answer may
# always have (dialects/tokens.py).
_MARGIN, _ANSWER = 1.25, 256
# Below this a model whose window is not known is taken to have it: Ollama loads none with less unless it is told to.
_WINDOW_ANY = 4_096

_IN_MEMORY = ("ready", "busy")
_DOWN = ("failed", "crashloop", "unreachable")
# how well a model fits, best first
_HAS, _PERHAPS, _WITHOUT, _UNABLE = range(4)


@dataclass(frozen=True, slots=True)
class Uses:
    """What a request uses: words of profile.FEATURES, about how many tokens of a window (0: not known, or none), and
    whether the model is to think.
    """

    features: frozenset[str] = frozenset()
    tokens: int = 0
    thinking: bool = False

    @property
    def abilities(self) -> tuple[str, ...]:
        """What a model must be able to do for it: words of upstream.ABILITIES."""
        return tuple(sorted(_NEEDS[feature] for feature in self.features if feature in _NEEDS))


NOTHING = Uses()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model, those of its placements that fit best, and why it was chosen, for people."""

    model: str
    placements: tuple[Placement, ...]
    why: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    model: str
    placements: tuple[Placement, ...]
    fit: int
    loaded: bool
    down: bool
    window: int | None
    thinks: int
    size: int | None


def uses(ask: Ask) -> Uses:
    """Return what a request uses; nothing for a task, of which the kind of model says all. Never raises."""
    if ask.endpoint in TASKS:
        return NOTHING
    server = SERVERS[ask.dialect]
    features = server.features(ask)
    try:
        prompt = estimate(server.read_request(ask)) if ask.endpoint != "completions" else _length(ask)
    except FlockError:  # an engine that speaks the dialect may know better
        prompt = _length(ask)
    thinking = "reasoning" in features and not thinks_not(ask.body)
    return Uses(features, round(prompt * _MARGIN) + _ANSWER, thinking)


def _length(ask: Ask) -> int:
    return round(text_tokens(ask.raw.decode("utf-8", "replace")))


def choose(table: Table, kind: str, wanted: Uses, default: str) -> Chosen | None:
    """Return the model for a request that needs this kind of model and uses this; None where none is of the kind.

    `default` is the default model's id, "" for none. Raises Unsupported when every model is known not to see or hear
    what the request holds.
    """
    candidates = [found for model, places in table.items() if (found := _candidate(model, places, kind, wanted))]
    if not candidates:
        return None
    best = min(candidates, key=lambda one: _order(one, default))
    if best.fit == _UNABLE:
        _refuse(candidates, wanted)
    return Chosen(best.model, best.placements, _why(best, candidates, wanted, default))


def _candidate(model: str, places: tuple[Placement, ...], kind: str, wanted: Uses) -> _Candidate | None:
    """Return what a model is to a request, None for one of another kind and for a vendor's."""
    local = [place for place in places if not place.vendor and place.kind in ("", kind)]
    if not local:
        return None
    fits = {place.name: _fit(place, kind, wanted) for place in local}
    up = [place for place in local if place.state not in _DOWN] or local
    fit = min(fits[place.name] for place in up)
    fitting = tuple(place for place in up if fits[place.name] == fit)
    windows = [window for place in fitting if (window := place.largest or place.context)]
    sizes = [place.size_bytes for place in fitting if place.size_bytes]
    return _Candidate(
        model=model,
        placements=fitting,
        fit=fit,
        loaded=any(_is_loaded(place) for place in fitting),
        down=all(place.state in _DOWN for place in fitting),
        window=max(windows, default=None),
        thinks=min(_of_ability(place, "thinking") for place in fitting) if wanted.thinking else _HAS,
        size=min(sizes, default=None),
    )


def _fit(place: Placement, kind: str, wanted: Uses) -> int:
    """Return how well a placement fits: the worst of what is known of it."""
    found = [_of_window(place, wanted.tokens), _HAS if place.kind == kind else _PERHAPS]
    for ability in wanted.abilities:
        fit = _of_ability(place, ability)
        found.append(_UNABLE if fit == _WITHOUT and ability in _SENSES else fit)
    if native.missing(place.lacks, wanted.features):
        found.append(_UNABLE)
    return max(found)


def _of_ability(place: Placement, ability: str) -> int:
    if place.abilities is None:
        return _PERHAPS
    return _HAS if ability in place.abilities else _WITHOUT


def _of_window(place: Placement, tokens: int) -> int:
    window = place.largest or place.context
    if window is None:
        return _HAS if tokens <= _WINDOW_ANY else _PERHAPS
    return _HAS if tokens <= window else _UNABLE


def _is_loaded(place: Placement) -> bool:
    return place.state in _IN_MEMORY and not (place.on_demand and place.context is None)


def _order(one: _Candidate, default: str) -> tuple[object, ...]:
    """Return what candidates are sorted by. All of it is equal for no two of a table: the id is last."""
    unable = one.fit == _UNABLE
    # of those whose windows are all too small the largest is the one that may yet do
    window = -(one.window or 0) if unable else 0
    unknown, size = one.size is None, one.size or 0
    return (
        unable,
        one.down,
        one.fit,
        window,
        not one.loaded,
        one.model != default,
        one.thinks,
        unknown,
        -size if one.loaded else size,
        one.model,
    )


def _refuse(candidates: Iterable[_Candidate], wanted: Uses) -> None:
    """Raise Unsupported when no model has a sense the request needs."""
    places = [place for one in candidates for place in one.placements]
    for ability in wanted.abilities:
        if ability in _SENSES and all(_of_ability(place, ability) == _WITHOUT for place in places):
            raise Unsupported(
                f"no model here {_SENSES[ability]}",
                hint=f"flock model search --capability {ability} --fits",
                details={"param": "model", "unsupported": [ability]},
            )


def _why(best: _Candidate, candidates: list[_Candidate], wanted: Uses, default: str) -> str:
    """Return why a model was chosen: "qwen3-8b, loaded, has tools"."""
    fitting = [one for one in candidates if one.fit == best.fit and one.down == best.down]
    words = [best.model]
    if best.loaded:
        words.append("loaded")
    elif best.model == default:
        words.append("the default")
    elif best.fit > _PERHAPS:
        words.append("no other fits better")
    else:
        words.append("the only one that fits" if len(fitting) == 1 else "the smallest that fits")
    place = best.placements[0]
    verbs = {_HAS: "has", _PERHAPS: "perhaps has", _WITHOUT: "has no"}
    said: dict[str, list[str]] = {}
    for ability in wanted.abilities:
        said.setdefault(verbs[_of_ability(place, ability)], []).append(ability)
    words += [f"{verb} {' and '.join(abilities)}" for verb, abilities in said.items()]
    if wanted.tokens > _WINDOW_ANY:
        window = f"a window of {best.window}" if best.window else "a window nobody knows"
        words.append(f"{window} for about {wanted.tokens} tokens")
    if best.down:
        words.append(place.state)
    return ", ".join(words)
