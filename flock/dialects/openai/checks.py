"""Checks of a request's JSON: each names the field that is wrong by its path and says what was wanted.

Does no I/O and keeps nothing. Used by the modules beside this file that read requests.
"""

from typing import Any

from flock.dialects.openai.words import kind_of
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object


def at(param: str) -> dict[str, Any]:
    """Return the details of an error that name a field."""
    return {"param": param}


def wrong(param: str, wanted: str, got: Any) -> InvalidRequest:
    """Return the error for a field that is not what was wanted."""
    return InvalidRequest(f"{param} must be {wanted}, not {kind_of(got)}", hint=f"correct {param}", details=at(param))


def words(value: Any, param: str) -> str:
    """Return a string; "" for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(param, "a string", value)
    return value


def named(value: Any, param: str) -> str:
    """Return a string that is not empty."""
    if not isinstance(value, str):
        raise wrong(param, "a string", value)
    if not value:
        raise InvalidRequest(f"{param} is empty", hint=f"correct {param}", details=at(param))
    return value


def fields_of(value: Any, param: str) -> dict[str, Any]:
    """Return an object; {} for null."""
    if value is None:
        return {}
    if not is_object(value):
        raise wrong(param, "an object", value)
    return value


def items_of(value: Any, param: str) -> list[Any]:
    """Return an array; [] for null."""
    if value is None:
        return []
    if not is_array(value):
        raise wrong(param, "an array", value)
    return value


def number(value: Any, param: str) -> float | None:
    """Return a number or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(param, "a number", value)
    return value


def whole(value: Any, param: str) -> int | None:
    """Return a whole number or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(param, "a whole number", value)
    return value


def switch(value: Any, param: str) -> bool | None:
    """Return true, false or None."""
    if value is not None and not isinstance(value, bool):
        raise wrong(param, "true or false", value)
    return value


def rest_of(fields: dict[str, Any], *known: str) -> dict[str, Any]:
    """Return what an object holds beside the names known, without nulls."""
    if len(fields) <= len(known) and all(name in known for name in fields):
        return {}
    return {name: value for name, value in fields.items() if name not in known and value is not None}
