"""What a format of tool calls written as text is. Types only.

Each file beside this one owns the formats of one kind; `table.py` names them all; `call_finder.py` runs them. A format
reads with a Cursor: from the beginning of its opener, it returns the calls and leaves the cursor behind them, or raises
Incomplete (more text may make it a call) or NoCall (no text can).
"""

from collections.abc import Callable
from dataclasses import dataclass

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.outcome import Call


@dataclass(frozen=True, slots=True)
class Format:
    """One form in which models write calls.

    `openers`: with which it begins. `alone`: only a whole message is a call, and its opener counts only at the
    beginning. `trailers`: marks that may be left over behind a call, and go with it. `tokens`: the openers are tokens
    of the model's own, so that they count in the middle of a sentence too; tags of letters there are words about tags.
    """

    name: str
    openers: tuple[str, ...]
    read: Callable[[Cursor], list[Call]]
    alone: bool = False
    trailers: tuple[str, ...] = ()
    tokens: bool = False
