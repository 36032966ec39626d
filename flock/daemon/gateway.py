"""The inference routes of the public door, as a table: path, method, who handles it.

Owns what happens around a request: where the key may stand, the body limit, the record's beginning and end, and the
dialect's errors. Refuses to move response bytes (forward.py) and to choose (core/inference.py).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from flock.core.context import Context
from flock.core.record import Record
from flock.daemon.forward import Reply
from flock.daemon.headers import SERVER, plain
from flock.daemon.listing import Listing
from flock.dialects.anthropic import server as anthropic
from flock.dialects.half import ServerHalf
from flock.dialects.openai.server import CHAT, COMPLETIONS
from flock.dialects.openai.upstream import read_fault
from flock.dialects.table import SERVERS
from flock.errors import (
    ContextTooLong,
    EngineRefused,
    FlockError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RequestTooLarge,
)
from flock.text import one_line, size

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MESSAGES, COUNT_TOKENS, RESPONSES = "/v1/messages", "/v1/messages/count_tokens", "/v1/responses"
# path → (the dialect spoken there, the record's word for it)
_GENERATION = {
    CHAT: ("openai", "chat"),
    COMPLETIONS: ("openai", "completions"),
    MESSAGES: ("anthropic", "messages"),
    RESPONSES: ("responses", "responses"),
}
# what of a client's headers a dialect or the recognition of a client and its session needs
_KEPT = (
    "anthropic-beta",
    "anthropic-version",
    "session-id",
    "user-agent",
    "x-claude-code-session-id",
    "x-flock-session",
    "x-session-affinity",
    "x-session-id",
)


def secret_of(request: web.Request) -> str | None:
    """Return the API key of a request from any place clients put it, None where there is none.

    Bearer, `x-api-key`, `x-goog-api-key`, `api-key`, `?key=`: tools of every dialect must reach every route.
    """
    headers = request.headers
    authorization = headers.get("Authorization")
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        return rest.strip() if scheme.lower() == "bearer" else authorization.strip()
    for name in ("x-api-key", "x-goog-api-key", "api-key"):
        if value := headers.get(name):
            return value.strip()
    if request.query_string:
        return request.query.get("key")
    return None


class Gateway:
    """The handlers; one object so that they share the context."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._inference = context.inference
        self._keys = context.keys
        self._limit = context.config.max_body_bytes
        self._limits = context.config.gateway

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return (method, path, handler) of every inference route."""
        listing = Listing(self._context)
        return [
            *(("POST", path, self._generation(path, *of)) for path, of in _GENERATION.items()),
            ("POST", COUNT_TOKENS, self._count_tokens),
            ("GET", RESPONSES, _no_websocket),
            ("GET", "/v1/models", self._guarded(listing.all)),
            ("GET", "/v1/models/{id:.+}", self._guarded(listing.one)),
            # tools look whether somebody is there before they have a key to show
            *((method, path, _here) for path in ("/", "/api/hello") for method in ("GET", "HEAD")),
        ]

    # -- generation

    def _generation(self, path: str, dialect: str, endpoint: str) -> Handler:
        server = SERVERS[dialect]

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                key = self._keys.authenticate(secret_of(request))
                record = self._inference.begin(endpoint)
            except FlockError as error:
                return fault(error, server=server)
            record.key = key
            reply = Reply(request, record, self._limits, server)
            try:
                return await self._answered(request, reply, path, server)
            except (asyncio.CancelledError, ConnectionError):
                # the client left, perhaps between two writes; an error aiohttp would write into the log
                record.outcome = record.outcome or "cancelled"
                record.status = record.status or 499
                raise asyncio.CancelledError from None
            finally:
                record.outcome = record.outcome or "error"
                self._inference.settle(record)

        return handle

    async def _answered(self, request: web.Request, reply: Reply, path: str, server: ServerHalf) -> web.StreamResponse:
        """Return the answer, or the error that stands for it."""
        try:
            return await self._generate(request, reply, path, server)
        except FlockError as error:
            return await self._fail(reply, error, server)
        except asyncio.CancelledError:
            if reply.interrupted is None or (task := asyncio.current_task()) is None:
                raise
            task.uncancel()
            return await self._fail(reply, reply.interrupted, server)
        except ConnectionError:
            raise
        except Exception:
            log.exception("request %s failed", reply.record.id)
            return await self._fail(reply, _ours(), server)

    async def _generate(self, request: web.Request, reply: Reply, path: str, server: ServerHalf) -> web.StreamResponse:
        raw = await self._body(request)
        record = reply.record
        record.bytes_in = len(raw)
        ask = server.read_ask(raw, path)
        ask.headers = _kept(request)

        def progress(words: str) -> None:
            reply.progress = words

        answer = await self._inference.open(record, ask, progress)
        if answer.body is None:
            return await reply.stream(answer)
        if not reply.started:
            return reply.whole(answer)
        # the wait was long enough for headers and a comment: what would have been a status must travel in the stream
        answer.release()
        if answer.status >= 400:
            words = read_fault(answer.body) or f"status {answer.status}"
            raise EngineRefused(f"{record.engine} refuses the request: {words}", hint="correct the request")
        return await reply.rest(answer.body)

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        """Count a prompt's tokens: no request of its own, so nothing is reserved, recorded or queued for it."""
        try:
            self._keys.authenticate(secret_of(request))
            ask = anthropic.read_ask(await self._body(request), COUNT_TOKENS)
            ask.headers = _kept(request)
            counted = await self._inference.count(ask)
        except FlockError as error:
            return fault(error, server=anthropic)
        except ConnectionError:
            raise
        except Exception:
            log.exception("tokens could not be counted")
            return fault(_ours(), server=anthropic)
        headers = {"Server": SERVER, "X-Flock-Counted-By": counted.how}
        return web.json_response({"input_tokens": counted.tokens}, headers=headers)

    async def _body(self, request: web.Request) -> bytes:
        """Read the body within the limit. Raises RequestTooLarge, at once where the length is announced."""
        announced = request.content_length
        content = request.content
        try:
            if announced is not None and announced > self._limit:
                raise web.HTTPRequestEntityTooLarge(self._limit, announced)
            if content.total_bytes == announced and content.is_eof():
                return content.read_nowait(-1)  # all of it came with the headers: no need to wait for the next turn
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise RequestTooLarge(
                f"the body is larger than {size(self._limit)}" + (f" ({size(announced)})" if announced else ""),
                hint="raise the limit: flock config set max_body_bytes 64MiB",
            ) from None
        except web.RequestPayloadError as error:
            said = str(error)  # "400, message:\n  Can not decode content-encoding: gzip"
            why = one_line(said.partition("message:")[2] or said)
            raise InvalidRequest(f"the body cannot be read: {why}", hint="check Content-Length and encoding") from None

    async def _fail(self, reply: Reply, error: FlockError, server: ServerHalf) -> web.StreamResponse:
        record = reply.record
        record.error = error.code
        # Codex says that it ran out of room only when a stream tells it so; of a status it shows no more than the words
        if reply.started or (isinstance(error, ContextTooLong) and record.stream and record.endpoint == "responses"):
            return await reply.fault(error)
        reply.close()
        record.outcome, record.status = "error", error.status
        return fault(error, record, server)

    # -- models

    def _guarded(self, handler: Callable[[web.Request], web.Response]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                self._keys.authenticate(secret_of(request))
                return handler(request)
            except FlockError as error:
                return fault(error, server=_server_for(request))

        return handle


def _ours() -> InternalError:
    """Return what a client is told of a failure that only the log explains."""
    return InternalError("flock failed on this request", hint="flock logs")


def _server_for(request: web.Request) -> ServerHalf:
    """Return the dialect of a request to a path that belongs to none."""
    return SERVERS["anthropic" if "anthropic-version" in request.headers else "openai"]


def _kept(request: web.Request) -> dict[str, str]:
    headers = request.headers
    return {name: headers[name] for name in _KEPT if name in headers}


async def _here(_request: web.Request) -> web.Response:
    return web.json_response({"name": "flock", "status": "ok"}, headers={"Server": SERVER})


async def _no_websocket(_request: web.Request) -> web.Response:
    """Refuse a WebSocket at once and for good: Codex then falls back to POST."""
    error = MethodNotAllowed(
        "responses are served over POST, not over a WebSocket", hint="supports_websockets = false in Codex's provider"
    )
    response = fault(error)
    response.headers["Allow"] = "POST"
    return response


def fault(error: FlockError, record: Record | None = None, server: ServerHalf = SERVERS["openai"]) -> web.Response:
    """Return an error in the dialect's shape with the headers SDKs act on."""
    headers = {"Content-Type": "application/json", "Server": SERVER}
    if record is not None:
        headers["X-Flock-Request-Id"] = record.id
        if record.plan:
            headers["X-Flock-Path"] = record.plan
        if record.lost:
            headers["X-Flock-Lost"] = plain(", ".join(record.lost))
    if error.status in (401, 403):
        # Claude Code and others retry a 401 with backoff for minutes unless told not to
        headers["x-should-retry"] = "false"
    wait = error.details.get("retry_after", 2 if error.status == 503 else None)
    if wait is not None:
        headers["Retry-After"] = str(wait)
    body = server.write_fault(error, record.id if record is not None else "")
    status = anthropic.http_status(error) if server is SERVERS["anthropic"] else error.status
    return web.Response(status=status, body=body, headers=headers)


def not_found(request: web.Request, methods: set[str]) -> web.Response:
    """Return the 405 of a path that takes only `methods`, the 404 of one that takes none."""
    if methods:
        allowed = ", ".join(sorted(methods))
        error = MethodNotAllowed(f"{request.path} does not take {request.method}", hint=f"it takes {allowed}")
        response = fault(error)
        response.headers["Allow"] = allowed
        return response
    error = NotFound(f"there is nothing at {request.path}", hint="the API begins at /v1: GET /v1/models")
    return fault(error, server=_server_for(request))
