"""How the end of the full screen looks: like nothing at all."""

from typing import Any

from flock.contract.op import Op
from flock.show.view import View


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show nothing: the terminal is as it was before."""
    return View(())


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return nothing."""
    return []
