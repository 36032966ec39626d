"""Google's schemas and JSON Schema: one made of the other.

Owns the differences: upper-case types, `nullable`, `propertyOrdering`, numbers as strings on the way in; on the way out
the subset that `parameters` and `responseSchema` take, everything else left out, inlined or said in other words, at
every depth but never among the *names* of properties (pitfall 23). Pure; called by `asked.py` and `sent.py`.
"""

from typing import Any

from flock.dialects.ir import Json
from flock.plain import is_array, is_object

_LISTS, _SINGLE = ("anyOf", "oneOf", "allOf", "prefixItems"), ("items", "additionalProperties", "not")
_COUNTS = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
# what Google's Schema has: the fields of google-genai's `types.Schema`, which are those of the API's reference
_KEPT = frozenset(
    {
        *("description", "example", "format", "maximum", "minimum", "nullable", "pattern", "propertyOrdering"),
        *("required", "title", "type", *_COUNTS),
    }
)
# of strings the API refuses every other format (goai#108)
_FORMATS = frozenset({"date-time", "enum", "date", "time", "duration", "float", "double", "int32", "int64"})
# schemas refer to themselves; deeper ones are told as any value
_DEPTH = 24


def to_json_schema(schema: Json) -> Json:
    """Return the JSON Schema of one of Google's. One that is JSON Schema already comes back as it is."""
    found: Json = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "defs") and is_object(value):
            name = "$defs" if key == "defs" else key
            found[name] = {inner: _schema(one) for inner, one in value.items()}
        elif key in _LISTS and is_array(value):
            found[key] = [_schema(one) for one in value]
        elif key in _SINGLE:
            found[key] = _schema(value)
        elif key == "type":
            found[key] = [_lower(one) for one in value] if is_array(value) else _lower(value)
        elif key in _COUNTS and isinstance(value, str) and value.isdigit():
            found[key] = int(value)  # int64 is a string in protobuf's JSON
        elif key not in ("nullable", "propertyOrdering", "example"):
            found[{"ref": "$ref"}.get(key, key)] = value
    if schema.get("nullable") is True and isinstance(kind := found.get("type"), str):
        found["type"] = [kind, "null"]
    if found.get("type") == "type_unspecified":
        del found["type"]
    return found


def _schema(value: Any) -> Any:
    return to_json_schema(value) if is_object(value) else value


def _lower(kind: Any) -> Any:
    return kind.lower() if isinstance(kind, str) else kind


def cut(schema: Json) -> Json:
    """Return a JSON Schema as the subset that `parameters` and `responseSchema` take."""
    definitions = {
        f"#/{name}/{key}": one for name in ("$defs", "definitions") for key, one in _of(schema, name).items()
    }
    return _cut(schema, definitions, 0)


def _of(schema: Json, name: str) -> Json:
    value = schema.get(name)
    return value if is_object(value) else {}


def _cut(schema: Any, definitions: Json, depth: int) -> Json:
    if not is_object(schema):
        return {}  # true: any value
    if depth > _DEPTH:
        return {"type": "OBJECT"}
    if (reference := schema.get("$ref")) is not None:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _cut({**_of(definitions, str(reference)), **rest}, definitions, depth + 1)
    schema = _merged(schema)
    found: Json = {key: value for key, value in schema.items() if key in _KEPT and key != "type"}
    found |= _typed(schema)
    for key in ("anyOf", "oneOf"):
        if is_array(choices := schema.get(key)):
            found |= _any_of(choices, definitions, depth)
    if is_object(properties := schema.get("properties")):
        found["properties"] = {name: _cut(one, definitions, depth + 1) for name, one in properties.items()}
        if is_array(required := found.get("required")):
            found["required"] = [name for name in required if name in properties]
    elif "required" in found:
        del found["required"]
    if "items" in schema:
        found["items"] = _cut(schema["items"], definitions, depth + 1)
    elif found.get("type") == "ARRAY":
        found["items"] = {}
    _values(schema, found)
    return found


def _merged(schema: Json) -> Json:
    """Return a schema with the parts of its `allOf` taken in, which the subset does not have."""
    parts = schema.get("allOf")
    if not is_array(parts):
        return schema
    found = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        if is_object(part):
            properties = {**_of(found, "properties"), **_of(part, "properties")}
            found = {**part, **found, **({"properties": properties} if properties else {})}
    return found


def _typed(schema: Json) -> Json:
    kind = schema.get("type")
    if is_array(kind):  # ["string", "null"]
        real = [one for one in kind if one != "null"]
        nullable = {"nullable": True} if len(real) < len(kind) else {}
        if len(real) == 1:
            return {"type": str(real[0]).upper(), **nullable}
        return {"anyOf": [{"type": str(one).upper()} for one in real], **nullable}
    if isinstance(kind, str):
        return {"type": kind.upper()}
    return {"type": "OBJECT"} if is_object(schema.get("properties")) else {}


def _any_of(choices: list[Any], definitions: Json, depth: int) -> Json:
    real = [_cut(one, definitions, depth + 1) for one in choices if not _is_null(one)]
    nullable = {"nullable": True} if len(real) < len(choices) else {}
    return {**real[0], **nullable} if len(real) == 1 else {"anyOf": real, **nullable}


def _is_null(schema: Any) -> bool:
    return is_object(schema) and schema.get("type") == "null"


def _values(schema: Json, found: Json) -> None:
    """Set `enum` and the limits, which the subset has in other forms: enums of strings, limits that are included."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if is_array(values) and values and all(isinstance(one, str) for one in values):
        found |= {"type": "STRING", "enum": values, "format": "enum"}
    elif isinstance(form := found.get("format"), str) and form not in _FORMATS:
        del found["format"]
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = schema.get(exclusive)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.setdefault(limit, value)
