"""One spelling for the names of fields: clients send snake_case and camelCase, mixed and at every depth.

Owns which values are data, whose names are left alone: arguments, results, JSON schemas, the properties of a schema.
Refuses to change names it does not know. Pure; called by `server.py` and `counting.py` before anything is read.
"""

import re
from typing import Any

from flock.dialects.gemini.words import CAMEL
from flock.plain import is_array, is_object

# values whose names are the client's own
_DATA = frozenset({"args", "labels", "partMetadata", "parametersJsonSchema", "responseJsonSchema"})
# names that lead to names: schemas by the property they describe
_NAMED = frozenset({"properties", "defs", "$defs", "patternProperties"})
# values of a schema that are values of the answer
_VALUES = frozenset({"default", "example", "enum", "const"})
_DEPTH = 200
_SNAKE = re.compile(rb'"[a-z]+_[a-z_]+"\s*:')


def camel(body: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """Return a body with the fields' names in camelCase: the same object where `raw`, its text, has nothing else."""
    return _object(body) if _SNAKE.search(raw) else body


def _object(node: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = CAMEL.get(key, key)
        if name in found and key != name:  # both spellings: the one that is the dialect's own counts
            continue
        found[name] = _value(name, value, depth, within=node)
    return found


def _value(name: str, value: Any, depth: int, within: dict[str, Any]) -> Any:
    if depth > _DEPTH or name in _DATA or (name in _VALUES and "type" in within):
        return value
    if name == "response" and "name" in within and "description" not in within and "parameters" not in within:
        return value  # a function's result; a declaration's `response` is a schema
    if name in _NAMED and is_object(value):
        return {key: _walk(inner, depth + 1) for key, inner in value.items()}
    return _walk(value, depth + 1)


def _walk(value: Any, depth: int) -> Any:
    if is_object(value):
        return _object(value, depth)
    return [_walk(item, depth + 1) for item in value] if is_array(value) else value
