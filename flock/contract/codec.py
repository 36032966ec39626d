"""Dataclass ⇄ JSON, the one codec behind the HTTP body, `--json` and the web page.

Reading is tolerant of unknown fields and strict about types; every complaint names the path of the offending value.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast, get_args, get_origin

from flock.contract.op import hints
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return the value as JSON types: dataclasses become objects in field order, tuples become arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in cast("Sequence[Any]", value)]
    return value


def dumps(value: Any) -> bytes:
    """Return the value as UTF-8 JSON text without a line end."""
    return json.dumps(to_plain(value), ensure_ascii=False).encode("utf-8", "replace")


def loads(kind: Any, data: bytes, what: str = "body") -> Any:
    """Parse JSON text into a value of type `kind`.

    Raises InvalidRequest naming what is wrong and where.
    """
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the {what} is not JSON: {error}", hint="send a JSON object") from None
    return from_plain(kind, plain, "")


def from_plain(kind: Any, plain: Any, path: str = "") -> Any:
    """Build a value of type `kind` from JSON types; `path` is where it stands, for error sentences.

    Raises InvalidRequest for a missing field or a value of the wrong type.
    """
    origin = get_origin(kind)
    if kind is Any:
        return plain
    if dataclasses.is_dataclass(kind):
        return _object(kind, plain, path)
    if origin in (list, tuple):
        return _array(kind, origin, plain, path)
    if origin is dict:
        if not is_object(plain):
            raise _wrong(path, "an object", plain)
        return {k: from_plain(get_args(kind)[1], v, f"{path}.{k}") for k, v in plain.items()}
    choices = get_args(kind)
    if choices:
        return _one_of(choices, plain, path)
    return _scalar(kind, plain, path)


def _object(kind: Any, plain: Any, path: str) -> Any:
    if not is_object(plain):
        raise _wrong(path, "an object", plain)
    known = hints(kind)
    values: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        if item.name in plain:
            values[item.name] = from_plain(known[item.name], plain[item.name], f"{path}.{item.name}".lstrip("."))
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise InvalidRequest(f"{item.name!r} is missing{f' in {path}' if path else ''}", hint=f"add {item.name!r}")
    return kind(**values)


def _array(kind: Any, origin: Any, plain: Any, path: str) -> Any:
    if not is_array(plain):
        raise _wrong(path, "an array", plain)
    inside = get_args(kind)[0]
    return origin(from_plain(inside, v, f"{path}[{i}]") for i, v in enumerate(plain))


def _one_of(choices: tuple[Any, ...], plain: Any, path: str) -> Any:
    if plain is None and type(None) in choices:
        return None
    for choice in choices:
        if choice is not type(None):
            return from_plain(choice, plain, path)
    raise _wrong(path, "null", plain)


def _scalar(kind: Any, plain: Any, path: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(plain)
        except ValueError:
            raise _wrong(path, "one of " + ", ".join(str(k.value) for k in kind), plain) from None
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if isinstance(plain, kind) and not (kind is int and isinstance(plain, bool)):
        return plain
    raise _wrong(path, _WORDS.get(kind, kind.__name__), plain)


def from_text(kind: Any, words: str, path: str) -> Any:
    """Build a scalar from a query string or path segment; an Optional takes its inner type.

    Raises InvalidRequest when the words do not spell the type.
    """
    inside = next((c for c in get_args(kind) if c is not type(None)), kind)
    try:
        if inside is bool:
            return {"true": True, "1": True, "false": False, "0": False}[words.lower()]
        if inside in (int, float):
            return inside(words)
    except (ValueError, KeyError):
        raise _wrong(path, _WORDS[inside], words) from None
    return from_plain(inside, words, path)


def from_query(kind: Any, words: Sequence[str], path: str) -> Any:
    """Return what a name in a query string says: of a field that takes many the list of all, of others the last one.

    Raises InvalidRequest when the words do not spell the type.
    """
    if get_origin(kind) is tuple:
        return [from_text(get_args(kind)[0], word, path) for word in words]
    return from_text(kind, words[-1], path)


_WORDS: dict[Any, str] = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _wrong(path: str, wanted: str, got: Any) -> InvalidRequest:
    shown = json.dumps(got, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else shown[:59] + "…"
    return InvalidRequest(f"{path or 'the body'} must be {wanted}, not {shown}", hint=f"correct {path or 'the body'}")
