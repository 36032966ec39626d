"""What a field of a catalog entry may hold: its check, and the same as JSON Schema.

Owns the declarations from which models/sheet.py and connect/sheet.py build both, so that the two cannot say different
things. The checks follow flock/catalog.py: each takes a value's name and the value, returns it as the entry has it, and
raises ConfigInvalid naming the field. Pure.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from flock.catalog import Check, checked, flag_value, one_of, some_of, text_value
from flock.errors import ConfigInvalid
from flock.plain import is_array, is_object

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Declared:
    """A field: its check, its JSON Schema, and whether every entry must have it."""

    check: Check
    schema: Schema
    required: bool = False


Fields = Mapping[str, Declared]


def text(words: str, pattern: str = "", such_as: str = "", *, required: bool = False) -> Declared:
    """Declare one line of text, of a pattern where one is given; `such_as` shows one to who got it wrong."""
    shape = re.compile(pattern or r"[^\n]+")

    def check(name: str, value: Any) -> str:
        found = text_value(name, value)
        if not shape.fullmatch(found):
            raise ConfigInvalid(f"{name} must be {such_as or 'one line of text'}, not {value!r}")
        return found

    schema: Schema = {"type": "string", "description": words}
    return Declared(check, schema | ({"pattern": f"^(?:{pattern})$"} if pattern else {"minLength": 1}), required)


def prose(words: str) -> Declared:
    """Declare text of any length; line breaks become spaces."""
    return Declared(
        lambda name, value: " ".join(text_value(name, value).split()), {"type": "string", "description": words}
    )


def switch(words: str) -> Declared:
    """Declare true or false."""
    return Declared(flag_value, {"type": "boolean", "description": words})


def number(words: str) -> Declared:
    """Declare a number above 0."""

    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ConfigInvalid(f"{name} must be a number above 0, not {value!r}")
        return value

    return Declared(check, {"type": "number", "exclusiveMinimum": 0, "description": words})


def whole(words: str, *, required: bool = False) -> Declared:
    """Declare a whole number above 0."""

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigInvalid(f"{name} must be a whole number above 0, not {value!r}")
        return value

    return Declared(check, {"type": "integer", "minimum": 1, "description": words}, required)


def date(words: str) -> Declared:
    """Declare a day, its month or its year; YAML makes a date of the first and a number of the last."""
    pattern = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"

    def check(name: str, value: Any) -> str:
        found = value.isoformat() if type(value) is datetime.date else str(value)
        if isinstance(value, bool) or not re.fullmatch(pattern, found):
            raise ConfigInvalid(f"{name} must be a day, a month or a year such as 2026-04-22, not {value!r}")
        return found

    return Declared(check, {"type": ["string", "integer"], "pattern": f"^{pattern}$", "description": words})


def leave(words: str) -> Declared:
    """Declare true, false, or the condition in words; kept as "yes", "no" or the words."""

    def check(name: str, value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if not isinstance(value, str) or not value.strip():
            raise ConfigInvalid(f"{name} must be true, false or the condition in words, not {value!r}")
        return " ".join(value.split())

    return Declared(check, {"type": ["boolean", "string"], "minLength": 1, "description": words})


def word(words: str, known: frozenset[str]) -> Declared:
    """Declare one of some words."""
    return Declared(one_of(known), {"enum": sorted(known), "description": words})


def some(words: str, known: frozenset[str], what: str, *, required: bool = False) -> Declared:
    """Declare a list of known words; `what` they are called."""
    schema: Schema = {"type": "array", "items": {"enum": sorted(known)}, "uniqueItems": True, "description": words}
    return Declared(some_of(tuple, known, what), schema, required)


def many(words: str, item: Declared) -> Declared:
    """Declare a list, perhaps an empty one."""

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if not is_array(value):
            raise ConfigInvalid(f"{name} must be a list, not {value!r}")
        return tuple(item.check(f"{name}[{place}]", found) for place, found in enumerate(value))

    return Declared(check, {"type": "array", "items": item.schema, "description": words})


def inside(words: str, fields: Fields, *, required: bool = False) -> Declared:
    """Declare a mapping of fields; those of them that are required must be there."""

    def check(name: str, value: Any) -> dict[str, Any]:
        found = checked({key: field.check for key, field in fields.items()}, name, value)
        if missing := sorted(key for key, field in fields.items() if field.required and key not in found):
            raise ConfigInvalid(f"{name} lacks {', '.join(missing)}")
        return found

    return Declared(check, schema_of(fields) | {"description": words}, required)


def marks(words: str, known: frozenset[str]) -> Declared:
    """Declare a mapping from fields to words about them. A field in another one is written with a dot."""

    def check(name: str, value: Any) -> dict[str, str]:
        if not is_object(value):
            raise ConfigInvalid(f"{name} must map fields to where the word comes from")
        for key, said in value.items():
            if str(key).partition(".")[0] not in known:
                raise ConfigInvalid(
                    f"{name} marks {key!r}, which is no field; the fields are {', '.join(sorted(known))}"
                )
            text_value(f"{name}.{key}", said)
        return cast(dict[str, str], value)

    first = "|".join(sorted(known))
    schema: Schema = {
        "type": "object",
        "patternProperties": {f"^({first})(\\..+)?$": {"type": "string", "minLength": 1}},
        "additionalProperties": False,
        "description": words,
    }
    return Declared(check, schema)


def amount(words: str) -> Declared:
    """Declare an amount of money as text, so that no digit is lost."""

    def check(name: str, value: Any) -> str:
        try:
            good = isinstance(value, str) and Decimal(value).is_finite() and Decimal(value) >= 0
        except InvalidOperation:
            good = False
        if not good:
            raise ConfigInvalid(f'{name} must be an amount as text, such as "0.25", not {value!r}')
        return cast(str, value)

    return Declared(check, {"type": "string", "pattern": r"^\d+(\.\d+)?$", "description": words}, required=True)


def schema_of(fields: Fields) -> Schema:
    """Return the JSON Schema of a mapping of fields."""
    needed = sorted(key for key, field in fields.items() if field.required)
    schema: Schema = {
        "type": "object",
        "properties": {key: field.schema for key, field in fields.items()},
        "additionalProperties": False,
    }
    return schema | ({"required": needed} if needed else {})
