"""Which file shows which operation's answer.

Owns the way from an operation to its views. Refuses to import any before it is needed. Called by `cli/deliver.py` and
by the full screen.
"""

import importlib
import time
from typing import TYPE_CHECKING, Any

from flock.contract.op import Op

if TYPE_CHECKING:
    from flock.show.view import View

# Operations of one noun share a name's first part, and it is also the name of the noun's files
_NOUN_FILES = {"daemon": "lifecycle", "service": "services"}


def noun(op: Op[Any]) -> str:
    """Return the name of an operation's noun as its files carry it."""
    first = op.spec.name.partition(".")[0]
    return _NOUN_FILES.get(first, first)


def views(op: Op[Any]) -> Any:
    """Import the views of an operation's noun: a module with `human(op, value, now)` and `ids(op, value)`."""
    return importlib.import_module(f"flock.show.{noun(op)}")


def view(op: Op[Any], value: Any) -> "View":
    """Return how a value looks to people now."""
    return views(op).human(op, value, time.time())
