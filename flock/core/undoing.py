"""What an act leaves behind so that it can be taken back, and which kinds of things can be set to what they were.

Owns the form of the note in an audit row's `before`: {"kind": …, "id": …, "was": {field: value}, "now": {…}}, JSON
values without secrets. `was` are the fields before the act and `now` the same fields after it: undoing writes `was`
where the thing still has `now`, so that undoing is an act of the same form. Refuses to know any kind: each enters
itself with `undoes` (undo_kinds.py). Handlers call `note`, history.py the rest.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

from flock.core.context import Actor, Context
from flock.plain import is_object

Fields = dict[str, Any]

# acts that note what they change, when they do
NOTING = (
    *("token.create", "token.edit", "token.renew", "token.expire", "token.revoke"),
    *("config.set", "config.unset", "model.default", "price.set", "price.remove"),
)
# why others cannot be taken back; "*" stands for all that are not named
NEVER = {
    "token.rotate": "the secret before was handed out and is gone: flock never had more than its hash",
    "*": "flock keeps nothing that would take an act of this kind back",
}


@dataclass(frozen=True, slots=True)
class Note:
    """What an act changed: of which thing, its fields before and after."""

    kind: str
    id: str
    was: Fields
    now: Fields


class Kind(Protocol):
    """Things of one kind, such as keys: how what an act changed is set to what it was."""

    async def restore(self, context: Context, made: Note) -> None:
        """Set the fields of a note to what they were, by the rules of whoever sets them otherwise.

        Raises Conflict where one of them is no longer as the act left it, NotFound where the thing is gone, and what
        those rules refuse.
        """
        ...

    def words(self, made: Note) -> str:
        """Return what `restore` would do, as an imperative ("set listen back to 127.0.0.1:8080")."""
        ...


KINDS: dict[str, Kind] = {}


def undoes(name: str, kind: Kind) -> None:
    """Enter a kind of things. Raises ValueError when its name is taken."""
    if name in KINDS:
        raise ValueError(f"two kinds are called {name}")
    KINDS[name] = kind


def note(actor: Actor, kind: str, id: str, was: Fields, now: Fields) -> None:
    """Note in the act's audit row what undoing it needs: the fields that changed, before and after; nothing where none
    did.

    For keys (kind "token") the fields are those of store/entries.KeyEntry that `flock token edit` and `renew` can set,
    and "active": False before a creation and after a revocation.
    """
    changed = [field for field in now if was.get(field) != now[field]]
    if changed:
        actor.before.update(kind=kind, id=id, was={f: was.get(f) for f in changed}, now={f: now[f] for f in changed})


def noted(before: object) -> Note | None:
    """Return the note of an act as its audit row has it; None where there is none that this release can read."""
    if not is_object(before):
        return None
    kind, id, was, now = (cast("Any", before.get(name)) for name in ("kind", "id", "was", "now"))
    if not (isinstance(kind, str) and kind in KINDS and isinstance(id, str) and is_object(was) and is_object(now)):
        return None
    return Note(kind, id, dict(was), dict(now)) if was.keys() == now.keys() else None
