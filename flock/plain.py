"""Telling JSON types apart in a way the type checker understands: what `json` and `orjson` hand out is `Any`.

Two predicates and nothing else; used wherever values from outside are looked at.
"""

from typing import Any, TypeGuard


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether a parsed JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Return whether a parsed JSON value is an array."""
    return isinstance(value, list)
