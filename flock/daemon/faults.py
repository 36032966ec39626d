"""Errors at the public door: each in the dialect of who asked, with the headers that SDKs act on.

Owns which dialect a path belongs to when nothing else tells. Refuses to decide what an error is. Called by
daemon/gateway.py and the modules of its routes, and by daemon/app.py for paths that nothing takes.
"""

from collections.abc import Mapping

from aiohttp import web

from flock.core.record import Record
from flock.daemon.headers import SERVER, cost_headers, plain, queue_headers
from flock.daemon.limits import limit_headers, retry_headers
from flock.dialects.half import FaultHalf
from flock.dialects.listing import shape_of
from flock.dialects.table import SERVERS
from flock.dialects.tasks import cohere
from flock.dialects.tasks.table import PATHS
from flock.errors import FlockError, InternalError, MethodNotAllowed, NotFound

# every dialect in which errors are spelled: those of conversations, and those of tasks alone
FAULTS: Mapping[str, FaultHalf] = {**SERVERS, "cohere": cohere}


def ours() -> InternalError:
    """Return what a client is told of a failure that only the log explains."""
    return InternalError("flock failed on this request", hint="flock logs")


def server_for(request: web.Request) -> FaultHalf:
    """Return the dialect of a request that no handler has taken: by the path, else by who seems to ask."""
    path = request.path
    if path in PATHS:
        dialect = PATHS[path][0]
    elif path.startswith("/v1beta"):
        dialect = "gemini"
    elif path.startswith(("/api/", "/v1/api/")):
        dialect = "ollama"
    elif path.startswith("/v1/messages"):
        dialect = "anthropic"
    else:
        dialect = {"anthropic": "anthropic", "google": "gemini"}.get(shape_of(request.headers), "openai")
    return FAULTS[dialect]


def fault(error: FlockError, record: Record | None = None, server: FaultHalf = SERVERS["openai"]) -> web.Response:
    """Return an error in the dialect's shape with the headers SDKs act on."""
    headers = {"Content-Type": "application/json", "Server": SERVER}
    # how often an engine or a vendor was asked: after none, to send it again is to send it once
    headers["X-Flock-Attempts"] = str(len(record.tries)) if record is not None else "0"
    if record is not None:
        headers["X-Flock-Request-Id"] = record.id
        if record.plan:
            headers["X-Flock-Path"] = record.plan
        if record.lost:
            headers["X-Flock-Lost"] = plain(", ".join(record.lost))
        headers |= limit_headers(record) | cost_headers(record) | queue_headers(record)
    if error.status in (401, 403):
        # Claude Code and others retry a 401 with backoff for minutes unless told not to
        headers["x-should-retry"] = "false"
    headers |= retry_headers(error)
    body = server.write_fault(error, record.id if record is not None else "")
    return web.Response(status=server.http_status(error), body=body, headers=headers)


def not_found(request: web.Request, methods: set[str]) -> web.Response:
    """Return the 405 of a path that takes only `methods`, the 404 of one that takes none."""
    if methods:
        allowed = ", ".join(sorted(methods))
        error = MethodNotAllowed(f"{request.path} does not take {request.method}", hint=f"it takes {allowed}")
        response = fault(error, server=server_for(request))
        response.headers["Allow"] = allowed
        return response
    error = NotFound(f"there is nothing at {request.path}", hint="the API begins at /v1: GET /v1/models")
    return fault(error, server=server_for(request))
