"""The words of an edit: where a value stands in a tool's file, what is written there, and what takes it back.

Values are JSON's (None, bool, int, float, str, list, dict). Knows no format and touches no file; used by everything in
this package, by what renders a tool's configuration, and by the manifest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

Json = Any


class _Missing:
    """Where there is no value, which is another thing than null."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()


class Refused(Exception):
    """A change that this file does not take; the words say why and become a plan's problem."""


@dataclass(frozen=True, slots=True)
class Match:
    """The item of a list whose `key` has that value; it is appended where there is none.

    With key "" the item itself is the value: `("plugins", Match("", "x"))` stands for the text "x" in the list.
    """

    key: str
    value: str | int | bool


Part = str | int | Match
Pointer = tuple[Part, ...]
Path = tuple[str | int, ...]  # a pointer in which every item of a list is a number


@dataclass(frozen=True, slots=True)
class Change:
    """A value and where it goes. Parents that are missing are made; a parent that is null becomes one.

    A mapping is merged: each of its leaves is a change of its own, and what else stands in the mapping stays. A list
    is one value. To leave a list's other items alone, point into it by Match. `loose`: the tool keeps the value current
    (a time), so that it is taken out whatever it has become.
    """

    pointer: Pointer
    value: Json
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """One leaf we wrote, and what it takes to take it back to the byte.

    `value` is what we wrote. `old` is the text that stood there before, None where there was none. `made` is how many
    of the pointer's parents were made with it, counted from the leaf upwards (the whole document is the last of them).
    Three things that nobody could guess from what stands there afterwards: `shell` is the text of the nearest parent
    that was there, where it was empty (`{}`, `{ }`, `null`, nothing at all); `lead` and `trail` are what was put before
    and behind the leaf to set it off.
    """

    pointer: Pointer
    value: Json
    old: str | None = None
    made: int = 0
    shell: str | None = None
    lead: str = ""
    trail: str = ""
    loose: bool = False


def words(pointer: Sequence[Part]) -> str:
    """Return a pointer as people read it: "models[name=flock].apiBase"."""
    said = ""
    for part in pointer:
        if isinstance(part, str):
            said += f".{part}" if said else part
        elif isinstance(part, int):
            said += f"[{part}]"
        else:
            said += f"[{part.key}={part.value}]" if part.key else f"[{part.value}]"
    return said or "the whole file"


def same(one: Json, other: Json) -> bool:
    """Return whether two values are the same, types included: 1 is neither true nor 1.0, and NaN is NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[Any, Json]", one), cast("dict[Any, Json]", other)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[Json]", one), cast("list[Json]", other)
        return len(first) == len(second) and all(map(same, first, second))
    kinds = type(cast("object", one)), type(cast("object", other))
    return kinds[0] is kinds[1] and bool(one == other or (one != one and other != other))


def resolve(data: Json, pointer: Sequence[Part]) -> tuple[Path, tuple[Part, ...], Json]:
    """Return how much of a pointer is there, as a path; the parts that are not; and the value at the path's end."""
    path: Path = ()
    for place, part in enumerate(pointer):
        step = _step(data, part)
        if step is None:
            return path, tuple(pointer[place:]), data
        path, data = (*path, step), data[step]
    return path, (), data


def _step(data: Json, part: Part) -> str | int | None:
    if isinstance(part, str):
        return part if isinstance(data, dict) and part in data else None
    if not isinstance(data, list):
        return None
    items = cast("list[Json]", data)
    if isinstance(part, int):
        return part if 0 <= part < len(items) else None
    return next((place for place, item in enumerate(items) if _fits(item, part)), None)


def _fits(item: Json, match: Match) -> bool:
    if not match.key:
        return same(item, match.value)
    return isinstance(item, dict) and same(cast("dict[str, Json]", item).get(match.key, MISSING), match.value)


def at(data: Json, path: Path) -> Json:
    """Return the value at a path that is there."""
    for step in path:
        data = data[step]
    return data


def nested(parts: Sequence[Part], value: Json) -> Json:
    """Return a value with the parents that lead to it. Raises Refused where a list would have to begin elsewhere."""
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(head, str):
        return {head: nested(rest, value)}
    return [item(head, 0, rest, value)]


def item(head: int | Match, length: int, rest: Sequence[Part], value: Json) -> Json:
    """Return the item that is appended to a list of `length` items so that the pointer finds it."""
    inside = nested(rest, value)
    if isinstance(head, int):
        if head != length:
            raise Refused(f"item {head} cannot be made in a list of {length}")
        return inside
    if not head.key:
        if rest or not same(value, head.value):
            raise Refused(f"the item {head.value} cannot become another value")
        return value
    if not isinstance(inside, dict):
        raise Refused(f"the item with {head.key} {head.value} has to be a mapping")
    return {head.key: head.value, **cast("dict[str, Json]", inside)}


def with_value(data: Json, path: Path, new: Json) -> Json:
    """Return a copy in which the value at a path is another; MISSING takes it out; a path one longer adds it."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    # an item of a list is a member whose name is its number
    if isinstance(data, dict):
        items = dict(cast("dict[Any, Json]", data))
    else:
        items = dict[Any, Json](enumerate(cast("list[Json]", data)))
    if rest:
        items[step] = with_value(items[step], rest, new)
    elif new is MISSING:
        del items[step]
    else:
        items[step] = new
    return items if isinstance(data, dict) else list(items.values())


def check_value(value: Json) -> None:
    """Raise Refused for what no file can hold: NaN, infinity, half a surrogate pair, keys that are no text."""
    if isinstance(value, dict):
        for key, inside in cast("dict[Any, Json]", value).items():
            if not isinstance(key, str):
                raise Refused(f"the key {key!r} is no text")
            check_value(key)
            check_value(inside)
    elif isinstance(value, list):
        for inside in cast("list[Json]", value):
            check_value(inside)
    elif isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise Refused("a value holds half a character")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(f"{value} is no number that a file can hold")
    elif not (value is None or isinstance(value, int)):
        raise Refused(f"a value of type {type(value).__name__} cannot be written")


def is_mapping(value: Json) -> bool:
    """Return whether a value is a mapping that holds something."""
    return isinstance(value, Mapping) and bool(cast("Mapping[str, Json]", value))
