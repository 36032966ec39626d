"""A process that speaks Ollama's own API as the real server does, its bad manners included.

Prints "PORT n" once it listens. The model's name chooses what goes wrong (`FAULTS` in ollama_memory.py); `GET
/arm?fault=WORD` orders it for the next request of any model. `GET /seen` returns what it saw: each request with the
window it got, its tokens before and after the cut, its keep_alive; how often each model was loaded; how many streams
are open now, and how many the other side closed early. `GET /bodies` returns the last bodies whole.

A prompt longer than the window is cut in silence, unless `truncate` is false and the server is no `--old` one; another
`num_ctx` loads the model again; a prompt that is the same as last time has no `prompt_eval_count`.
usage: python -m tests.fakes.ollama [--port N] [--version V] [--old] [--window N] [--memory BYTES] [--also MODEL]
    [--store DIRECTORY]
"""

import argparse
import asyncio
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes import ollama_answers as answers
from tests.fakes.ollama_answers import Prompt, Refused, Said, Spelling
from tests.fakes.ollama_library import Pulls, remote
from tests.fakes.ollama_memory import FAULTS, MODELS, Loaded, Memory, Model, details, digest, seconds_of, shown
from tests.fakes.scripted_answers import Asked
from tests.fakes.scripted_faces import Chat

Body = dict[str, Any]
PAUSE = 0.02  # seconds between the words of an endless answer
BODIES = 16
LENGTH = 8  # numbers in an embedding
AFTER = 2  # lines that come before a fault


