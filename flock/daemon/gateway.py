"""The inference routes of both doors, as a table: path, method, who handles it.

Owns what happens around a request: the body limit, the record's beginning and end, and the
dialect's errors. Refuses to move response bytes (forward.py) and to choose (core/inference.py).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from flock.core.context import Context
from flock.daemon import gemini, ollama
from flock.daemon.entrance import FLOCK_KEY
from flock.daemon.faults import FAULTS, fault, ours, server_for
from flock.daemon.forward import Reply
from flock.daemon.headers import SERVER
from flock.daemon.listing import Listing
from flock.dialects.anthropic import server as anthropic
from flock.dialects.ask import Ask
from flock.dialects.half import FaultHalf
from flock.dialects.openai.server import CHAT, COMPLETIONS
from flock.dialects.openai.upstream import read_fault
from flock.dialects.table import SERVERS
from flock.dialects.tasks.table import PATHS, TASKS
from flock.errors import (
    ContextTooLong,
    EngineRefused,
    FlockError,
    InvalidRequest,
    MethodNotAllowed,
    RequestTooLarge,
)
from flock.policy.keys import Key
from flock.text import one_line, size

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# how the request and its body become an Ask. Raises InvalidRequest
Read = Callable[[web.Request, bytes], Ask]
# whose request it is. Raises MissingKey, InvalidKey, TooManyAttempts; at the private door NotAllowed
Authenticate = Callable[[web.Request], Key]
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
    "x-flock-max-cost",
    "x-flock-priority",
    "x-flock-session",
    "x-flock-sort",
    "x-session-affinity",
    "x-session-id",
)
# where clients put a key; with flock's own in FLOCK_KEY, what stands there may be a vendor's, of the client's own
_KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")


class Gateway:
    """The handlers; one object so that they share the context."""

    def __init__(self, context: Context, authenticate: Authenticate) -> None:
        self.context = context
        self.authenticate = authenticate
        self._inference = context.inference
        self._limit = context.config.max_body_bytes
        self._limits = context.config.gateway

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Return (method, path, handler) of every inference route."""
        listing = Listing(self.context)
        return [
            *(("POST", path, self._generation(path, *of)) for path, of in _GENERATION.items()),
            ("POST", COUNT_TOKENS, self.count_tokens(anthropic, _count_ask, _counted)),
            ("GET", RESPONSES, _no_websocket),
            *self._tasks(),
            *gemini.routes(self),
            *ollama.routes(self),
            *_looks("/v1beta/models", self.guarded(listing.google)),
            *_looks("/v1/models", self.guarded(listing.all)),
            *(row for at in ("/v1beta", "/v1") for row in _looks(f"{at}/models/{{id:.+}}", self.guarded(listing.one))),
            # tools look whether somebody is there before they have a key to show
            *_looks("/", _here),
            *_looks("/api/hello", _here),
        ]

    def _generation(self, path: str, dialect: str, endpoint: str) -> Handler:
        server = SERVERS[dialect]
        return self.handler(endpoint, server, lambda _, raw: server.read_ask(raw, path))

    def _tasks(self) -> list[tuple[str, str, Handler]]:
        """Return the routes of what is asked for beside conversations; those with a model in the path are Gemini's."""
        return [
            ("POST", path, self.task(name, FAULTS[dialect], path))
            for path, (dialect, name) in PATHS.items()
            if "{model}" not in path
        ]

    def task(self, name: str, server: FaultHalf, path: str = "") -> Handler:
        """Return the handler of a task; without a path the request's own is read."""

        def read(request: web.Request, raw: bytes) -> Ask:
            return TASKS[name].read_ask(raw, path or request.path, request.headers.get("Content-Type", ""))

        return self.handler(name, server, read)

    # -- requests

    def handler(self, endpoint: str, server: FaultHalf, read: Read) -> Handler:
        """Return the handler of what an upstream answers: authenticate, open a record, forward, settle.

        `read` makes the Ask of a request and its body; `endpoint` is the record's word for it.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                key = self.authenticate(request)
                record = self._inference.begin(endpoint)
            except FlockError as error:
                return fault(error, server=server)
            record.key = key
            reply = Reply(request, record, self._limits, server)
            try:
                return await self._answered(request, reply, read, server)
            except (asyncio.CancelledError, ConnectionError):
                # the client left, perhaps between two writes; an error aiohttp would write into the log
                record.outcome = record.outcome or "cancelled"
                record.status = record.status or 499
                raise asyncio.CancelledError from None
            finally:
                record.outcome = record.outcome or "error"
                self._inference.settle(record)

        return handle

    async def _answered(self, request: web.Request, reply: Reply, read: Read, server: FaultHalf) -> web.StreamResponse:
        """Return the answer, or the error that stands for it."""
        try:
            return await self._generate(request, reply, read)
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
            return await self._fail(reply, ours(), server)

    async def _generate(self, request: web.Request, reply: Reply, read: Read) -> web.StreamResponse:
        raw = await self.body(request)
        record = reply.record
        record.bytes_in = len(raw)
        ask = read(request, raw)
        ask.headers = _kept(request)
        if request.headers.get(FLOCK_KEY):
            ask.credentials = {name: request.headers[name] for name in _KEY_HEADERS if name in request.headers}

        answer = await self._inference.open(record, ask)
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

    def count_tokens(self, server: FaultHalf, read: Read, write: Callable[[int], bytes]) -> Handler:
        """Return the handler that counts a prompt's tokens: no request of its own, so nothing is reserved, recorded or
        queued for it.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                key = self.authenticate(request)
                ask = read(request, await self.body(request))
                ask.headers = _kept(request)
                counted = await self._inference.count(ask, key)
            except FlockError as error:
                return fault(error, server=server)
            except ConnectionError:
                raise
            except Exception:
                log.exception("tokens could not be counted")
                return fault(ours(), server=server)
            headers = {"Server": SERVER, "X-Flock-Counted-By": counted.how, "Content-Type": "application/json"}
            return web.Response(body=write(counted.tokens), headers=headers)

        return handle

    async def body(self, request: web.Request) -> bytes:
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

    async def _fail(self, reply: Reply, error: FlockError, server: FaultHalf) -> web.StreamResponse:
        record = reply.record
        record.error = error.code
        # Codex says that it ran out of room only when a stream tells it so; of a status it shows no more than the words
        if reply.started or (isinstance(error, ContextTooLong) and record.stream and record.endpoint == "responses"):
            return await reply.fault(error)
        reply.close()
        record.outcome, record.status = "error", error.status
        return fault(error, record, server)

    # -- models

    def guarded(self, handler: Callable[[web.Request, Key], web.Response], server: FaultHalf | None = None) -> Handler:
        """Return the handler of a look at what is here; errors are spelled by `server`, else by who seems to ask."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return handler(request, self.authenticate(request))
            except FlockError as error:
                return fault(error, server=server or server_for(request))

        return handle


def _looks(path: str, handler: Handler) -> list[tuple[str, str, Handler]]:
    """Return the routes of a path that is only looked at: some clients ask for the head alone, whether it is there."""
    return [("GET", path, handler), ("HEAD", path, handler)]


def _count_ask(_request: web.Request, raw: bytes) -> Ask:
    return anthropic.read_ask(raw, COUNT_TOKENS)


def _counted(tokens: int) -> bytes:
    return orjson.dumps({"input_tokens": tokens})


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
