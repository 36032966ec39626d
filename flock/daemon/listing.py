"""GET /v1/models and /v1/models/{id}: what can be asked for, in the caller's own shape.

Owns which names are listed: every model, loaded or not, and for Anthropic's tools each one a second time under a name
they keep. Called by daemon/gateway.py.
"""

from aiohttp import web

from flock.core.context import Context
from flock.core.names import DISCOVERY
from flock.dialects.listing import Row, shape_of, write_model, write_models
from flock.policy.keys import Key


class Listing:
    """The handlers of the list of models."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def all(self, request: web.Request, _key: Key) -> web.Response:
        """Answer with every model."""
        shape = shape_of(request.headers)
        rows = self._rows()
        if shape == "anthropic":
            # Claude Code drops whatever does not begin with "claude" or "anthropic"
            rows += [(DISCOVERY + id, at, window) for id, at, window in rows if not id.startswith("claude")]
        return web.json_response(body=write_models(shape, rows, request.query))

    def one(self, request: web.Request, key: Key) -> web.Response:
        """Answer with one model, under the name it was asked for by. Raises ModelNotFound."""
        wanted = request.match_info["id"].removeprefix("models/")
        named = self._context.inference.resolve(wanted, key)
        row = (wanted, int(self._context.started_at), named.placements[0].context)
        return web.json_response(body=write_model(shape_of(request.headers), row))

    def _rows(self) -> list[Row]:
        created = int(self._context.started_at)
        return [(m, created, places[0].context) for m, places in self._context.registry.table.items()]
