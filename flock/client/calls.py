"""What an operation looks like as an HTTP call, and what an answer means.

Owns the way from an operation to method, path and body, and from status and bytes to the answer or the error that the
daemon raised. Refuses any I/O. Called by `blocking.py` and by every other client of the admin API.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flock.contract import codec
from flock.contract.op import Op
from flock.errors import FlockError, InternalError, InvalidRequest, from_plain
from flock.text import one_line

Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request: `path` is percent-encoded and carries the query; `body` is JSON text or None."""

    method: str
    path: str
    body: bytes | None


def encode(op: Op[Any]) -> Call:
    """Return the HTTP call of an operation that has a route.

    Fields named in the path are percent-encoded whole, since a model's id may hold "/" and ":". Of the others GET and
    DELETE send those that differ from their default as a query, PATCH sends them as one JSON object, POST and PUT all.
    Raises ValueError for an operation without a route.
    """
    spec = op.spec
    if not spec.method:
        raise ValueError(f"{spec.name} has no route: it runs in the command itself")
    path, rest = spec.path, dict[str, Any]()
    for item in dataclasses.fields(op):  # pyright: ignore[reportArgumentType]
        value = getattr(op, item.name)
        mark = "{" + item.name + "}"
        if mark in spec.path:
            path = path.replace(mark, quote(str(codec.to_plain(value)), safe=""))
        elif spec.method in ("POST", "PUT") or value != item.default:
            rest[item.name] = value
    if spec.method in ("POST", "PUT", "PATCH"):
        return Call(spec.method, path, codec.dumps(rest))
    query = urlencode({name: _words(value) for name, value in rest.items()}, doseq=True)
    return Call(spec.method, f"{path}?{query}" if query else path, None)


def _words(value: Any) -> Any:
    plain = codec.to_plain(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return plain


def decode(op: Op[Out], status: int, body: bytes) -> Out:
    """Return the answer to an operation.

    Raises the FlockError the daemon raised, rebuilt from its JSON; InternalError saying what came when it is neither
    an answer nor an error of flock.
    """
    if 200 <= status < 300:
        try:
            return codec.loads(type(op).out(), body, "answer")
        except InvalidRequest as error:
            raise InternalError(
                f"the daemon's answer to {op.spec.name} cannot be read: {error.sentence}; it sent {_excerpt(body)}",
                hint="flock up",
                details={"status": status},
            ) from None
    raise _error(op, status, body)


def _error(op: Op[Any], status: int, body: bytes) -> FlockError:
    try:
        plain = json.loads(body)
        return from_plain(plain["error"])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return InternalError(
            f"the daemon answered {op.spec.name} with status {status} and {_excerpt(body)}",
            hint="flock doctor",
            details={"status": status},
        )


def _excerpt(body: bytes) -> str:
    words = one_line(body[:400].decode("utf-8", "replace"), 120)
    return f"“{words}”" if words else "nothing"
