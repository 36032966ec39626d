"""The admin API as an OpenAPI document, from the table of operations and nothing else.

Owns how a declaration is spelled as JSON Schema (OpenAPI 3.1, whose schemas are JSON Schema 2020-12). Refuses to know
handlers and doors. Called by tools/docs.py for docs/openapi.json, and by the daemon, which serves the same bytes at
/openapi.json.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_origin

from flock import __version__
from flock.contract.events import FollowEvents
from flock.contract.op import Op, Scope, ensure_declared, hints, is_optional

Json = dict[str, Any]

_SCALARS: Mapping[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
}
# the statuses errors of an operation may have are those of flock/errors.py; each has the same shape
_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "details": {"type": "object"},
            },
        }
    },
}


def document() -> Json:
    """Return the document: every operation that has a route, by path and method."""
    schemas: Json = {"Error": _ERROR}
    paths: Json = {}
    for op in ensure_declared().values():
        if op.spec.path:
            paths.setdefault(op.spec.path, {})[op.spec.method.lower()] = _operation(op, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "flock's admin API",
            "version": __version__,
            "description": "What the command line does, over HTTP. Behind the public door each call needs a key of its "
            "operation's scope; behind the Unix socket none.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _operation(op: type[Op[Any]], schemas: Json) -> Json:
    spec = op.spec
    words = (op.__doc__ or "").strip()
    found: Json = {
        "operationId": spec.name,
        "tags": [spec.name.partition(".")[0]],
        "summary": words.partition("\n")[0],
        "description": f"{words}\n\nOn the command line: `flock {' '.join(spec.verb)}`. "
        + ("Any key may." if spec.scope is Scope.USER else f"Needs the scope {spec.scope.value}."),
        "responses": _responses(op, schemas),
    }
    inside = [f for f in dataclasses.fields(op) if "{" + f.name + "}" in spec.path]  # pyright: ignore[reportArgumentType]
    others = [f for f in dataclasses.fields(op) if f not in inside]  # pyright: ignore[reportArgumentType]
    types_of = hints(op)
    parameters = [_parameter(f, types_of[f.name], "path", schemas) for f in inside]
    if spec.method in ("GET", "DELETE"):
        parameters += [_parameter(f, types_of[f.name], "query", schemas) for f in others]
    elif others:
        required = any(f.default is dataclasses.MISSING for f in others)
        found["requestBody"] = {
            "required": required,
            "content": {"application/json": {"schema": _fields(others, types_of, schemas)}},
        }
    if parameters:
        found["parameters"] = parameters
    return found


def _responses(op: type[Op[Any]], schemas: Json) -> Json:
    good: Json
    if op is FollowEvents:
        good = {"description": "events, for as long as the client stays", "content": {"text/event-stream": {}}}
    else:
        body = {"application/json": {"schema": schema(op.out(), schemas)}}
        good = {"description": "done", "content": body}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"200": good, "default": {"description": "an error (docs/errors.md)", "content": error}}


def _parameter(item: "dataclasses.Field[Any]", hint: Any, place: str, schemas: Json) -> Json:
    found: Json = {"name": item.name, "in": place, "required": place == "path" or item.default is dataclasses.MISSING}
    # in a URL a null cannot be said: leaving it out says it
    inner = next(k for k in get_args(hint) if k is not type(None)) if is_optional(hint) else hint
    found["schema"] = schema(inner, schemas) | _default(item)
    if get_origin(inner) is tuple:
        found |= {"style": "form", "explode": True}
    if item.metadata.get("help"):
        found["description"] = item.metadata["help"]
    return found


def _fields(items: "list[dataclasses.Field[Any]]", types_of: Mapping[str, Any], schemas: Json) -> Json:
    properties: Json = {}
    for item in items:
        said = schema(types_of[item.name], schemas) | _default(item)
        if item.metadata.get("help"):
            said["description"] = item.metadata["help"]
        properties[item.name] = said
    required = [f.name for f in items if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _default(item: "dataclasses.Field[Any]") -> Json:
    value = item.default
    if value is dataclasses.MISSING or value is None:
        return {}
    return {"default": list(typing.cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value}


def schema(hint: Any, schemas: Json) -> Json:
    """Return the JSON Schema of a type of the contract; dataclasses go into `schemas` and are referred to."""
    if get_origin(hint) in (types.UnionType, typing.Union):
        kinds = [schema(k, schemas) for k in get_args(hint) if k is not type(None)]
        return {"anyOf": [*kinds, {"type": "null"}]} if is_optional(hint) else {"anyOf": kinds}
    if get_origin(hint) in (list, tuple):
        return {"type": "array", "items": schema(get_args(hint)[0], schemas)}
    if get_origin(hint) is dict or hint is dict:
        return {"type": "object"}
    if dataclasses.is_dataclass(hint):
        name = typing.cast("type", hint).__name__
        if name not in schemas:
            schemas[name] = {}  # a shape may hold itself
            made = _fields(list(dataclasses.fields(hint)), hints(typing.cast("type", hint)), schemas)
            # an answer always has all of its fields
            schemas[name] = made | {"required": [f.name for f in dataclasses.fields(hint)]}
        return {"$ref": f"#/components/schemas/{name}"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": [kind.value for kind in hint]}
    return dict(_SCALARS[hint])
