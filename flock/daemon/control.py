"""The admin routes of both doors, all of them from the operations table.

Owns how an operation comes out of a request and how its answer or error goes back. There is no admin route that is
not an operation (tests/house/test_operations.py). Called by daemon/app.py.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from flock import __version__
from flock.contract import codec
from flock.contract.events import FollowEvents
from flock.contract.op import OPERATIONS, Op, ensure_declared, hints
from flock.core import (
    accounts,
    adding,
    audit,
    backups,
    catalog,
    configuring,
    daemon,
    engine_install,
    engines,
    events,
    files,
    hardware,
    history,
    hub,
    inviting,
    limits,
    loading,
    me,
    models,
    presets,
    prices,
    queue,
    savings,
    scanning,
    secrets,
    tokens,
    top,
    usage,
    validating,
    vendors,
)
from flock.core.context import Actor, Context
from flock.core.operations import perform
from flock.daemon.events import feed
from flock.errors import FlockError, InternalError, InvalidRequest, RequestTooLarge
from flock.plain import is_object

log = logging.getLogger(__name__)

# importing a noun of core registers its handlers
HANDLED = (
    accounts,
    adding,
    audit,
    backups,
    catalog,
    configuring,
    daemon,
    engine_install,
    engines,
    events,
    files,
    hardware,
    history,
    hub,
    inviting,
    limits,
    loading,
    me,
    models,
    presets,
    prices,
    queue,
    savings,
    scanning,
    secrets,
    tokens,
    top,
    usage,
    validating,
    vendors,
)

# An admin body is a handful of fields; nobody needs more.
BODY_BYTES = 1_000_000

Authenticate = Callable[[web.Request], Actor]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes() -> list[tuple[str, str, type[Op[Any]]]]:
    """Return (method, aiohttp path, operation) of every admin route; a last `{id}` may hold slashes."""
    found: list[tuple[str, str, type[Op[Any]]]] = []
    for op in ensure_declared().values():
        if op.spec.path:
            path = op.spec.path
            if path.endswith("}"):
                path = path[:-1] + ":.+}"
            found.append((op.spec.method, path, op))
    # a longer path first: /requests/{id}/explanation before /requests/{id:.+}
    return sorted(found, key=lambda r: (-r[1].count("/"), r[1]))


def handler(context: Context, kind: type[Op[Any]], authenticate: Authenticate) -> Handler:
    """Return the aiohttp handler of one operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            actor = authenticate(request)
            op = await read_op(kind, request)
            if isinstance(op, FollowEvents) and not op.once:
                return await feed(context, op, actor, request)
            # an answer knows of every event that was told before it was begun: so much a reader may hold it to
            known = context.bus.last
            response = answer(200, codec.dumps(await perform(context, op, actor)))
            response.headers["X-Flock-Event"] = str(known)
            return response
        except FlockError as error:
            return refusal(error)
        except Exception:
            log.exception("%s failed", kind.spec.name)
            return refusal(InternalError(f"flock failed on {kind.spec.name}", hint="flock logs"))

    return handle


async def read_op(kind: type[Op[Any]], request: web.Request) -> Op[Any]:
    """Build the operation from path, query and body. Raises InvalidRequest naming what is wrong."""
    types = hints(kind)
    values: dict[str, Any] = {k: codec.from_text(types[k], v, k) for k, v in request.match_info.items()}
    if kind.spec.method in ("GET", "DELETE"):
        known = {f.name for f in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
        for name in known.intersection(request.query):
            values[name] = codec.from_query(types[name], request.query.getall(name), name)
        return codec.from_plain(kind, values)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        body = None
    if body is None or len(body) > BODY_BYTES:  # the public door lets larger ones in, for inference
        raise RequestTooLarge("the body of an admin call is at most 1 MB", hint="send less")
    plain: Any = codec.loads(Any, body) if body else {}
    if not is_object(plain):
        raise InvalidRequest("the body must be a JSON object", hint='send {"name": "…"}')
    return codec.from_plain(kind, {**plain, **values})


def answer(status: int, body: bytes) -> web.Response:
    """Return a JSON response that says which version answers."""
    return web.Response(
        status=status, body=body, headers={"Content-Type": "application/json", "X-Flock-Version": __version__}
    )


def refusal(error: FlockError) -> web.Response:
    """Return an error in the shape the client rebuilds the class from."""
    response = answer(error.status, codec.dumps({"error": error.to_plain()}))
    if error.status == 401:
        response.headers["x-should-retry"] = "false"
    return response


__all__ = ["HANDLED", "OPERATIONS", "answer", "handler", "read_op", "refusal", "routes"]
