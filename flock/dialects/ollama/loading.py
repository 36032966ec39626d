"""How clients load and unload a model: a chat without messages, a generate request without a prompt.

Does no I/O and loads nothing: it tells such a request from others and spells the answer. Reached through `server.py` by
the door.
"""

import re
from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.ollama.words import dumped, moment, of_reply

# a duration of Go that is none: "0", "0s", "0h0m0.0s"
_ZERO = re.compile(r"[+-]?0|[+-]?(?:0*\.?0*(?:ns|us|µs|μs|ms|s|m|h))+")


def is_load(ask: Ask) -> bool:
    """Return whether a request only wants its model loaded, or unloaded (`is_unload`)."""
    return not ask.body.get("messages" if ask.endpoint == "chat" else "prompt")


def is_unload(ask: Ask) -> bool:
    """Return whether a request only wants its model unloaded: `keep_alive` 0, as a number or a duration."""
    return is_load(ask) and _is_zero(ask.body.get("keep_alive"))


def _is_zero(keep: Any) -> bool:
    if isinstance(keep, str):
        return _ZERO.fullmatch(keep.strip()) is not None
    return isinstance(keep, int | float) and not isinstance(keep, bool) and keep == 0


def write_loaded(ask: Ask, unload: bool, created: int = 0) -> bytes:
    """Return the body that says a model is loaded, or unloaded; `created` is the epoch second.

    It is one object, also where a stream was asked for: a line for a client that reads lines.
    """
    said = of_reply(ask.endpoint == "generate")
    reason = "unload" if unload else "load"
    return dumped({"model": ask.model, "created_at": moment(created), **said, "done": True, "done_reason": reason})
