"""The routes of Ollama's API, below /api: chat and generate, the lists of models, and what flock does otherwise.

Owns what of the API flock does not do, with the command that does it instead; the requests themselves go the way of
all others (daemon/gateway.py). Called by daemon/gateway.py.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from flock.core.listing import listed
from flock.daemon.faults import fault
from flock.daemon.headers import SERVER
from flock.dialects.ask import Ask
from flock.dialects.ollama import listing, server
from flock.errors import FlockError, InvalidRequest, Unsupported
from flock.policy.keys import Key

if TYPE_CHECKING:
    from flock.daemon.gateway import Gateway, Handler

# what administers an Ollama → the command that does it here
_ADMINISTERS = {
    "pull": "flock model add SOURCE",
    "push": "",
    "create": "flock model add SOURCE",
    "copy": "flock config set router.aliases NAME=MODEL",
    "delete": "flock model remove MODEL",
}


def routes(gateway: "Gateway") -> "list[tuple[str, str, Handler]]":
    """Return (method, path, handler) of the routes."""
    models = _Models(gateway)
    chat = gateway.handler("chat", server, lambda _, raw: server.read_ask(raw, server.CHAT))
    generate = gateway.handler("generate", server, lambda _, raw: server.read_ask(raw, server.GENERATE))
    return [
        ("POST", server.CHAT, chat),
        ("POST", f"/v1{server.CHAT}", chat),
        ("POST", server.GENERATE, generate),
        *((method, "/api/tags", gateway.guarded(models.tags, server)) for method in ("GET", "HEAD")),
        ("GET", "/api/ps", gateway.guarded(models.running, server)),
        ("GET", "/api/version", _version),
        ("HEAD", "/api/version", _version),
        ("POST", "/api/show", models.show),
        *(("POST", f"/api/{name}", _elsewhere(name)) for name in _ADMINISTERS if name != "delete"),
        ("DELETE", "/api/delete", _elsewhere("delete")),
    ]


class _Models:
    """The lists of models in this dialect's shape."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def _rows(self, key: Key) -> Iterable[listing.Row]:
        context = self._gateway.context
        created = int(context.started_at)
        may = context.inference.reach.table(key)
        for model in listed(context):
            if key.models and model.id not in may:
                continue
            places = context.registry.table.get(model.id, ())
            able = (places[0].abilities if places else None) or frozenset[str]()
            yield listing.Row(
                model.id,
                model.size_bytes,
                model.kind,
                model.largest_context or model.context,
                model.state in ("ready", "busy"),
                created,
                vision="vision" in able,
                thinking="thinking" in able,
            )

    def tags(self, _request: web.Request, key: Key) -> web.Response:
        """Answer with every model that the key may ask for."""
        return _json(listing.write_tags(self._rows(key)))

    def running(self, _request: web.Request, key: Key) -> web.Response:
        """Answer with those of them that are loaded."""
        return _json(listing.write_ps(self._rows(key)))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Answer with one model."""
        try:
            key = self._gateway.authenticate(request)
            wanted = _name_in(server.read_ask(await self._gateway.body(request), server.GENERATE))
            named = self._gateway.context.inference.resolve(wanted, key)
            row = next((row for row in self._rows(key) if row.id == named.model), listing.Row(named.model))
        except FlockError as error:
            return fault(error, server=server)
        return _json(listing.write_show(row))


def _name_in(ask: Ask) -> str:
    """Return the model that is asked about; older clients call it `name`. Raises InvalidRequest."""
    name = ask.model or ask.body.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest("model: is missing", hint="name a model of GET /api/tags", details={"param": "model"})
    return name


def _elsewhere(name: str) -> "Handler":
    error = Unsupported(f"flock does not let clients {name} models", hint=_ADMINISTERS[name] or "flock model --help")

    async def handle(_request: web.Request) -> web.StreamResponse:
        return fault(error, server=server)

    return handle


async def _version(_request: web.Request) -> web.StreamResponse:
    return _json(listing.write_version())


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Server": SERVER, "Content-Type": "application/json; charset=utf-8"})
