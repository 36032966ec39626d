"""Which models a key reaches: what a name means to its holder, where that is, and what may be listed for it.

Owns the two refusals, that of a vendor that costs money and that of a model beside the key's list, with the audit row
of the second. Refuses to choose between placements. Called by core/inference.py, by the lists of models at the doors
and by who shows a key what it may ask for.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from flock.clock import Clock
from flock.core import auto
from flock.core.auto import AUTO
from flock.core.kinds import kind_of
from flock.core.names import Named, Names, Own, Table, nothing, nowhere
from flock.dialects.ask import Ask
from flock.errors import ModelNotAllowed, ModelNotFound
from flock.policy import allowlist
from flock.policy.keys import ANYONE, Key
from flock.upstream import Placement

# (actor, action, target, outcome, details): flock.store.writer.Writer.audit is the real one
Audit = Callable[[str, str, str, str, Mapping[str, Any]], None]
# A client that asks again and again leaves one row for each model and minute, and one that makes up names so many rows
# a minute and key: who reads the audit wants to know that it was tried, and the rows must not grow as fast as requests.
ROWS_A_MINUTE = 10
# lists that are kept: as many as a team has different ones
_KEPT = 256


class Paid(Protocol):
    """The vendors; flock.vendors.registry.Vendors is the real one."""

    def find(self, model: str) -> tuple[Placement, ...]:
        """Return where vendors that are on have a model of this name, () for nowhere."""
        ...


def unheard(_actor: str, _action: str, _target: str, _outcome: str, _details: Mapping[str, Any]) -> None:
    """Keep no row: the audit of those who have none."""


class Reach:
    """What each key reaches. `table` hands out what runs here, by model; it is replaced as a whole on every change."""

    def __init__(
        self,
        names: Names,
        table: Callable[[], Table],
        clock: Clock,
        *,
        vendors: Paid | None = None,
        audit: Audit | None = None,
        refused: Callable[[str], None] | None = None,
    ) -> None:
        self.names = names
        self._table = table
        self._vendors = vendors
        self._clock = clock
        self._audit = audit or unheard
        self._refusals = refused
        self._tables: dict[tuple[str, ...], tuple[Table, Table]] = {}
        self._minute = 0
        self._told: dict[str, set[str]] = {}

    def table(self, key: Key) -> Table:
        """Return what runs here and may be asked for with a key, by model."""
        table = self._table()
        if not key.models:
            return table
        kept = self._tables.get(key.models)
        if kept is None or kept[0] is not table:
            found = {m: places for m, places in table.items() if allowlist.permitted(key.models, m, places)}
            if len(self._tables) >= _KEPT:
                self._tables.clear()
            kept = self._tables[key.models] = (table, found)
        return kept[1]

    def paid(self, key: Key, model: str) -> tuple[Placement, ...]:
        """Return where vendors have a model that a key may ask them for; nobody is asked."""
        found = self._vendors.find(model) if self._vendors is not None else ()
        usable = tuple(place for place in found if key.may_use(place.vendor))
        return allowlist.permitted(key.models, model, usable)

    def resolve(self, wanted: str, key: Key = ANYONE, endpoint: str = "chat", ask: Ask | None = None) -> Named:
        """Return which model a name means to the holder of a key, and where it is.

        What "auto" and an empty name mean hangs on what is asked, and on what the key may ask for. Every other name
        means what it means to all, and is refused where that is not the key's. Raises ModelNotFound, ModelNotAllowed,
        Unsupported.

        A vendor is found where its key is on, the caller's may use it, and the name is one of the vendor's: there is
        no other way to one (tests/e2e/test_paid_on_purpose.py).
        """
        refused: list[str] = []

        def usable(model: str) -> tuple[Placement, ...]:
            found = self._vendors.find(model) if self._vendors is not None else ()
            refused.extend(place.vendor for place in found if not key.may_use(place.vendor))
            return tuple(place for place in found if key.may_use(place.vendor))

        vendors = usable if self._vendors is not None else nowhere
        uses = nothing if ask is None else lambda: auto.uses(ask)
        own = Own(self.table(key), lambda name: allowlist.matches(key.models, name)) if key.models else None
        try:
            named = self.names.resolve(wanted, self._table(), vendors, kind_of(endpoint), uses, own)
        except ModelNotFound as error:
            if key.models and not allowlist.matches(key.models, wanted):
                raise self._refused(key, wanted, "") from None
            if not refused:
                raise
            raise _costs(key, wanted, refused[0], error) from None
        if not key.models:
            return named
        places = allowlist.permitted(key.models, named.model, named.placements)
        if not places:
            raise self._refused(key, wanted, named.model)
        return named if len(places) == len(named.placements) else replace(named, placements=places)

    def _refused(self, key: Key, asked: str, model: str) -> ModelNotAllowed:
        """Return the error of a model that is not a key's, and let the audit know of it."""
        error = allowlist.refusal(key, "" if asked == AUTO and not model else asked, model)
        if self._refusals is not None:
            self._refusals("model")
        minute = int(self._clock.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._told = minute, {}
        told = self._told.setdefault(key.id, set())
        target = (model or asked)[: allowlist.NAME_MOST]
        if target not in told and len(told) < ROWS_A_MINUTE:
            told.add(target)
            details = {"key": key.id, "asked": asked[: allowlist.NAME_MOST], "models": list(key.models)}
            self._audit(key.name, "request", target, error.code, details)
        return error


def _costs(key: Key, wanted: str, vendor: str, error: ModelNotFound) -> ModelNotFound:
    """Return the error of a model that only a vendor has whom the key may not use."""
    vendors = ",".join((*key.vendors, vendor))
    edit = f"an admin lets it: flock token edit {key.id} --vendors '{vendors}'"
    return ModelNotFound(
        f"{wanted or 'the default model'} is a model of {vendor}, which costs money, and the key {key.name!r} may not"
        " use it",
        hint=edit if key.id else f"an admin makes a key that may: flock token create NAME --vendors {vendor}",
        details=error.details,
    )
