"""Tool calls that a model wrote as text, turned into tool calls.

Owns the events: the parts of a text, the ids, the reason of the end. `call_finder.py` finds the calls, the files in
`tool_formats/` read them. Refuses names that were not offered and formats the family does not write, and never runs
anything. Pure. Made by plan.py for engines that do not parse calls themselves.

A call's id is "call_" and a hash of the answer's id, the call's place in it, its name and its arguments: the same for
the same stream, another one in the next turn. A call that the engine delivered as well comes out once.
"""

import hashlib
from collections.abc import Iterable, Mapping

from flock.dialects.filters.call_finder import CallFinder, Openers
from flock.dialects.filters.outlet import Outlet, Stretch
from flock.dialects.filters.tool_formats.outcome import Call
from flock.dialects.filters.tool_formats.table import FORMATS
from flock.dialects.filters.twins import Twins
from flock.dialects.ir import Began, Broke, Ended, Event, Json, PartBegan, PartDelta, PartEnded, Text, Tool
from flock.profile import Family


class ToolRescue:
    """The filter. `names` maps names on the wire to those of the request where they differ (Outgoing.names)."""

    __slots__ = ("_answer", "_count", "_names", "_openers", "_outlet", "_schemas", "_texts", "_twins")

    def __init__(self, tools: Iterable[Tool], family: Family, names: Mapping[str, str] | None = None) -> None:
        wire = {own: name for name, own in (names or {}).items()}
        offered = {wire.get(tool.name, tool.name): tool for tool in tools if tool.kind != "hosted"}
        self._names = {name: tool.name for name, tool in offered.items()}
        self._schemas: dict[str, Json] = {name: tool.schema or {} for name, tool in offered.items()}
        self._openers = Openers(FORMATS[name] for name in family.tool_formats if offered)
        self._outlet = Outlet()
        self._texts: dict[int, tuple[CallFinder, Stretch]] = {}
        self._twins = Twins(self._outlet)
        self._answer = ""
        self._count = 0

    def feed(self, event: Event) -> list[Event]:
        """Return what becomes of one event."""
        match event:
            case PartDelta():
                followed = self._texts.get(event.index)
                if followed is None:
                    return self._twins.feed(event)
                finder, stretch = followed
                if finder.passes(event.text):
                    return stretch.more(event)
                return self._spoken(stretch, finder.feed(event.text))
            case PartBegan(part=Text() as part):
                self._texts[event.index] = (CallFinder(self._openers, self._schemas), Stretch(part, self._outlet))
                return []
            case PartEnded() if event.index in self._texts:
                return self._closed(event.index)
            case PartBegan() | PartEnded():
                return self._twins.feed(event)
            case Began():
                self._answer = event.id
                return [event]
            case Ended() | Broke():
                # a stream may leave out the ends of its parts; nothing that was said is lost
                held = [out for index in sorted(self._texts) for out in self._closed(index)]
                return [*held, *self._twins.close(), self._end(event)]
            case _:
                return [event]

    def _spoken(self, stretch: Stretch, pieces: list[str | Call]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            events += stretch.say(Text, piece) if isinstance(piece, str) else self._called(stretch, piece)
        return events

    def _called(self, stretch: Stretch, call: Call) -> list[Event]:
        name = self._names[call.name]
        if not self._twins.is_new(name, call.arguments):
            stretch.used = True
            return stretch.close()
        self._count += 1
        said = "\0".join((self._answer, str(self._count), name, call.arguments))
        id = "call_" + hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        return stretch.call(id, name, call.arguments)

    def _closed(self, index: int) -> list[Event]:
        finder, stretch = self._texts.pop(index)
        return [*self._spoken(stretch, finder.close()), *stretch.end()]

    def _end(self, event: Ended | Broke) -> Event:
        if isinstance(event, Ended) and event.stop == "stop" and (self._count or self._twins.called):
            return Ended("tool_calls", event.sequence)
        return event
