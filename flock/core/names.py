"""Which model a request means: its own id, an alias, or the default.

Owns the rules and their order: a model's id; `claude-flock-<id>`, under which every model is listed to tools that only
see names of that kind; either with how much to think behind it, or with how to sort those who have it; a vendor's
model, where a vendor is on and the caller may use it; the patterns of `router.aliases`; an empty name, which is the
default model. Refuses to choose between placements. Called by core/inference.py and by the listing of models.
"""

import difflib
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flock.dialects import efforts
from flock.errors import ModelNotFound
from flock.upstream import Placement

# Claude Code keeps only ids that begin with "claude" or "anthropic" of the models it discovers
DISCOVERY = "claude-flock-"
# what a pattern of `router.aliases` names for the default model
DEFAULT = "default"

# behind a model's name: by what those who have it are sorted
SORTS = {":floor": "price", ":nitro": "throughput"}

Table = Mapping[str, tuple[Placement, ...]]
# the placements of a model at vendors that are on and that the caller may use
Vendors = Callable[[str], tuple[Placement, ...]]


def nowhere(_model: str) -> tuple[Placement, ...]:
    """Return no placement: what vendors have where there are none."""
    return ()


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: the model's id, where it is, by which alias it was found, and how much it is to think.

    `alias`, `effort` and `sort` (a value of SORTS) are "" where the name is the id.
    """

    model: str
    placements: tuple[Placement, ...]
    alias: str = ""
    effort: str = ""
    sort: str = ""


class Names:
    """The names models are asked for by. `aliases` are (glob, model id or "default"), the first that matches wins."""

    def __init__(self, default_model: str = "", aliases: Sequence[tuple[str, str]] = ()) -> None:
        self.default_model = default_model
        self._aliases = [(pattern.lower(), target) for pattern, target in aliases]

    def resolve(self, wanted: str, table: Table, vendors: Vendors = nowhere, kind: str = "chat") -> Named:
        """Return what a name means here. Raises ModelNotFound with the nearest ids.

        `kind` is the kind of model that is needed: which one an empty name means hangs on it.
        """
        name = wanted or self.default(table, kind)
        if placements := table.get(name):
            return Named(name, placements)
        plain, alias = (name.removeprefix(DISCOVERY), f"{DISCOVERY}*") if name.startswith(DISCOVERY) else (name, "")
        if alias and (placements := table.get(plain)):
            return Named(plain, placements, alias)
        model, effort = efforts.split(plain)
        if effort and (placements := table.get(model)):
            return Named(model, placements, alias or f"*-{effort}", effort)
        for suffix, sort in SORTS.items():
            base = plain.removesuffix(suffix)
            if base != plain and (placements := table.get(base) or _by_own_name(vendors(base))):
                return Named(base, placements, alias or f"*{suffix}", sort=sort)
        if placements := vendors(name):
            return Named(name, placements)
        lower = wanted.lower()
        for pattern, target in self._aliases:
            if fnmatch.fnmatchcase(lower, pattern):
                found = self.default(table, kind) if target == DEFAULT else target
                if placements := table.get(found) or vendors(found):
                    return Named(found, placements, pattern)
        raise self._unknown(name, table, kind)

    def default(self, table: Table, kind: str = "chat") -> str:
        """Return the model that an empty name means: of the kind, or perhaps of it; "" where there is none."""
        if kind == "chat" and self.default_model:
            return self.default_model
        perhaps = ""
        for model, places in table.items():
            if places[0].kind == kind:
                return model
            perhaps = perhaps or ("" if places[0].kind else model)
        return perhaps

    def _unknown(self, name: str, table: Table, kind: str) -> ModelNotFound:
        nearest = difflib.get_close_matches(name, list(table), n=3, cutoff=0.4)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        none = f"no model for {kind} is installed" if table else "no model is installed"
        return ModelNotFound(
            f"there is no model {name!r} here" if name else f"{none} and the request names none",
            hint=f"{hint}list them: flock model ls",
            details={"param": "model", "nearest": nearest or list(table)[:5]},
        )


def _by_own_name(placements: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """Return placements found without a vendor's prefix: behind one, ":floor" is the vendor's to read (OpenRouter)."""
    return tuple(place for place in placements if not place.served)
