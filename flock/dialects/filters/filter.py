"""What a filter is: events in, events out, written once for all dialects. Types only; used by translate.py."""

from typing import Protocol

from flock.dialects.ir import Event


class Filter(Protocol):
    """Changes the events of one answer on their way. Indexes it hands out are dense again."""

    def feed(self, event: Event) -> list[Event]:
        """Return what becomes of one event; what may still turn out to be something else is held back."""
        ...
