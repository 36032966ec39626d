"""Cross-origin requests: which web pages may call the inference routes from a browser.

Owns the preflight and the headers browsers look for. Off unless `gateway.cors_origins` names an origin; never for the
admin API, which a page must not reach with a key a user has lying about. Called by daemon/app.py.
"""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from flock.contract.op import ADMIN_ROOT

# what SDKs in browsers send; a browser asks for each by name
_METHODS = "GET, POST, HEAD, OPTIONS"
# how long a browser may remember the answer of a preflight: Chromium's own upper limit
_MAX_AGE = "7200"
_SHOWN = (
    "X-Flock-Request-Id, X-Flock-Path, X-Flock-Route, X-Flock-Model, X-Flock-Lost, X-Flock-Counted-By, Retry-After, "
    "X-Flock-Attempts, X-Flock-Cost-USD, X-Flock-Cost-At-Most-USD, "
    "X-Flock-Queue-Position, X-Flock-Queue-ETA, X-Flock-Queue-Seconds, x-should-retry, retry-after-ms, RateLimit, "
    "RateLimit-Policy"
)


def allow(origins: str) -> Middleware:
    """Return the middleware for these origins ("https://a, https://b", or "*")."""
    allowed = {origin.strip() for origin in origins.split(",")}

    def headers_for(origin: str) -> dict[str, str]:
        if not origin or not ("*" in allowed or origin in allowed):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _SHOWN, "Vary": "Origin"}

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        granted = {} if request.path.startswith(ADMIN_ROOT) else headers_for(request.headers.get("Origin", ""))
        if not granted:
            return await handler(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            granted["Access-Control-Allow-Methods"] = _METHODS
            granted["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
            granted["Access-Control-Max-Age"] = _MAX_AGE
            return web.Response(status=204, headers=granted)
        request["cors"] = granted
        return await handler(request)

    return cors


async def grant(request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers of an allowed origin on a response, also on a stream that is about to begin."""
    if granted := request.get("cors"):
        response.headers.update(granted)
