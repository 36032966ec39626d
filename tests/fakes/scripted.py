"""A process that answers real clients by a script, in the dialects it is told to speak.

Prints "PORT n" once it listens. The model's name chooses what happens around the script (MODELS below). `GET /seen`
returns what it saw: each request with its path, tools and what was said, how many streams are open now, and how many
the other side closed early; `GET /bodies` returns the last bodies whole.
usage: python -m tests.fakes.scripted [--port N] [--dialects chat,anthropic,responses] [--tokens N] [--prefix P]
    [--owner O] [--also MODEL]
"""

import argparse
import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.fakes.scripted_answers import Asked, answer
from tests.fakes.scripted_faces import FACES, Anthropic, Face

# model → what is different with it
MODELS = {
    "scripted": "answers by the script",
    "scripted-edit": "writes files in its text, for clients without tools",
    "scripted-thinks": "thinks first, where it speaks chat",
    "scripted-endless": "begins, and goes on until the other side closes",
    "scripted-cut": "breaks one answer in the middle after GET /arm; with ?tools=1 the next one with tools on offer",
    "scripted-refuses": "refuses everything with status 400",
}
PAUSE = 0.02  # seconds between the words of an endless answer
WINDOW = 131072  # tokens, as its models tell
BODIES = 8


class Scripted:
    """One engine: what it speaks, what it has seen."""

    def __init__(self, dialects: list[str], tokens: int, prefix: str, owner: str, also: list[str]) -> None:
        self.faces: list[Face] = [FACES[name]() for name in dialects]
        self.tokens = tokens
        self.prefix = prefix
        self.owner = owner
        self.also = also
        self.requests: list[dict[str, Any]] = []
        self.bodies: list[Any] = []
        self.open = 0
        self.closed_early = 0
        self.armed = ""
        self.cuts = 0

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=64 * 2**20)
        for face in self.faces:
            app.router.add_post(face.path, lambda request, face=face: self.serve(request, face))
            if isinstance(face, Anthropic):
                app.router.add_post(f"{face.path}/count_tokens", self.count)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/seen", self.seen)
        app.router.add_get("/bodies", self.last_bodies)
        app.router.add_get("/arm", self.arm)
        return app

    async def models(self, request: web.Request) -> web.Response:
        more = {"object": "model", "owned_by": self.owner, "context_length": WINDOW}
        ids = [*(self.prefix + model for model in MODELS), *self.also]
        return web.json_response({"object": "list", "data": [{"id": id, **more} for id in ids]})

    async def seen(self, request: web.Request) -> web.Response:
        counts = {"open": self.open, "closed_early": self.closed_early, "cuts": self.cuts}
        return web.json_response({**counts, "requests": self.requests})

    async def arm(self, request: web.Request) -> web.Response:
        self.armed = "tools" if request.query.get("tools") else "any"
        return web.json_response({"armed": self.armed})

    async def last_bodies(self, request: web.Request) -> web.Response:
        return web.json_response(self.bodies)

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": len(await request.read()) // 4})

    async def serve(self, request: web.Request, face: Face) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        asked = face.read(body)
        asked = replace(asked, model="scripted" if asked.model in self.also else asked.model.removeprefix(self.prefix))
        said = answer(asked)
        self.bodies = [*self.bodies, body][-BODIES:]
        words = {"text": said.text, "tools": [call.tool.name for call in said.calls]}
        about = {"path": request.path_qs, "model": asked.model, "stream": asked.stream, "bytes": len(raw)}
        headers = {k.lower(): v for k, v in request.headers.items() if k.lower() not in ("authorization", "x-api-key")}
        self.requests.append({**about, "tools": [t.name for t in asked.tools], "said": words, "headers": headers})
        if asked.model not in MODELS:
            return web.json_response(face.refusal(404, f"no model {asked.model}"), status=404)
        if asked.model == "scripted-refuses":
            return web.json_response(face.refusal(400, "the scripted engine refuses this"), status=400)
        tokens = (self.tokens or len(raw) // 4, len(said.text + "".join(call.arguments for call in said.calls)) // 4)
        if not asked.stream:
            return web.json_response(face.whole(asked, said, tokens))
        self.open += 1
        try:
            return await self.stream(request, asked, face, face.frames(asked, said, tokens))
        except (asyncio.CancelledError, ConnectionError):
            self.closed_early += 1
            raise
        finally:
            self.open -= 1

    async def stream(
        self, request: web.Request, asked: Asked, face: Face, frames: Iterator[bytes]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        cut = asked.model == "scripted-cut" and (self.armed == "any" or (self.armed == "tools" and bool(asked.tools)))
        if cut:
            self.armed = ""
            self.cuts += 1
        for number, frame in enumerate(frames):
            await response.write(frame)
            if number < 4:
                continue
            if cut:
                assert request.transport is not None
                request.transport.abort()
                return response
            while asked.model == "scripted-endless":
                await response.write(face.more())
                await asyncio.sleep(PAUSE)
        await response.write_eof()
        return response


async def main() -> None:
    """Listen until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialects", default="chat")
    parser.add_argument("--tokens", type=int, default=0, help="the tokens of every prompt; its bytes by four otherwise")
    parser.add_argument("--prefix", default="", help="what the ids of its models begin with")
    parser.add_argument("--owner", default="scripted", help="who owns its models: an engine is known by it")
    parser.add_argument("--also", action="append", default=[], help="a further model that answers by the script")
    options = parser.parse_args()
    engine = Scripted(options.dialects.split(","), options.tokens, options.prefix, options.owner, options.also)
    runner = web.AppRunner(engine.app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port, backlog=128).start()
    print("PORT", runner.addresses[0][1], flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
