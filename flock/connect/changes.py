"""The words of an edit: where a value stands in a tool's file, what is written there, and what it takes to take it back.

Values are JSON's (None, bool, int, float, str, list, dict). Knows no format and touches no file; used by everything in
this package, by what renders a tool's configuration, and by the manifest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

Json = Any


@dataclass(frozen=True, slots=True)
class Match:
    """The item of a list whose `key` has that value; it is appended where there is none.

    With key "" the item itself is the value: `("plugins", Match("", "x"))` stands for the text "x" in the list.
    """

    key: str
    value: str | int | bool


Part = str | int | Match
Pointer = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A value and where it goes. Parents that are missing are made; a parent that is null becomes one.

    A mapping is merged: each of its leaves is a change of its own, and what else stands in the mapping stays. A list
    is one value. To leave a list's other items alone, point into it by Match.
    """

    pointer: Pointer
    value: Json


@dataclass(frozen=True, slots=True)
class Trace:
    """One leaf we wrote, and what it takes to take it back to the byte.

    `value` is what we wrote. `old` is the text that stood there before, None where there was none. `made` is how many
    of the pointer's parents were made with it, counted from the leaf upwards. `shell` is the text of the nearest
    parent that was there, where it was empty (`{}`, `{ }`, nothing at all), and `lead` what was put before the leaf to
    set it off (a blank line): nobody could guess either from what stands there afterwards.
    """

    pointer: Pointer
    value: Json
    old: str | None = None
    made: int = 0
    shell: str | None = None
    lead: str = ""
