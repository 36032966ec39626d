"""The form that changes a key: filled with what the key is now, so that single fields can be changed.

Owns what an edit says: only what was changed is named, and an emptied field takes away what stood there, in the words
that `flock token edit` has for that (0, none, KEY=, ""). Refuses to carry it out. Opened by `tokens.py`.
"""

from typing import Any

from textual.widgets import Input

from flock.contract.op import Op
from flock.contract.tokens import EditToken, Token
from flock.tui.widgets.form import Form

# In this order on the form, what is changed most first; --add-models and --remove-models are not needed where the
# list itself can be edited
_ORDER = ("rpm", "tpm", "quota", "budget", "models", "vendors", "share", "tag", "note", "owner", "name")
# What stands for "none" in each
_NONE: dict[str, Any] = {"rpm": 0, "tpm": 0, "quota": 0, "share": 1, "budget": ("none",)}


class EditForm(Form):
    """Lets a key be changed; gives an EditToken of the changes back, None when it was closed."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._now = given(token)
        super().__init__(EditToken, {"id": token.id, **self._now})
        by_name = {field.name: field for field in self._fields}
        self._fields = [by_name[name] for name in _ORDER]

    def fresh(self) -> "EditForm":
        """Return the form of the same key."""
        return EditForm(self._token)

    def built(self) -> Op[Any]:
        """Return the changes. Raises ValueError where nothing is changed, and for what cannot be read."""
        typed = super().built()
        empty = {name for name in _ORDER if not self.query_one(f"#field-{name}", Input).value.strip()}
        changes = changed(self._now, {name: getattr(typed, name) for name in _ORDER if name not in empty})
        if not changes:
            raise ValueError("nothing is changed yet")
        return EditToken(id=self._given["id"], **changes)


def given(token: Token) -> dict[str, Any]:
    """Return the fields of a key as an edit would name them."""
    return {
        "rpm": token.rpm,
        "tpm": token.tpm,
        "quota": token.quota,
        "budget": tuple(f"{budget.usd}/{budget.window}" for budget in token.budgets),
        "models": ",".join(token.models),
        "vendors": ",".join(token.vendors),
        "share": token.share,
        "tag": token.tags,
        "note": token.note,
        "owner": token.owner,
        "name": token.name,
    }


def changed(now: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    """Return what an edit has to name so that fields that are `now` become what is `typed`; what is not typed was
    emptied. Raises ValueError for a name that was emptied.
    """
    changes: dict[str, Any] = {}
    for name, value in now.items():
        new = typed.get(name)
        if new is None and not value:
            continue
        if new == value:
            continue
        if name == "tag":
            changes[name] = _tags(value, new or ())
        elif new is not None:
            changes[name] = new
        elif name == "name":
            raise ValueError("a key has a name")
        elif value != _NONE.get(name, ""):
            changes[name] = _NONE.get(name, "")
    return changes


def _tags(now: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    kept = {tag.partition("=")[0] for tag in new}
    gone = [f"{key}=" for key in dict.fromkeys(tag.partition("=")[0] for tag in now) if key not in kept]
    return (*(tag for tag in new if tag not in now), *gone)
