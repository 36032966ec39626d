"""GET /v1/models and /v1/models/{id}: what can be asked for, in the caller's own shape.

Owns which names are listed: every model that the key may ask for, loaded or not, and for Anthropic's tools each one a
second time under a name they keep. Called by daemon/gateway.py.
"""

from collections.abc import Sequence

from aiohttp import web

from flock.core.context import Context
from flock.core.names import DISCOVERY
from flock.dialects.gemini.models import generates
from flock.dialects.listing import Row, shape_of, write_model, write_models
from flock.policy.keys import Key


class Listing:
    """The handlers of the list of models."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def all(self, request: web.Request, key: Key) -> web.Response:
        """Answer with every model, in the shape of who asks."""
        return self._all(shape_of(request.headers), request, key)

    def google(self, request: web.Request, key: Key) -> web.Response:
        """Answer with every model in Google's shape."""
        return self._all("google", request, key)

    def one(self, request: web.Request, key: Key) -> web.Response:
        """Answer with one model, under the name it was asked for by. Raises ModelNotFound."""
        wanted = request.match_info["id"].removeprefix("models/")
        named = self._context.inference.resolve(wanted, key)
        place = named.placements[0]
        row = (wanted, int(self._context.started_at), place.largest or place.context)
        shape = "google" if request.path.startswith("/v1beta") else shape_of(request.headers)
        return web.json_response(body=write_model(shape, row, lambda _: methods(place.kind)))

    def _all(self, shape: str, request: web.Request, key: Key) -> web.Response:
        table = self._context.inference.reach.table(key)
        created = int(self._context.started_at)
        rows: list[Row] = [(m, created, places[0].largest or places[0].context) for m, places in table.items()]
        if shape == "anthropic":
            # Claude Code drops whatever does not begin with "claude" or "anthropic"
            chat = [row for row in rows if table[row[0]][0].kind in ("", "chat")]
            rows += [(DISCOVERY + id, at, window) for id, at, window in chat if not id.startswith("claude")]
        kinds = {model: places[0].kind for model, places in table.items()}
        for paid in self._context.vendors.known():  # as far as their lists were asked for: nobody is asked here
            if paid.id not in kinds and self._context.inference.reach.paid(key, paid.id):
                rows.append((paid.id, created, paid.context))
                kinds[paid.id] = paid.kind
        return web.json_response(body=write_models(shape, rows, request.query, lambda m: methods(kinds.get(m, ""))))


def methods(kind: str) -> Sequence[str]:
    """Return what Google's clients may ask of a model of a kind."""
    if kind == "embedding":
        return ("embedContent", "batchEmbedContents")
    return generates("") if kind in ("", "chat") else ()
