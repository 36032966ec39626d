"""What comes of reading a text as a tool call: a call, none, or not enough of it yet. Types only."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was found: the tool's name as the model wrote it, its arguments as the text of a JSON object."""

    name: str
    arguments: str


class NoCall(Exception):
    """This is not a call, whatever comes after it."""


class Incomplete(Exception):
    """More text is needed. `ready` says of each further piece whether it is worth to read again."""

    def __init__(self, ready: Callable[[str], bool]) -> None:
        super().__init__()
        self.ready = ready
