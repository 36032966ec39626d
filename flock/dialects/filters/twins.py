"""Calls that come twice: from the engine as calls, and in the text as well.

Owns the comparison and what must wait for it: an engine's call of the same name as a rescued one is held until its
arguments are whole. Two equal calls from one source are two calls. Used by tool_rescue.py for every part that is no
text.
"""

import json
from collections import Counter

from flock.dialects.filters.outlet import Outlet
from flock.dialects.ir import Event, PartBegan, PartDelta, PartEnded, ToolCall

_PartEvent = PartBegan | PartDelta | PartEnded


class Twins:
    """Who was called. `called` says whether the engine delivered any call itself."""

    __slots__ = ("_arguments", "_delivered", "_held", "_names", "_outlet", "_rescued", "called")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._names: dict[int, str] = {}
        self._arguments: dict[int, list[str]] = {}
        self._held: dict[int, list[_PartEvent]] = {}
        self._rescued: Counter[tuple[str, str]] = Counter()
        self._delivered: Counter[tuple[str, str]] = Counter()
        self.called = False

    def is_new(self, name: str, arguments: str) -> bool:
        """Take a call found in the text; return whether the engine has not delivered it already."""
        key = _key(name, arguments)
        if self._delivered[key]:
            self._delivered[key] -= 1
            return False
        self._rescued[key] += 1
        return True

    def feed(self, event: _PartEvent) -> list[Event]:
        """Return what becomes of an event of a part of the engine's own."""
        index = event.index
        if isinstance(event, PartBegan) and isinstance(event.part, ToolCall):
            self._names[index], self._arguments[index] = event.part.name, [event.part.arguments]
            if any(count and name == event.part.name for (name, _), count in self._rescued.items()):
                self._held[index] = []
            else:
                self.called = True
        elif isinstance(event, PartDelta) and index in self._names:
            self._arguments[index].append(event.text)
        if index in self._held:
            self._held[index].append(event)
        out = [] if index in self._held else [self._outlet.passed(event)]
        return [*out, *self._judged(index)] if isinstance(event, PartEnded) and index in self._names else out

    def close(self) -> list[Event]:
        """Return what is still held back at the end of the answer."""
        return [event for index in sorted(self._held) for event in self._judged(index)]

    def _judged(self, index: int) -> list[Event]:
        """The call is whole: return it if it had to wait and is no twin."""
        key = _key(self._names.pop(index), "".join(self._arguments.pop(index)))
        held = self._held.pop(index, None)
        if held is not None and self._rescued[key]:
            self._rescued[key] -= 1
            return []
        self._delivered[key] += 1
        self.called = True
        return [self._outlet.passed(event) for event in held or ()]


def _key(name: str, arguments: str) -> tuple[str, str]:
    """Return a call as what it says, whatever the spaces and the order of its arguments."""
    try:
        return name, json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return name, arguments
