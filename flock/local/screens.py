"""`flock tui` where nobody sits at a terminal: a program that carries out operations, or the screen itself.

The command line opens the screen before it comes here (`cli/tui.py`). Called through `operations.run`.
"""

from flock.contract.screens import OpenTui
from flock.errors import WouldAsk
from flock.local.operations import Here, handles


@handles(OpenTui)
def open_tui(op: OpenTui, here: Here) -> None:
    """Refuse: there is no terminal to draw on. Raises WouldAsk."""
    raise WouldAsk("the full screen is opened from a shell on a terminal", hint=f"flock tui {op.page}")
