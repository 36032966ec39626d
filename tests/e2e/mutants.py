"""Requests with something wrong in them: one value of a whole request replaced by one of every type, or left out.

Owns the mutations, not the requests: each dialect's tests have a request that uses all there is. Used by the tests of
bad input.
"""

import copy
from collections.abc import Iterator
from typing import Any

VALUES: list[Any] = [None, True, -1, 1.5, 10**30, "", "text", [], [None], {}, {"x": 1}]
Path = tuple[Any, ...]


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every value inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*at, key)
        yield from places(inner, (*at, key))


def mutant(whole: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return a copy of a request with the value at a path replaced, or left out where it is `...`."""
    found = copy.deepcopy(whole)
    inner: Any = found
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return found


def mutants(whole: dict[str, Any]) -> Iterator[tuple[Path, Any, dict[str, Any]]]:
    """Yield (path, value, body) for every place of a request and every wrong value."""
    for path in places(whole):
        for value in [*VALUES, ...]:
            yield path, value, mutant(whole, path, value)


NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "a brace": b"{",
    "a comma too much": b'{"model":"ok",}',
    "single quotes": b"{'model':'ok'}",
    "text": b"hello",
    "not UTF-8": b'{"model":"ok","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "UTF-16": '{"model":"ok"}'.encode("utf-16"),
    "not a number": b'{"model":"ok","temperature":NaN,"messages":[{"role":"user","content":"x"}]}',
    "zeros": b"\x00" * 100,
    "10,000 arrays": b'{"model":"ok","messages":[{"role":"user","content":"x"}],"x":'
    + b"[" * 10_000
    + b"]" * 10_000
    + b"}",
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "an unclosed abyss": b"[" * 100_000,
}