class Ollama:
    """The server: what it has, what it has seen."""

    def __init__(self, memory: Memory, version: str, *, old: bool, store: Path | None = None) -> None:
        self.memory = memory
        self.version = version
        self.old = old
        self.requests: list[Body] = []
        self.bodies: list[Any] = []
        self.open = self.closed_early = 0
        self.armed = ""
        self.pulls = Pulls(memory, store=store)

    def app(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=64 * 2**20)
        router = app.router
        router.add_get("/", lambda _: _text("Ollama is running"))  # HEAD too
        router.add_get("/api/version", lambda _: _json({"version": self.version}))
        router.add_get("/api/tags", self.tags)
        router.add_get("/api/ps", self.ps)
        router.add_post("/api/show", self.show)
        router.add_post("/api/chat", lambda request: self.guarded(request, self.native))
        router.add_post("/api/generate", lambda request: self.guarded(request, self.native))
        router.add_post("/api/embed", lambda request: self.guarded(request, self.embed))
        router.add_post("/api/embeddings", lambda request: self.guarded(request, self.embed))
        router.add_post("/v1/chat/completions", lambda request: self.guarded(request, self.openai))
        router.add_get("/v1/models", self.models)
        router.add_get("/seen", self.seen)
        router.add_get("/bodies", lambda _: _json(self.bodies))
        router.add_get("/arm", self.arm)
        self.pulls.routes(router)
        return app

    # -- what it has

    async def tags(self, request: web.Request) -> web.Response:
        rows = [
            {**_head(model), "modified_at": "2026-08-21T18:48:22.123456789-07:00", "size": model.weights}
            for model in self.memory.models.values()
        ]
        return web.json_response({"models": rows})

    async def ps(self, request: web.Request) -> web.Response:
        self.memory.expire(time.time())
        rows: list[Body] = []
        for one in self.memory.loaded.values():
            size = one.model.size(one.window)
            until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(one.until, 10_000_000_000)))
            more = {"size": size, "size_vram": size, "expires_at": until, "context_length": one.window}
            rows.append({**_head(one.model), **more})
        return web.json_response({"models": rows})

    async def show(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body.get("model") or body.get("name") or ""
        model = self.memory.find(name)
        return (
            web.json_response({**shown(model), **remote(model.name)})
            if model
            else _refusal(Refused(404, _unknown(name)))
        )

    async def models(self, request: web.Request) -> web.Response:
        more = {"object": "model", "created": 1_700_000_000, "owned_by": "library"}
        return web.json_response({"object": "list", "data": [{"id": name, **more} for name in self.memory.models]})

    async def seen(self, request: web.Request) -> web.Response:
        counts = {"open": self.open, "closed_early": self.closed_early, "loads": self.memory.loads}
        counts |= {"loaded": list(self.memory.loaded), "pulls": self.pulls.seen, "deleted": self.pulls.deleted}
        return web.json_response({**counts, "requests": self.requests})

    async def arm(self, request: web.Request) -> web.Response:
        fault = request.query.get("fault", "")
        if fault not in FAULTS:
            return web.json_response({"error": f"one of {', '.join(FAULTS)}"}, status=400)
        self.armed = fault
        return web.json_response({"armed": fault})

    # -- asking it

    async def guarded(self, request: web.Request, answer: Any) -> web.StreamResponse:
        """Answer a request of a model, or refuse it as the server does."""
        about: Body = {"path": request.path, "status": 200}
        self.requests.append(about)
        try:
            body = await _body(request)
            self.bodies = [*self.bodies, body][-BODIES:]
            name = str(body.get("model") or "")
            about |= {"model": name, "keep_alive": body.get("keep_alive"), "stream": body.get("stream", True)}
            about |= {"truncate": body.get("truncate"), "think": body.get("think")}
            about["asked_num_ctx"] = (body.get("options") or {}).get("num_ctx")
            if not name:
                raise Refused(400, "model is required")
            model = self.memory.find(name)
            if model is None:
                raise Refused(404, _unknown(name))
            fault, self.armed = self.armed or model.name.partition(":")[0], ""
            if fault == "busy":
                raise Refused(503, "server busy, please try again.  maximum pending requests exceeded")
            if fault == "fails":
                raise Refused(500, "llama runner process has terminated: exit status 2")
            if fault == "runnerless":
                raise Refused(500, "error starting llama-server: llama-server binary not found (checked: /opt/ollama)")
            return await answer(request, body, model, about, fault)
        except Refused as refused:
            about["status"] = refused.status
            if request.path.startswith("/v1/"):
                return web.json_response(Chat().refusal(refused.status, refused.words), status=refused.status)
            return _refusal(refused)

    async def native(
        self, request: web.Request, body: Body, model: Model, about: Body, fault: str
    ) -> web.StreamResponse:
        generate = request.path == "/api/generate"
        prompt = answers.read_generate(body) if generate else answers.read_chat(body)
        keep = self.keep(body)
        empty = not (body.get("prompt") if generate else prompt.turns)
        spelling = Spelling(body["model"], generate, not self.old, body.get("logprobs") is True and not self.old)
        if empty and keep == 0 and body.get("keep_alive") is not None:
            self.memory.unload(model)
            return web.json_response(spelling.line(done=True, done_reason="unload"))
        if "completion" not in model.capabilities:
            raise Refused(400, f'"{body["model"]}" does not support {"generate" if generate else "chat"}')
        if prompt.tools and "tools" not in model.capabilities:
            raise Refused(400, f"registry.ollama.ai/library/{model.name} does not support tools")
        thinks = answers.read_think(body, model.capabilities, body["model"])
        held, fresh = self.load(body, model, keep)
        about |= {"num_ctx": held.window, "loaded": fresh, "tools": [tool.name for tool in prompt.tools]}
        if empty:
            return web.json_response(spelling.line(done=True, done_reason="load"))
        left = self.cut(body, prompt, held, about)
        said = answers.say(left, body, thinks=thinks)
        said.metrics = self.metrics(held, left, said, fresh)
        if keep == 0:
            self.memory.unload(model)
        if body.get("stream", True) is False:
            return web.json_response(spelling.whole(said))
        return await self.streamed(request, (_line(line) for line in spelling.lines(said)), fault, spelling)

    async def openai(
        self, request: web.Request, body: Body, model: Model, about: Body, fault: str
    ) -> web.StreamResponse:
        """Answer in OpenAI's dialect, which cannot ask for a window: a prompt is cut to the default one."""
        prompt = answers.read_openai(body)
        held, fresh = self.load({}, model, self.keep({}))
        about |= {"num_ctx": held.window, "loaded": fresh, "tools": [tool.name for tool in prompt.tools]}
        left = self.cut({}, prompt, held, about)
        said = answers.say(left, {}, thinks="thinking" in model.capabilities)
        tokens = (left.tokens, answers.counted(said))
        usage = (body.get("stream_options") or {}).get("include_usage") is True
        asked = Asked(body["model"], left.turns, left.tools, body.get("stream") is True, usage)
        if not asked.stream:
            return web.json_response(Chat().whole(asked, said.answer, tokens))
        return await self.streamed(request, Chat().frames(asked, said.answer, tokens), fault, None)

    async def embed(
        self, request: web.Request, body: Body, model: Model, about: Body, fault: str
    ) -> web.StreamResponse:
        old = request.path == "/api/embeddings"
        given = body.get("prompt" if old else "input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Refused(400, "invalid input type")
        held, fresh = self.load(body, model, self.keep(body))
        longest = max((len(text.encode()) // 4 for text in texts), default=0)
        about |= {"num_ctx": held.window, "loaded": fresh, "tokens": longest}
        about["tokens_after"] = min(longest, held.window)
        if longest > held.window and body.get("truncate") is False:
            raise Refused(400, "the input length exceeds the context length")
        found = [_embedding(text, body.get("dimensions") or LENGTH) for text in texts]
        if old:
            return web.json_response({"embedding": found[0] if found else []})
        counters = {"total_duration": 14143917, "load_duration": 1019500}
        count = sum(max(1, len(text.encode()) // 4) for text in texts)
        return web.json_response({"model": body["model"], "embeddings": found, **counters, "prompt_eval_count": count})

    # -- what all of them do

    def keep(self, body: Body) -> float:
        try:
            return seconds_of(body.get("keep_alive"))
        except ValueError as error:
            raise Refused(400, str(error)) from None

    def load(self, body: Body, model: Model, keep: float) -> tuple[Loaded, bool]:
        asked = (body.get("options") or {}).get("num_ctx")
        try:
            return self.memory.load(model, int(asked) if asked else None, max(keep, 1.0), time.time())
        except MemoryError as error:
            raise Refused(500, str(error)) from None

    def cut(self, body: Body, prompt: Prompt, held: Loaded, about: Body) -> Prompt:
        """Return what is left of a prompt in the window; whoever wants to be told of it must say so."""
        about["tokens"] = about["tokens_after"] = prompt.tokens
        if prompt.tokens > held.window and body.get("truncate") is False and not self.old:
            size = f"the available context size ({held.window} tokens)"
            raise Refused(400, f"request ({prompt.tokens} tokens) exceeds {size}, try increasing it")
        left = answers.cut(prompt, held.window)
        about["tokens_after"] = left.tokens
        return left

    def metrics(self, held: Loaded, prompt: Prompt, said: Said, fresh: bool) -> Body:
        """Return the counters of a last line. A prompt that is wholly cached is not counted."""
        key = json.dumps([[turn.role, turn.text] for turn in prompt.turns])
        cached, held.last = held.last == key, key
        return {
            "total_duration": 4883583458,
            "load_duration": 1334875000 if fresh else 1334875,
            **({} if cached else {"prompt_eval_count": prompt.tokens}),
            "prompt_eval_duration": 342546000,
            "eval_count": answers.counted(said),
            "eval_duration": 253950000,
        }

    async def streamed(
        self, request: web.Request, frames: Iterator[bytes], fault: str, spelling: Spelling | None
    ) -> web.StreamResponse:
        kind = "text/event-stream" if spelling is None else "application/x-ndjson"
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        self.open += 1
        try:
            for number, frame in enumerate(frames):
                await response.write(frame)
                if number + 1 == AFTER and fault in FAULTS and await self.fail(request, response, fault, spelling):
                    return response
            await response.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            self.closed_early += 1
            raise
        finally:
            self.open -= 1
        return response

    async def fail(
        self, request: web.Request, response: web.StreamResponse, fault: str, spelling: Spelling | None
    ) -> bool:
        """Do what a fault is; return whether the answer is over with it."""
        spell = spelling or Spelling("x")
        match fault:
            case "breaks":
                await response.write(_line({"error": "an error was encountered while running the model"}))
                await response.write_eof()
            case "dies":
                os._exit(1)
            case "cuts":
                assert request.transport is not None
                request.transport.abort()
            case "garbled":
                await response.write(_line(spell.line("x\N{SNOWMAN}x")).replace("\N{SNOWMAN}".encode(), b"\xe2\x98"))
                return False
            case "endless":
                while True:
                    await response.write(_line(spell.line("and ")))
                    await asyncio.sleep(PAUSE)
            case _:
                return False
        return True


async def _body(request: web.Request) -> Body:
    raw = await request.read()
    if not raw:
        raise Refused(400, "missing request body")
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise Refused(400, str(error)) from None
    if not isinstance(found, dict):
        raise Refused(400, "json: cannot unmarshal array into Go value of type api.ChatRequest")
    return found


async def _json(value: Any) -> web.Response:
    return web.json_response(value)


async def _text(words: str) -> web.Response:
    return web.Response(text=words)


def _refusal(refused: Refused) -> web.Response:
    return web.json_response({"error": refused.words}, status=refused.status)


def _unknown(name: str) -> str:
    return f'model "{name}" not found'


def _head(model: Model) -> Body:
    return {"name": model.name, "model": model.name, "digest": digest(model.name), "details": details(model)}


def _line(value: Body) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _embedding(text: str, length: int) -> list[float]:
    """Return the embedding of a text: always the same one, of length 1."""
    numbers = [byte - 127.5 for at in range(-(-length // 32)) for byte in sha256(f"{at} {text}".encode()).digest()]
    norm = math.sqrt(sum(number * number for number in numbers[:length]))
    return [number / norm for number in numbers[:length]]


async def main() -> None:
    """Listen until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--version", default="0.14.0")
    parser.add_argument("--old", action="store_true", help="knows no truncate: false, no ids of calls, no logprobs")
    parser.add_argument("--window", type=int, default=4096, help="the window of a request that asks for none")
    parser.add_argument("--memory", type=int, default=1 << 62, help="bytes that loaded models may take")
    parser.add_argument("--also", action="append", default=[], help="a further model that answers by the script")
    parser.add_argument("--store", type=Path, help="where what was pulled is kept")
    options = parser.parse_args()
    more = [replace(MODELS[0], name=name if ":" in name else f"{name}:latest") for name in options.also]
    memory = Memory({model.name: model for model in (*MODELS, *more)}, options.window, options.memory)
    engine = Ollama(memory, options.version, old=options.old, store=options.store)
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
