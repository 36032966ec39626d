"""Servers in the test's own loop that list models and answer questions about them, as real ones were seen to do."""

from collections import Counter
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class Server:
    """An OpenAI-compatible server in the test's own loop; `key` is what it wants, `served` what it lists.

    Without `lists` it has no list at all.
    """

    def __init__(
        self, served: list[dict[str, Any]], key: str = "", headers: dict[str, str] | None = None, *, lists: bool = True
    ) -> None:
        self.served = served
        self.key = key
        application = web.Application()
        if lists:
            application.router.add_get("/v1/models", self.models)
        application.router.add_get("/version", self.version)
        application.router.add_get("/healthz", self.healthz)
        self.headers = headers or {}
        self.server = TestServer(application)

    async def models(self, request: web.Request) -> web.Response:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "no"}, status=401)
        return web.json_response({"object": "list", "data": self.served})

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.32.0"})

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({}, headers=self.headers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def __aenter__(self) -> "Server":
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()


VLLM = [{"id": "org/model-a", "object": "model", "owned_by": "vllm", "max_model_len": 2048}]


class Routed(Server):
    """A server with further answers: `replies` maps "GET /path" to a status and a JSON body; all else is a 404."""

    def __init__(
        self, served: list[dict[str, Any]], replies: dict[str, tuple[int, Any]], *, lists: bool = True
    ) -> None:
        super().__init__(served, lists=lists)
        for question, reply in replies.items():
            method, path = question.split()
            self.server.app.router.add_route(method, path, self.answering(*reply))

    @staticmethod
    def answering(status: int, body: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response(body, status=status)

        return answer


class Ollama(Server):
    """What an Ollama says of its models (docs/api.md): `shown` by name is /api/show, `loaded` the windows of /api/ps.

    `asked` counts the questions by path, with the model's name for /api/show. While `mute`, /api/show says nothing.
    """

    def __init__(self, shown: dict[str, dict[str, Any]], sizes: dict[str, int] | None = None) -> None:
        self.shown = shown
        self.sizes = sizes or dict.fromkeys(shown, 1000)
        self.loaded: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.mute = False
        super().__init__([])
        router = self.server.app.router
        router.add_get("/api/tags", self.tags)
        router.add_get("/api/ps", self.ps)
        router.add_get("/api/version", self.version)
        router.add_post("/api/show", self.show)

    async def models(self, request: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "library"} for name in self.shown]
        return web.json_response({"object": "list", "data": data or None})

    async def tags(self, request: web.Request) -> web.Response:
        self.asked["tags"] += 1
        return web.json_response({"models": [{"name": n, "model": n, "size": self.sizes[n]} for n in self.shown]})

    async def ps(self, request: web.Request) -> web.Response:
        rows = [{"name": n, "model": n, "size": 1, "context_length": window} for n, window in self.loaded.items()]
        return web.json_response({"models": rows})

    async def show(self, request: web.Request) -> web.Response:
        name = (await request.json())["model"]
        self.asked[name] += 1
        if self.mute:
            raise web.HTTPInternalServerError
        return web.json_response(self.shown[name])
