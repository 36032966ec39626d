"""Values that were written as plain text, typed by the tool's schema.

The XML formats write `<parameter=count>3</parameter>`: whether that is a number or a text only the schema knows. A
value that does not fit its type stays text, since the tool can say better what is wrong with it. Pure.
"""

import json
from collections.abc import Mapping
from typing import Any

from flock.plain import is_array, is_object


def typed(text: str, schema: Mapping[str, Any], name: str) -> Any:
    """Return the value of a parameter written as text, by the schema of the tool's parameters."""
    properties = schema.get("properties")
    wanted = properties.get(name) if is_object(properties) else None
    return fitted(text, schema_of(wanted, schema))


def schema_of(wanted: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with a reference into the same document followed, {} for none."""
    for _ in range(8):
        if not is_object(wanted):
            return {}
        reference = wanted.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return wanted
        found: Any = root
        for step in reference[2:].split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if is_object(found) else None
        wanted = found
    return {}


def fitted(text: str, schema: Mapping[str, Any]) -> Any:
    """Return the text as a value of one of the types the schema allows; as text where none fits."""
    types = _types(schema)
    plain = text.strip()
    if not types:
        return _untyped(text, plain, schema)
    if plain in ("null", "None") and "null" in types:
        return None
    if "boolean" in types and plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    value = _value(plain)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if "integer" in types and number and value == int(value):
        return int(value)
    if "number" in types and number:
        return value
    if ("object" in types and is_object(value)) or ("array" in types and is_array(value)):
        return value
    return text


def _untyped(text: str, plain: str, schema: Mapping[str, Any]) -> Any:
    options = schema.get("enum")
    if "const" in schema:
        options = [schema["const"]]
    if is_array(options) and plain in options:
        return plain
    value = _value(plain)
    return text if value is None and plain != "null" else value


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Return the names of the types a value may have, as far as the schema tells."""
    found = schema.get("type")
    names = (
        {found}
        if isinstance(found, str)
        else {name for name in found if isinstance(name, str)}
        if is_array(found)
        else set[str]()
    )
    for key in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(key)
        for choice in choices if is_array(choices) else []:
            if is_object(choice):
                names |= _types(choice)
    return names


def _value(text: str) -> Any:
    """Return the JSON value of a text, None when it has none or when its numbers are not finite."""
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
