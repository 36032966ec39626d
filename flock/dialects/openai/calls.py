"""Tool calls of one chat stream under way: pieces told apart by index, id and order, arguments put in order.

Does no I/O and never raises. Owns what engines do differently about calls: missing ids and indexes, one index for all,
arguments as objects, `{}` before the real ones, names that come late. `chunks.py` drives it.
"""

from typing import Any

import orjson

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.ir import Event, Json, PartBegan, PartDelta, PartEnded, ToolCall
from flock.dialects.openai.answers import arguments_of, made_id
from flock.plain import is_object


class _Call:
    """One call: what came of it, and the part it became once its name was known (-1: not yet)."""

    __slots__ = ("custom", "ended", "given", "held", "id", "part", "pieces", "waiting")

    def __init__(self, given: str, custom: bool) -> None:
        self.id = self.given = given
        self.custom = custom
        self.held = self.waiting = ""
        self.part = -1
        self.pieces: list[str] = []
        self.ended = False

    def complete(self) -> bool:
        """Return whether the arguments so far are a whole object; raw input never is known to be."""
        if self.custom:
            return False
        if self.held:
            return True
        try:
            return is_object(orjson.loads("".join(self.pieces)))
        except ValueError:
            return False


class Calls:
    """The calls of one answer. `begun` counts those that have become parts."""

    __slots__ = ("_calls", "_last", "_made", "_names", "begun")

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._calls: dict[int, _Call] = {}
        self._last: _Call | None = None
        self._made = 0
        self.begun = 0

    def read(self, told: dict[str, Any], first: dict[str, Any], part: int, events: list[Event]) -> None:
        """Take one piece of a call. `first`: the stream's first chunk; `part`: the index of a part that would begin."""
        custom = told.get("custom")
        inner = custom if is_object(custom) else told.get("function")
        inner = inner if is_object(inner) else {}
        index, id, name = told.get("index"), told.get("id"), inner.get("name")
        id = id if isinstance(id, str) else ""
        name = name if isinstance(name, str) else ""
        call = self._find(index, id, name)
        if call is None:
            self.end_complete(events)
            call = self._new(index, id, is_object(custom))
        if call.part < 0 and name:
            self._begin(call, name, first, part, events)
        value = inner.get("input") if call.custom else inner.get("arguments")
        # a piece of a string is no JSON yet: only what comes at once may be put in order
        text = value if isinstance(value, str) else arguments_of(value)
        if call.part < 0:
            call.waiting += text
        elif text:
            self._argue(call, text, events)

    def end_complete(self, events: list[Event]) -> None:
        """End the calls whose arguments are whole: another part begins, so nothing more is to come."""
        for call in self._calls.values():
            if not call.ended and call.part >= 0 and call.complete():
                self._end(call, events)

    def end(self, first: dict[str, Any], part: int, events: list[Event]) -> None:
        """End all calls; one whose name never came becomes a call without a name, if it has arguments."""
        for call in self._calls.values():
            if call.part < 0 and call.waiting:
                self._begin(call, "", first, part, events)
                part += 1
            if call.part >= 0 and not call.ended:
                self._end(call, events)

    def _find(self, index: Any, id: str, name: str) -> _Call | None:
        """Return the call that a piece belongs to, None for a new one."""
        if isinstance(index, int):
            call = self._calls.get(index)
            # some servers number every call 0 and tell them apart by their ids
            return None if call is not None and id and name and call.given and id != call.given else call
        last = self._last
        if id:
            return next((call for call in self._calls.values() if call.given == id), None)
        return None if last is None or (name and last.complete()) else last

    def _new(self, index: Any, id: str, custom: bool) -> _Call:
        call = self._last = _Call(id, custom)
        self._made += 1
        key = index if isinstance(index, int) else -self._made
        if key in self._calls:  # out of reach by its number, but still to be ended
            self._calls[-self._made] = self._calls.pop(key)
        self._calls[key] = call
        return call

    def _begin(self, call: _Call, name: str, first: dict[str, Any], part: int, events: list[Event]) -> None:
        call.part = part
        call.id = call.id or made_id(first, self.begun, name)
        self.begun += 1
        meta: Json = {CUSTOM: True} if call.custom else {}
        events.append(PartBegan(part, ToolCall(call.id, self._names.get(name, name), meta=meta)))
        if call.waiting:
            waiting, call.waiting = call.waiting, ""
            self._argue(call, waiting, events)

    def _argue(self, call: _Call, text: str, events: list[Event]) -> None:
        if call.ended:
            return
        if not call.custom and not call.pieces:
            if call.held:
                # "{}" and then the arguments after all
                text, call.held = (text if text.lstrip().startswith("{") else call.held + text), ""
            elif text.strip() == "{}":
                call.held = text
                return
            text = arguments_of(text, whole=False)
        call.pieces.append(text)
        events.append(PartDelta(call.part, text))

    def _end(self, call: _Call, events: list[Event]) -> None:
        if call.held:
            call.pieces.append(call.held)
            events.append(PartDelta(call.part, call.held))
            call.held = ""
        call.ended = True
        events.append(PartEnded(call.part))
