"""Where the parts of a filtered answer leave: indexes dense again, and a part begins no sooner than it has something.

Owns the numbers. Refuses to look into a part. Used by the filters that turn one part into several.
"""

from dataclasses import replace

from flock.dialects.ir import Event, Part, PartBegan, PartDelta, PartEnded, Text, Thinking, ToolCall


class Outlet:
    """Numbers the parts of one answer as they begin."""

    __slots__ = ("_next", "_passing")

    def __init__(self) -> None:
        self._next = 0
        self._passing: dict[int, int] = {}

    def begin(self, part: Part) -> PartBegan:
        """Return the beginning of a new part."""
        self._next += 1
        return PartBegan(self._next - 1, part)

    def passed(self, event: PartBegan | PartDelta | PartEnded) -> Event:
        """Return an event of a part that passes untouched, under the number it has now."""
        if isinstance(event, PartBegan):
            began = self.begin(event.part)
            self._passing[event.index] = began.index
            return event if began.index == event.index else began
        index = self._passing[event.index]
        return event if index == event.index else replace(event, index=index)


class Stretch:
    """What becomes of one text part: texts, thinking and calls, one after the other.

    `first` is the part as it began; its hints go with the first text that comes of it.
    """

    __slots__ = ("_first", "_index", "_open", "_outlet", "used")

    def __init__(self, first: Text, outlet: Outlet) -> None:
        self._first = first
        self._outlet = outlet
        self._open: type[Part] | None = None
        self._index = 0
        self.used = False

    def say(self, kind: type[Text] | type[Thinking], text: str) -> list[Event]:
        """Return the events of more text or thinking."""
        if self._open is kind:
            return [PartDelta(self._index, text)]
        part: Part = Thinking()
        if kind is Text:
            part = Text("", self._first.meta)
            self._first = Text("")
        return [*self._begin(part), PartDelta(self._index, text)]

    def more(self, event: PartDelta) -> list[Event]:
        """Return a piece of the text that is open, as it came if its number did not change."""
        return [event if self._index == event.index else PartDelta(self._index, event.text)]

    def call(self, id: str, name: str, arguments: str) -> list[Event]:
        """Return the events of a whole call."""
        began = self._begin(ToolCall(id, name))
        return [*began, PartDelta(self._index, arguments), *self.close()]

    def close(self) -> list[Event]:
        """Return the end of whatever is open."""
        if self._open is None:
            return []
        self._open = None
        return [PartEnded(self._index)]

    def end(self) -> list[Event]:
        """Return the end of the part; one that never said anything begins and ends as it came."""
        began = [] if self.used else self._begin(self._first)
        return [*began, *self.close()]

    def _begin(self, part: Part) -> list[Event]:
        ended = self.close()
        began = self._outlet.begin(part)
        self._index, self._open, self.used = began.index, type(part), True
        return [*ended, began]
