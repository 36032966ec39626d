"""The routes of Google's Gemini API, below /v1beta and /v1: the method stands behind the last colon of the path.

Owns which handler a method has; the requests themselves go the way of all others (daemon/gateway.py). Called by
daemon/gateway.py.
"""

from typing import TYPE_CHECKING

from aiohttp import web

from flock.daemon.faults import fault
from flock.dialects.gemini import array, counting, server
from flock.dialects.gemini.words import COUNT, GENERATE, STREAM
from flock.errors import NotFound

if TYPE_CHECKING:
    from flock.daemon.gateway import Gateway, Handler

_METHODS = (GENERATE, STREAM, COUNT, "embedContent", "batchEmbedContents")


def routes(gateway: "Gateway") -> "list[tuple[str, str, Handler]]":
    """Return (method, path, handler) of the routes. A model's name may hold "/" and ":"."""
    whole = gateway.handler("generate", server, lambda request, raw: server.read_ask(raw, request.path))
    in_array = gateway.handler("generate", array, lambda request, raw: array.read_ask(raw, request.path))
    counted = gateway.count_tokens(
        server, lambda request, raw: counting.read_count(raw, request.path), counting.write_count
    )
    embedded = gateway.task("embeddings", server)

    async def handle(request: web.Request) -> web.StreamResponse:
        match request.path.rpartition(":")[2]:
            case "streamGenerateContent" if request.query.get("alt") != "sse":
                return await in_array(request)
            case "generateContent" | "streamGenerateContent":
                return await whole(request)
            case "countTokens":
                return await counted(request)
            case "embedContent" | "batchEmbedContents":
                return await embedded(request)
            case _:
                error = NotFound(
                    f"there is no such method at {request.path}",
                    hint=f"behind the model's name stands one of :{', :'.join(_METHODS)}",
                )
                return fault(error, server=server)

    places = [f"/{version}/{of}" for version in ("v1beta", "v1") for of in ("models", "tunedModels")]
    return [("POST", f"{place}/{{rest:.+}}", handle) for place in places]
