"""Checks of a request's values: each names the path of what is wrong, in the dialect's manner ("messages.0.role").

Owns the sentences; refuses to know what a field means. Used by the server half's files, and for an engine's answer by
the upstream half, which turns the sentence into its own error.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.words import kind_of
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object


def wrong(path: str, wanted: str, got: Any) -> InvalidRequest:
    """Return the error for a value of the wrong type or form at `path`."""
    return InvalidRequest(f"{path}: must be {wanted}, not {kind_of(got)}", details={"param": path})


def refused(path: str, sentence: str) -> InvalidRequest:
    """Return the error for a value that is of the right type and still no good."""
    return InvalidRequest(f"{path}: {sentence}", details={"param": path})


def missing(path: str) -> InvalidRequest:
    """Return the error for a field that must be there."""
    return InvalidRequest(f"{path}: is missing", details={"param": path})


def an_object(value: Any, path: str) -> dict[str, Any]:
    """Return the value, which must be an object."""
    if not is_object(value):
        raise wrong(path, "an object", value)
    return value


def an_array(value: Any, path: str) -> list[Any]:
    """Return the value, which must be an array."""
    if not is_array(value):
        raise wrong(path, "an array", value)
    return value


def text_in(fields: dict[str, Any], name: str, path: str, *, default: str | None = None) -> str:
    """Return a string field of an object at `path`; absent or null it is `default`, or an error without one."""
    value = fields.get(name)
    if isinstance(value, str):
        return value
    if value is None and default is not None:
        return default
    if name not in fields:
        raise missing(f"{path}.{name}")
    raise wrong(f"{path}.{name}", "a string", value)


def whole_in(fields: dict[str, Any], name: str, path: str) -> int | None:
    """Return a whole-number field of an object, None where it is absent or null."""
    value = fields.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise wrong(f"{path}.{name}", "a whole number", value)
    return value


def flag_in(fields: dict[str, Any], name: str, path: str) -> bool | None:
    """Return a true-or-false field of an object, None where it is absent or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong(f"{path}.{name}", "true or false", value)
    return value


def json_of(value: Any, path: str) -> str:
    """Return a JSON value as its text."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson reads 1024 levels and writes 254
        raise refused(path, "nested too deeply") from None


def rest_of(fields: dict[str, Any], *known: str) -> dict[str, Any]:
    """Return the fields that are not known and not null."""
    if len(fields) == len(known) and all(name in fields for name in known):
        return {}
    return {name: value for name, value in fields.items() if name not in known and value is not None}
