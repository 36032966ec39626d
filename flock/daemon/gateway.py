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
from flock.daemon.forward import SERVER, Reply
from flock.dialects.openai.server import CHAT, COMPLETIONS, read_ask, write_fault, write_model, write_models
from flock.dialects.openai.upstream import read_fault
from flock.errors import (
    EngineRefused,
    FlockError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RequestTooLarge,
    UpstreamError,
)
from flock.policy.keys import Key
from flock.text import size

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
        return [
            ("POST", CHAT, self._generation(CHAT)),
            ("POST", COMPLETIONS, self._generation(COMPLETIONS)),
            ("GET", "/v1/models", self._guarded(self._models)),
            ("GET", "/v1/models/{id:.+}", self._guarded(self._model)),
        ]

    # -- generation

    def _generation(self, path: str) -> Handler:
        endpoint = "chat" if path == CHAT else "completions"

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                key = self._keys.authenticate(secret_of(request))
                record = self._inference.begin(endpoint)
            except FlockError as error:
                return fault(error)
            record.key = key
            reply = Reply(request, record, self._limits)
            try:
                return await self._answered(request, reply, path)
            except (asyncio.CancelledError, ConnectionError):
                # the client left, perhaps between two writes; an error aiohttp would write into the log
                record.outcome = record.outcome or "cancelled"
                record.status = record.status or 499
                raise asyncio.CancelledError from None
            finally:
                self._inference.settle(record)

        return handle

    async def _answered(self, request: web.Request, reply: Reply, path: str) -> web.StreamResponse:
        """Return the answer, or the error that stands for it."""
        try:
            return await self._generate(request, reply, path)
        except FlockError as error:
            return await self._fail(reply, error)
        except asyncio.CancelledError:
            if reply.interrupted is None or (task := asyncio.current_task()) is None:
                raise
            task.uncancel()
            return await self._fail(reply, reply.interrupted)
        except ConnectionError:
            raise
        except Exception:
            log.exception("request %s failed", reply.record.id)
            return await self._fail(reply, InternalError("flock failed on this request", hint="flock logs"))

    async def _generate(self, request: web.Request, reply: Reply, path: str) -> web.StreamResponse:
        raw = await self._body(request)
        record = reply.record
        record.bytes_in = len(raw)
        ask = read_ask(raw, path)

        def progress(words: str) -> None:
            reply.progress = words

        answer = await self._inference.open(record, ask, progress)
        if answer.body is None:
            return await reply.stream(answer)
        if not reply.started:
            return reply.whole(answer)
        # the wait was long enough for headers and a comment: what would have been a status must travel in the stream
        answer.exchange.release()
        words = read_fault(answer.body) or f"{record.engine} answered without a stream"
        raise EngineRefused(words, hint="correct the request") if answer.status >= 400 else UpstreamError(words)

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
            raise InvalidRequest(
                f"the body cannot be read: {error}", hint="check Content-Length and encoding"
            ) from None

    async def _fail(self, reply: Reply, error: FlockError) -> web.StreamResponse:
        record = reply.record
        record.error = error.code
        if reply.started:
            return await reply.fault(error)
        reply.close()
        record.outcome, record.status = "error", error.status
        return fault(error, record)

    # -- models

    def _guarded(self, handler: Callable[[web.Request, Key], web.Response]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return handler(request, self._keys.authenticate(secret_of(request)))
            except FlockError as error:
                return fault(error)

        return handle

    def _rows(self) -> dict[str, tuple[str, int, int | None]]:
        created = int(self._context.started_at)
        return {m: (m, created, places[0].context) for m, places in self._context.registry.table.items()}

    def _models(self, _request: web.Request, _key: Key) -> web.Response:
        return web.json_response(body=write_models(list(self._rows().values())))

    def _model(self, request: web.Request, _key: Key) -> web.Response:
        wanted = request.match_info["id"]
        name, _ = self._inference.resolve(wanted)
        return web.json_response(body=write_model(self._rows()[name]))


def fault(error: FlockError, record: Record | None = None) -> web.Response:
    """Return an error in the dialect's shape with the headers SDKs act on."""
    headers = {"Content-Type": "application/json", "Server": SERVER}
    if record is not None:
        headers["X-Flock-Request-Id"] = record.id
        if record.plan:
            headers["X-Flock-Path"] = record.plan
    if error.status in (401, 403):
        # Claude Code and others retry a 401 with backoff for minutes unless told not to
        headers["x-should-retry"] = "false"
    if error.status == 503:
        headers["Retry-After"] = "2"
    body = write_fault(error, record.id if record is not None else "")
    return web.Response(status=error.status, body=body, headers=headers)


def not_found(request: web.Request, methods: set[str]) -> web.Response:
    """Return the 405 of a path that takes only `methods`, the 404 of one that takes none."""
    if methods:
        allowed = ", ".join(sorted(methods))
        error = MethodNotAllowed(f"{request.path} does not take {request.method}", hint=f"it takes {allowed}")
        response = fault(error)
        response.headers["Allow"] = allowed
        return response
    return fault(NotFound(f"there is nothing at {request.path}", hint="the API begins at /v1: GET /v1/models"))
