"""Words of the assistant that a client began the answer with: taken off the answer of an engine that repeats them.

Owns the comparison with the answer's first text, over any cut. Refuses to take off anything but those very words.
Called by translate.py for engines whose profile says `prefill: repeats`.
"""

from flock.dialects.ir import Ended, Event, PartBegan, PartDelta, PartEnded, Text


class Prefill:
    """Strips `words` from the beginning of the first text of an answer."""

    __slots__ = ("_held", "_index", "_words")

    def __init__(self, words: str) -> None:
        self._words = words
        self._held = ""
        self._index = -1

    def feed(self, event: Event) -> list[Event]:
        """Return what becomes of one event."""
        if not self._words:
            return [event]
        if isinstance(event, PartBegan) and isinstance(event.part, Text) and self._index < 0:
            self._index = event.index
        elif isinstance(event, PartDelta) and event.index == self._index:
            return self._compared(event)
        if isinstance(event, PartEnded | Ended) and self._held:
            return [*self._given_up(), event]
        return [event]

    def _compared(self, event: PartDelta) -> list[Event]:
        self._held += event.text
        if self._held.startswith(self._words):
            rest, self._held = self._held[len(self._words) :], ""
            self._words = ""
            return [PartDelta(event.index, rest)] if rest else []
        if self._words.startswith(self._held):
            return []
        return self._given_up()

    def _given_up(self) -> list[Event]:
        held, self._held, self._words = self._held, "", ""
        return [PartDelta(self._index, held)]
