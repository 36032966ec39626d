"""A process that does tasks beside conversations, as a server with OpenAI's paths does, with faults.

Prints "PORT n" once it listens. The model's name says how it behaves (MODELS); its kind stands in its list of models as
`task`. `GET /seen` returns {"open": requests it works on now, "closed_early": those whose client left, "requests":
paths and bodies}, `GET /go` lets go on what waits.
usage: python -m tests.fakes.tasks
"""

import asyncio
import json
import signal
from typing import Any

from aiohttp import web

_EMBEDS, _HEARS, _SPEAKS = "feature-extraction", "automatic-speech-recognition", "text-to-speech"
# model → the task its list of models tells
MODELS = {
    "vectors": _EMBEDS,
    "vectors-wait": _EMBEDS,
    "vectors-half": _EMBEDS,
    "org/vectors:small": _EMBEDS,
    "ears": _HEARS,
    "ears-wait": _HEARS,
    "mouth": _SPEAKS,
    "mouth-waits": _SPEAKS,
    "mouth-endless": _SPEAKS,
    "mouth-breaks": _SPEAKS,
    "mouth-silent": _SPEAKS,
    "mouth-busy": _SPEAKS,
    "talks": "text-generation",
}
SOUND = b"ID3" + bytes(range(256)) * 8


class Tasks:
    """The server and what it has seen."""

    def __init__(self) -> None:
        self.open = 0
        self.closed_early = 0
        self.requests: list[dict[str, Any]] = []
        self.go = asyncio.Event()

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/seen", self.seen)
        app.router.add_get("/go", self.goes)
        app.router.add_post("/v1/embeddings", self.counted(self.embed))
        app.router.add_post("/v1/audio/speech", self.counted(self.speak))
        app.router.add_post("/v1/audio/transcriptions", self.counted(self.hear))
        return app

    async def models(self, _request: web.Request) -> web.Response:
        rows = [{"id": model, "object": "model", "owned_by": "tasks", "task": task} for model, task in MODELS.items()]
        return web.json_response({"object": "list", "data": rows})

    async def seen(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"open": self.open, "closed_early": self.closed_early, "requests": self.requests[-20:]}
        )

    async def goes(self, _request: web.Request) -> web.Response:
        self.go.set()
        self.go.clear()
        return web.json_response({})

    def counted(self, work: Any) -> Any:
        """Return the handler of a task that counts who works and who left."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.open += 1
            try:
                return await work(request)
            except (asyncio.CancelledError, ConnectionError):
                self.closed_early += 1
                raise
            finally:
                self.open -= 1

        return handle

    async def read(self, request: web.Request) -> dict[str, Any]:
        if request.content_type.startswith("multipart/"):
            body: dict[str, Any] = {
                name: value if isinstance(value, str) else value.filename
                for name, value in (await request.post()).items()
            }
        else:
            body = json.loads(await request.read())
        self.requests.append({"path": request.raw_path, "body": body})
        return body

    async def embed(self, request: web.Request) -> web.StreamResponse:
        body = await self.read(request)
        if body["model"].endswith("-wait"):
            await self.go.wait()
        if body["model"].endswith("-half"):  # begins its answer, and waits
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"object":')
            await self.go.wait()
        texts: list[Any] = body["input"] if isinstance(body["input"], list) else [body["input"]]
        rows = [{"object": "embedding", "index": i, "embedding": [0.5, 0.25]} for i in range(len(texts))]
        usage = {"prompt_tokens": 3 * len(texts), "total_tokens": 3 * len(texts)}
        return web.json_response({"object": "list", "model": body["model"], "data": rows, "usage": usage})

    async def hear(self, request: web.Request) -> web.StreamResponse:
        body = await self.read(request)
        stream = body.get("stream") == "true"
        if not stream:
            if body["model"].endswith("-wait"):
                await self.go.wait()
            return web.json_response({"text": "hello"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if body["model"].endswith("-wait"):
            await self.go.wait()
        await response.prepare(request)
        await response.write(b'data: {"type":"transcript.text.delta","delta":"hel"}\n\n')
        await response.write(b'data: {"type":"transcript.text.delta","delta":"lo"}\n\n')
        usage = {"type": "tokens", "input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
        done = {"type": "transcript.text.done", "text": "hello", "usage": usage}
        await response.write(b"data: %b\n\n" % json.dumps(done).encode())
        return response

    async def speak(self, request: web.Request) -> web.StreamResponse:
        body = await self.read(request)
        model = body["model"]
        if model == "mouth-busy":
            error = {"error": {"message": "too many voices", "type": "rate_limit_error", "code": None}}
            return web.json_response(error, status=429, headers={"Retry-After": "17"})
        if model == "mouth-waits":
            await self.go.wait()
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        if model == "mouth-silent":
            return response
        await response.write(SOUND)
        while model == "mouth-endless":
            await response.write(SOUND)
            await asyncio.sleep(0.02)  # how fast somebody speaks
        if model == "mouth-breaks":
            assert request.transport is not None
            request.transport.abort()
        return response


async def main() -> None:
    """Serve until the process is ended."""
    runner = web.AppRunner(Tasks().app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"PORT {runner.addresses[0][1]}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
