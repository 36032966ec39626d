"""Which model a request means: its own id, an alias, the default, or the one that suits the request ("auto").

Owns the rules and their order: a model's id; "auto", unless a model or an alias is called that; `claude-flock-<id>`,
under which every model is listed to tools that only see names of that kind; each of these with how much to think behind
it, or with how to sort those who have it; a vendor's model, where a vendor is on and the caller may use it; the
patterns of `router.aliases`, which may name "auto" as well; an empty name, which is the default model. Refuses to
choose between placements. Called by core/inference.py and by the listing of models.

The default is what `router.default_model` names, for chats. Without that, and for every other kind, it is the first
model of the kind that was added, then the first of an adopted engine, in the order in which those were attached:
whatever is in memory, so that the same request goes to the same model tomorrow. One of which no kind is known comes
after all that are known to be of it. The built-in model is in the table only while nothing else may chat
(engines/roster.py).
"""

import difflib
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from flock.core import auto
from flock.core.auto import AUTO, NOTHING, Uses
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


def nothing() -> Uses:
    """Return that nothing is known of what a request uses."""
    return NOTHING


def nowhere(_model: str) -> tuple[Placement, ...]:
    """Return no placement: what vendors have where there are none."""
    return ()


def _all(_name: str) -> bool:
    """Return that a name may be asked for."""
    return True


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: the model's id, where it is, by which alias it was found, and how much it is to think.

    `alias`, `effort` and `sort` (a value of SORTS) are "" where the name is the id. `why` says why "auto" means this
    model, "" for every other name.
    """

    model: str
    placements: tuple[Placement, ...]
    alias: str = ""
    effort: str = ""
    sort: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """What a key may ask for that may not ask for everything: `table` is that part of what is here, `may` says it of a
    name. What is chosen for a request that names no model is chosen of these.
    """

    table: Table
    may: Callable[[str], bool]


class Names:
    """The names models are asked for by. `aliases` are (glob, model id or "default"), the first that matches wins."""

    def __init__(self, default_model: str = "", aliases: Sequence[tuple[str, str]] = ()) -> None:
        self.default_model = default_model
        self._aliases = [(pattern.lower(), target) for pattern, target in aliases]

    def resolve(
        self,
        wanted: str,
        table: Table,
        vendors: Vendors = nowhere,
        kind: str = "chat",
        uses: Callable[[], Uses] = nothing,
        own: Own | None = None,
    ) -> Named:
        """Return what a name means here. Raises ModelNotFound with the nearest ids; Unsupported where no model can what
        a request for "auto" uses.

        `kind` is the kind of model that is needed: which one an empty name means hangs on it. `uses` says what the
        request uses; it is asked for "auto" alone. `own` is what the caller may ask for, None for all: "auto" and the
        default are of these, every other name means what it means to all.
        """
        own = own or Own(table, _all)

        def here(name: str) -> Named | None:
            if placements := table.get(name):
                return Named(name, placements)
            return self._auto(own, vendors, kind, uses) if name == AUTO else None

        name = wanted or self._unnamed(own, kind)
        if found := here(name):
            return found
        plain, alias = (name.removeprefix(DISCOVERY), f"{DISCOVERY}*") if name.startswith(DISCOVERY) else (name, "")
        if alias and (found := here(plain)):
            return replace(found, alias=alias)
        model, effort = efforts.split(plain)
        if effort and (found := here(model)):
            return replace(found, alias=alias or f"*-{effort}", effort=effort)
        for suffix, sort in SORTS.items():
            base = plain.removesuffix(suffix)
            if base == plain:
                continue
            if found := here(base):
                return replace(found, alias=alias or f"*{suffix}", sort=sort)
            if placements := _by_own_name(vendors(base)):
                return Named(base, placements, alias or f"*{suffix}", sort=sort)
        if placements := vendors(name):
            return Named(name, placements)
        lower = wanted.lower()
        for pattern, target in self._aliases:
            if fnmatch.fnmatchcase(lower, pattern):
                meant = self._unnamed(own, kind) if target == DEFAULT else target
                if found := here(meant):
                    return replace(found, alias=pattern)
                if placements := vendors(meant):
                    return Named(meant, placements, pattern)
        raise self._unknown(name, own.table, kind)

    def default(self, table: Table, kind: str = "chat", may: "Callable[[str], bool] | None" = None) -> str:
        """Return the default model: of the kind, or perhaps of it; "" where there is none.

        `may` says of the one that is set whether it may be asked for.
        """
        chosen = self.default_model
        if kind == "chat" and chosen and (chosen != AUTO or AUTO in table) and (may is None or may(chosen)):
            return chosen
        perhaps = ""
        for model, places in table.items():
            if places[0].kind == kind:
                return model
            perhaps = perhaps or ("" if places[0].kind else model)
        return perhaps

    def _unnamed(self, own: Own, kind: str) -> str:
        """Return what an empty name means: the default model, or "auto" where the configuration says that."""
        return AUTO if kind == "chat" and self.default_model == AUTO else self.default(own.table, kind, own.may)

    def _auto(self, own: Own, vendors: Vendors, kind: str, uses: Callable[[], Uses]) -> Named:
        """Return what "auto" means: what an alias of that name says, or else the rule of core/auto.py.

        Only a pattern that is the word itself is such an alias: the others are for names that flock does not know.
        """
        table = own.table
        for pattern, target in self._aliases:
            if pattern == AUTO and target != AUTO:
                meant = self.default(table, kind, own.may) if target == DEFAULT else target
                if placements := table.get(meant) or vendors(meant):
                    return Named(meant, placements, AUTO)
        chosen = auto.choose(table, kind, uses(), self.default(table, kind, own.may))
        if chosen is None:
            none = f"no model for {kind} is installed" if table else "no model is installed"
            raise ModelNotFound(
                f'{none} that "{AUTO}" could mean',
                hint="flock model search --fits",
                details={"param": "model", "nearest": list(table)[:5]},
            )
        return Named(chosen.model, chosen.placements, why=chosen.why)

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
