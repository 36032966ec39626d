"""The two doors as aiohttp applications: which paths stand behind which, and who is let in.

The public door (TCP) takes API keys; the private door (Unix socket) takes the peer's user id, for whom requests of
inference are on record too. Owns health and metrics routes. Called by daemon/serve.py.
"""

import functools
import os
import socket
import struct
import sys

from aiohttp import web

from flock import __version__
from flock.contract import codec, openapi
from flock.contract.op import Scope
from flock.contract.tokens import ShowMe
from flock.core.context import Actor, Context
from flock.daemon import control, cors, faults, gateway
from flock.daemon.entrance import Entrance, secret_of
from flock.daemon.headers import SERVER
from flock.errors import FlockError, NotAllowed
from flock.paths import system_socket, user_name
from flock.policy.attempts import Attempts
from flock.policy.keys import Key

# Codex sends a kilobyte of metadata in one header, proxies add theirs; aiohttp's default is 8190.
HEADER_BYTES = 32 * 1024


def public(context: Context) -> web.Application:
    """Return the application behind the TCP port."""
    app = web.Application(client_max_size=context.config.max_body_bytes)
    if context.config.gateway.cors_origins:
        app.middlewares.append(cors.allow(context.config.gateway.cors_origins))
        app.on_response_prepare.append(cors.grant)
    entrance = _entrance(context)
    _health(app, context, entrance)
    _inference(app, context, entrance.key_of)
    _admin(app, context, lambda request: _key_actor(entrance, request))
    _elsewhere(app)
    return app


def private(context: Context) -> web.Application:
    """Return the application behind the Unix socket: all of the public door's routes, for its user and with no key."""
    app = web.Application(client_max_size=context.config.max_body_bytes)
    _health(app, context)
    _inference(app, context, lambda request: key_of_peer(_peer(request)))
    _admin(app, context, lambda request: _peer_actor(context, request))
    _elsewhere(app)
    return app


def _elsewhere(app: web.Application) -> None:
    """Answer whatever no route takes, in our own words: the last route, which takes everything."""
    before = list(app.router.resources())

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        methods: set[str] = set()
        for resource in before:
            methods |= (await resource.resolve(request))[1]
        return faults.not_found(request, methods)

    app.router.add_route("*", "/{tail:.*}", elsewhere)


def _inference(app: web.Application, context: Context, authenticate: gateway.Authenticate) -> None:
    for method, path, handle in gateway.Gateway(context, authenticate).routes():
        app.router.add_route(method, path, handle)


def _admin(app: web.Application, context: Context, authenticate: control.Authenticate) -> None:
    for method, path, op in control.routes():
        app.router.add_route(method, path, control.handler(context, op, authenticate))


def _entrance(context: Context) -> Entrance:
    """Return what lets requests in at the public door; who shows too many wrong keys goes on record."""
    attempts = Attempts(context.clock, context.config.auth.bad_keys_per_minute)

    def note(address: str, outcome: str) -> None:
        context.store.writer.audit("unknown", "key.wrong", address, outcome, {})

    return Entrance(context.keys, attempts, note, trust_proxy=context.config.trust_proxy_headers)


def _key_actor(entrance: Entrance, request: web.Request) -> Actor:
    key = entrance.key_of(request)
    return Actor(key.name, key.scope, key)


def _peer_actor(context: Context, request: web.Request) -> Actor:
    """Return the local user behind a connection to the socket; `flock me` sends the key along that it is about, which
    gives no rights here and takes none. Raises NotAllowed.
    """
    uid = _peer(request)
    about = secret_of(request) if request.path == ShowMe.spec.path else None
    return Actor(user_name(uid), Scope.ADMIN, context.keys.authenticate(about) if about else None)


@functools.cache
def key_of_peer(uid: int) -> Key:
    """Return what the inference requests of a local user run as: an admin's key without an id, which no stored key is
    and which has no limits; its name is the user's, whatever a request says of itself.

    Kept by user: the name is in a file, and no request is to wait for one.
    """
    return Key(id="", name=user_name(uid), scope=Scope.ADMIN, digest=b"", vendors=("*",))


def _peer(request: web.Request) -> int:
    """Return the user id behind a connection to the socket.

    Raises NotAllowed for another user, and for a browser: a page must not reach the socket through any relay.
    """
    if "Origin" in request.headers or "Referer" in request.headers:
        raise NotAllowed("the private door is not for browsers", hint="use the public URL with an API key")
    uid = peer_uid(request)
    if uid not in (os.getuid(), 0) and not _is_shared(request):
        raise NotAllowed(
            f"this flock belongs to {user_name()}, and you are {user_name(uid)}", hint=f"run it as {user_name()}"
        )
    return uid


def _is_shared(request: web.Request) -> bool:
    """Say whether a connection came through the door of the machine's service, which its group may open: the kernel
    asks for the right to write to the socket (unix(7)).
    """
    transport, shared = request.transport, system_socket()
    return transport is not None and shared is not None and transport.get_extra_info("sockname") == str(shared)


def peer_uid(request: web.Request) -> int:
    """Return the user id at the other end of a Unix socket (SO_PEERCRED; LOCAL_PEERCRED on macOS)."""
    transport = request.transport
    if transport is None:
        raise NotAllowed("the connection has closed", hint="try again")
    peer: socket.socket = transport.get_extra_info("socket")
    if sys.platform == "darwin":
        # struct xucred: u_int cr_version; uid_t cr_uid; … (sys/ucred.h); SOL_LOCAL is 0, LOCAL_PEERCRED is 1
        return struct.unpack("II", peer.getsockopt(0, 1, 8))[1]
    return struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]


@functools.cache
def _document() -> bytes:
    """Return the OpenAPI document, made once: it takes milliseconds, and anybody may ask for it."""
    return codec.dumps(openapi.document())


def _health(app: web.Application, context: Context, entrance: Entrance | None = None) -> None:
    async def healthz(_request: web.Request) -> web.Response:
        """The daemon answers: nothing more."""
        response = control.answer(200, codec.dumps({"status": "ok", "version": __version__, "pid": os.getpid()}))
        response.headers["X-Flock-Instance"] = context.instance_id
        response.headers["Server"] = SERVER
        return response

    async def readyz(_request: web.Request) -> web.Response:
        """A model answers, or would after a start; while draining nothing new is taken."""
        models = context.registry.models()
        states = {m.id: m.state for m in models}
        ready = any(s in ("ready", "busy", "queued", "stopped", "starting") for s in states.values())
        status = "draining" if context.inference.draining else "ready" if ready else "degraded"
        body = codec.dumps({"status": status, "models": states})
        return control.answer(200 if status == "ready" else 503, body)

    async def metrics(request: web.Request) -> web.Response:
        """Figures for Prometheus; open on loopback, behind a key elsewhere."""
        try:
            if entrance is not None and not context.config.listen.loopback:
                entrance.key_of(request)
        except FlockError as error:
            return faults.fault(error)
        ready = {m.id: m.state in ("ready", "busy") for m in context.registry.models()}
        body = context.metrics.exposition(len(context.inference.running), ready)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def described(_request: web.Request) -> web.Response:
        """What the admin API takes and gives, for machines; it tells nothing of this flock."""
        return control.answer(200, _document())

    app.router.add_get("/openapi.json", described)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
