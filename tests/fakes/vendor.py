"""A paid vendor that is a real process: its own paths alone, its own way to show a key, its own words for errors.

Prints "PORT n" once it listens, a line for each vendor that it is to be. Beside a vendor's paths there are `GET /seen`
(every request: path, its headers and a sha256 of the last word of each, a sha256 of the key, the body and a sha256 of
its bytes; and how many streams the other side closed early), `POST /control` with `{"faults": [...]}` and `GET /go`, on
which answers that wait go on.

A fault: {"kind": K, "times": 1, "key": N, "path": "part of one", "retry_after": "2", "held": true}; `times` -1 is for
ever; `key` is a key's place in the command line (0 the first), without it every key's; `held` waits for /go before it
spoils a stream. Kinds: the refusals of KINDS (bad_key, rate, overloaded, failed, context …), MIDDLES, and those of
`Vendor.broken`.
usage: python -m tests.fakes.vendor --vendor NAME… [--port N] [--key SECRET]… [--tls FILE]
"""

import argparse
import asyncio
import hashlib
import json
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes import vendor_answers as answers
from tests.fakes.certificates import load
from tests.fakes.scripted_answers import answer
from tests.fakes.vendor_manners import refused
from tests.fakes.vendor_refusals import KINDS, in_stream, refusal
from tests.fakes.vendor_rows import ROWS, Row

CONVERSATIONS = ("chat", "messages", "responses", "generate", "stream")
# how many frames of a stream a fault in its middle lets through: some of its words are among them
BEFORE = {"responses": 6}
BEFORE_MOST = 4
HUGE = 5 * 2**20
# what the faults of the middle are called
MIDDLES = ("stream_error", "cut_after", "stall")


@dataclass
class Fault:
    """What goes wrong, and how often still."""

    kind: str
    times: int = 1
    key: int | None = None
    path: str = ""
    retry_after: str = ""
    held: bool = False


class Vendor:
    """One vendor: who it is, which keys it knows, what it has seen, what it does wrong next."""

    def __init__(self, row: Row, keys: list[str]) -> None:
        self.row = row
        self.keys = keys
        self.requests: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.open = 0
        self.closed_early = 0
        self.go = asyncio.Event()

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self.serve)
        return app

    # -- beside the vendor's own paths

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever its path."""
        match request.raw_path:
            case "/seen":
                counts = {"open": self.open, "closed_early": self.closed_early}
                return web.json_response({**counts, "requests": self.requests})
            case "/go":
                self.go.set()
                self.go.clear()
                return web.json_response({})
            case "/control":
                self.faults = [Fault(**fault) for fault in (await request.json())["faults"]]
                return web.json_response({})
        self.open += 1
        try:
            return await self.asked(request)
        except (asyncio.CancelledError, ConnectionError):
            self.closed_early += 1
            raise
        finally:
            self.open -= 1

    # -- one request

    async def asked(self, request: web.Request) -> web.StreamResponse:
        """Answer as the vendor does: path, key, faults, model, answer, in this order."""
        path = request.raw_path.partition("?")[0]
        task, model = self.row.task(request.method, path)
        key = self.shown(request, path)
        body, form, raw = await self.read(request)
        self.requests.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": sorted(name.lower() for name in request.headers),
                "digests": {name.lower(): digest(value.rpartition(" ")[2]) for name, value in request.headers.items()},
                "anthropic": {n.lower(): v for n, v in request.headers.items() if n.lower().startswith("anthropic-")},
                "key": digest(key) if key else "",
                "body": body if form is None else form,
                "raw": raw,
            }
        )
        if not task or (path.startswith("/openai/deployments") and "api-version" not in request.query):
            return self.refused("no_path")
        if task not in self.row.open and key not in self.keys:
            return self.refused("bad_key" if key else "no_key")
        fault = self.fault(path, key)
        if fault is not None and (response := await self.broken(request, task, fault)) is not None:
            return response
        if task == "models":
            return web.json_response(answers.models(self.row))
        if task == "check":
            return web.json_response({"data": {"label": "sk-or-v1-fak...key", "usage": 0, "limit": None}})
        model = model or str((form or body or {}).get("model", ""))
        if model not in self.row.models:
            return self.refused("no_model")
        if task in CONVERSATIONS:
            return await self.converse(request, task, body | {"model": model}, fault)
        return self.done(task, body, form, model)

    def shown(self, request: web.Request, path: str) -> str:
        """Return the key as the vendor reads it, "" for none: a key that is shown in another way is none."""
        wanted = self.row.auth_of(path)
        if wanted == "bearer":
            word, _, key = request.headers.get("Authorization", "").partition(" ")
            return key if word == "Bearer" else ""
        if wanted == "x-api-key" and wanted not in request.headers:  # Anthropic's own SDK shows one so
            return request.headers.get("Authorization", "").removeprefix("Bearer ")
        return request.headers.get(wanted, "")

    async def read(self, request: web.Request) -> tuple[Any, dict[str, str] | None, str]:
        """Return (JSON body, None, digest of the bytes), or (None, form, "") with the sizes of its files."""
        if not request.content_type.startswith("multipart/"):
            raw = await request.read()
            return (json.loads(raw) if raw else None), None, digest(raw.decode())
        form: dict[str, str] = {}
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                form[name] = f"{value.filename}: {len(value.file.read())} bytes"
            else:
                form[name] = str(value)
        return None, form, ""

    def refused(self, kind: str, retry_after: str = "") -> web.Response:
        """Return a refusal in the vendor's words."""
        status, content_type, body = refusal(self.row.shape, kind)
        headers = {"Content-Type": content_type} | ({"Retry-After": retry_after} if retry_after else {})
        return web.Response(status=status, body=body, headers=headers)

    # -- answers

    async def converse(self, request: web.Request, task: str, body: Any, fault: Fault | None) -> web.StreamResponse:
        """Answer a conversation, as a stream where one was asked for."""
        face = answers.face_of(task, self.row)
        if task in ("generate", "stream"):
            body = body | {"stream": task == "stream"}
        if task == "messages" and "anthropic-version" not in request.headers:
            return web.json_response(face.refusal(400, "anthropic-version: header is required"), status=400)
        if task == "chat" and (told := refused(self.row.manners, body)) is not None:
            return web.Response(status=told[0], body=told[2], content_type=told[1])
        asked = replace(face.read(body), model=body["model"])
        said = answer(asked)
        tokens = (len(json.dumps(body)) // 4, len(said.text + "".join(c.arguments for c in said.calls)) // 4)
        if not asked.stream:
            return web.json_response(face.whole(asked, said, tokens))
        named = b'"model": ' + json.dumps(body["model"]).encode()
        frames = [frame.replace(b'"model": "scripted"', named) for frame in face.frames(asked, said, tokens)]
        if self.row.shape == "openrouter" and task == "chat":
            frames = [b": OPENROUTER PROCESSING\n\n", *frames]
        array = task == "stream" and request.query.get("alt") != "sse"
        return await self.stream(request, task, as_array(frames) if array else frames, fault, array)

    async def stream(
        self, request: web.Request, task: str, frames: list[bytes], fault: Fault | None, array: bool
    ) -> web.StreamResponse:
        kind = fault.kind if fault is not None else ""
        response = web.StreamResponse(headers={"Content-Type": "application/json" if array else "text/event-stream"})
        await response.prepare(request)
        for place, frame in enumerate(frames):
            if fault is not None and place == BEFORE.get(task, BEFORE_MOST) and kind in MIDDLES:
                if fault.held:
                    await self.go.wait()
                return await self.spoiled(request, response, task, kind)
            await response.write(frame)
        await response.write_eof()
        return response

    async def spoiled(
        self, request: web.Request, response: web.StreamResponse, task: str, kind: str
    ) -> web.StreamResponse:
        """End a stream as it should not."""
        if kind == "stream_error":
            await response.write(in_stream(self.row.shape, task))
            await response.write_eof()
        elif kind == "cut_after":
            assert request.transport is not None
            request.transport.abort()
        else:
            await self.go.wait()
        return response

    def done(self, task: str, body: Any, form: dict[str, str] | None, model: str) -> web.Response:
        """Answer a task."""
        match task:
            case "embeddings":
                return web.json_response(answers.embeddings(body, model))
            case "embed" | "embed_batch":
                return web.json_response(answers.gemini_embeddings(body))
            case "count":
                return web.json_response({"totalTokens": len(json.dumps(body)) // 4})
            case "count_tokens":
                return web.json_response({"input_tokens": len(json.dumps(body)) // 4})
            case "rerank":
                return web.json_response(answers.rerank(body, self.row.shape))
            case "images":
                return web.json_response(answers.images(body))
            case "speech":
                return web.Response(body=answers.SPEECH, content_type="audio/wav")
            case _:
                content_type, heard = answers.transcription(form or {})
                return web.Response(body=heard, headers={"Content-Type": content_type})

    # -- faults

    def fault(self, path: str, key: str) -> Fault | None:
        """Return what goes wrong with a request, and count it."""
        for fault in self.faults:
            whose = fault.key is None or (fault.key < len(self.keys) and self.keys[fault.key] == key)
            if fault.times and whose and fault.path in path:
                fault.times -= fault.times > 0
                return fault
        return None

    async def broken(self, request: web.Request, task: str, fault: Fault) -> web.StreamResponse | None:
        """Answer wrongly; None where the answer begins well (MIDDLES) or comes late."""
        streams = {"Content-Type": "text/event-stream"}
        match fault.kind:
            case "drop":  # not a byte
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "slow":  # until somebody asks for /go
                await self.go.wait()
                return None
            case "cut_before":
                response = web.StreamResponse(headers=streams)
                await response.prepare(request)
                assert request.transport is not None
                request.transport.abort()
                return response
            case "stream_error_first":
                return web.Response(body=in_stream(self.row.shape, task), headers=streams)
            case "empty_stream":
                return web.Response(body=b"", headers=streams)
            case "bad_json":
                return web.Response(body=b'{"id": "x", "choices": [', content_type="application/json")
            case "bad_json_stream":
                return web.Response(body=b'data: {"id": "x", "choi\n\n', headers=streams)
            case "wrong_type":
                return web.Response(body=b"<html><title>Just a moment...</title></html>", content_type="text/html")
            case "redirect":
                return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/elsewhere?key=secret"})
            case "huge_error":
                return web.Response(status=500, body=b"<html>" + b"x" * HUGE, content_type="text/html")
            case "echo_key":
                words = f"Incorrect API key provided: {self.shown(request, request.path)}."
                return web.json_response({"error": {"message": words, "type": "invalid_request_error"}}, status=401)
            case "ok_error":  # under the status of a success
                return web.Response(body=refusal(self.row.shape, "failed")[2], content_type="application/json")
            case kind if kind in KINDS:
                return self.refused(kind, fault.retry_after)
            case kind:
                assert kind in MIDDLES, f"no such fault: {kind}"
                return None


def digest(text: str) -> str:
    """Return a sha256: what /seen tells of keys, and of what must be compared byte for byte."""
    return hashlib.sha256(text.encode()).hexdigest()


def as_array(frames: list[bytes]) -> list[bytes]:
    """Return the frames of Google's stream as the pieces of one JSON array."""
    objects = [frame.removeprefix(b"data: ").strip() for frame in frames]
    return [b"[" + objects[0], *(b",\r\n" + one for one in objects[1:]), b"]"]


async def main() -> None:
    """Listen until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vendor", choices=sorted(ROWS), action="append", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", action="append", help="a key that is good; several for a pool; sk-fake-key by default")
    parser.add_argument("--tls", type=Path, help="a file with a certificate and its key: speak https")
    options = parser.parse_args()
    tls = load(options.tls) if options.tls else None
    runners = []
    for name in options.vendor:
        vendor = Vendor(ROWS[name], options.key or ["sk-fake-key"])
        runner = web.AppRunner(vendor.app(), handler_cancellation=True, access_log=None)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", options.port, backlog=128, ssl_context=tls).start()
        print("PORT", runner.addresses[0][1], flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    for runner in runners:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
