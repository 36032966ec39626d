"""A process that speaks the API of Hugging Face's hub, over the files of a directory, its bad manners included.

`--root` has a directory for each repository, OWNER/NAME; a `.hub.json` in it says what a card would (license, gated,
hidden, downloads, tags, library_name, pipeline_tag, gguf). Weights are stored as the hub stores large files: `resolve`
leads to another port, the CDN, which knows no token. Prints "PORT n CDN m" once it listens.

`GET /arm?fault=WORD&after=N&times=N` orders a fault (FAULTS) for the next requests of file contents; `POST /release`
lets go what `hold` holds, `POST /reset` forgets all. `GET /seen` returns every request: method, path, status, range,
whether a token came, how many bytes of a file went out. usage: python -m tests.fakes.hub --root DIR [--port N]
"""

import argparse
import asyncio
import json
import re
import signal
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from aiohttp import web

Plain = dict[str, Any]

# what a CDN, a proxy or a network does to a download
FAULTS = {
    "hold": "stops after so many bytes until it is released",
    "cut": "tears the connection off after so many bytes of this answer",
    "wrong": "sends other bytes than it should",
    "whole": "takes no notice of Range",
    "fails": "status 500",
    "limit": "status 429 with the time when it may be asked again",
    "changed": "has another file by now: other bytes under another ETag",
}
_LARGE = (".gguf", ".safetensors", ".bin", ".onnx", ".npz")
_CHUNK = 16 * 1024
# what it takes for a token, and one that is known but has not accepted any terms
GOOD, STRANGER = "hf_good", "hf_stranger"


class Hub:
    """The repositories, what was asked for, what goes wrong next."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cdn = ""
        self.seen: list[Plain] = []
        self.fault, self.after, self.times = "", 0, 0
        self.released = asyncio.Event()

    def app(self) -> web.Application:
        """Return the routes of both ports."""
        app = web.Application()
        router = app.router
        router.add_get("/seen", self.tell_seen)
        router.add_get("/arm", self.arm)
        router.add_post("/release", self.release)
        router.add_post("/reset", self.reset)
        router.add_get("/api/models", self.search)
        router.add_get("/api/models/{owner}/{name}", self.info)
        router.add_get("/api/models/{owner}/{name}/revision/{revision}", self.info)
        router.add_get("/api/models/{owner}/{name}/tree/{revision}", self.tree)
        router.add_get("/{owner}/{name}/resolve/{revision}/{path:.+}", self.resolve)  # HEAD too
        router.add_get("/cdn/{owner}/{name}/{path:.+}", self.content)
        router.add_get("/files/{owner}/{name}/{path:.+}", self.content)  # a plain web server's
        return app

    # -- what tests ask

    async def tell_seen(self, request: web.Request) -> web.Response:
        return web.json_response(self.seen)

    async def arm(self, request: web.Request) -> web.Response:
        fault = request.query.get("fault", "")
        if fault and fault not in FAULTS:
            return web.json_response({"error": f"one of {', '.join(FAULTS)}"}, status=400)
        self.fault, self.after = fault, int(request.query.get("after", "0"))
        self.times = int(request.query.get("times", "1"))
        self.released.clear()
        return web.json_response({"armed": fault})

    async def release(self, request: web.Request) -> web.Response:
        self.released.set()
        return web.json_response({})

    async def reset(self, request: web.Request) -> web.Response:
        """Forget what was seen and ordered, and let go what is held."""
        self.released.set()
        self.seen, self.fault, self.times = [], "", 0
        return web.json_response({})

    # -- the API

    async def search(self, request: web.Request) -> web.Response:
        self.note(request, 200)
        if (refused := self.faulty()) is not None:
            return refused
        words = request.query.get("search", "").lower().split()
        names = sorted(f"{p.parent.name}/{p.name}" for p in self.root.glob("*/*") if p.is_dir())
        author = request.query.get("author", "")
        names = [name for name in names if not author or name.partition("/")[0] == author]
        found = [self.card(name) for name in names if all(word in name.lower() for word in words)]
        found.sort(key=lambda row: -row["downloads"])
        return web.json_response(found[: int(request.query.get("limit", "1000"))])

    async def info(self, request: web.Request) -> web.Response:
        name = _repo(request)
        if (refused := self.faulty()) is not None or (refused := self.missing(request, name)) is not None:
            return refused  # a response is a mapping without items: `or` would not see it
        if self.said(name).get("hidden") and (refused := self.gate(request, name)) is not None:
            return refused
        files = [
            {"rfilename": path, **(self.file_facts(name, path) if request.query.get("blobs") else {})}
            for path in self.paths(name)
        ]
        self.note(request, 200)
        return web.json_response({**self.card(name), "sha": self.commit(name), "siblings": files})

    async def tree(self, request: web.Request) -> web.Response:
        name = _repo(request)
        if (refused := self.missing(request, name)) is not None:
            return refused
        rows: list[Plain] = []
        for path in self.paths(name):
            facts = self.file_facts(name, path)
            lfs = {"lfs": {"oid": facts["lfs"]["sha256"], **facts["lfs"]}} if "lfs" in facts else {}
            rows.append({"type": "file", "path": path, "size": facts["size"], "oid": facts["blobId"], **lfs})
        self.note(request, 200)
        return web.json_response(rows)

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        name, path = _repo(request), request.match_info["path"]
        if (refused := self.missing(request, name)) is not None or (refused := self.gate(request, name)) is not None:
            return refused
        if request.match_info["revision"] not in ("main", self.commit(name)):
            return self.refusal(request, 404, "RevisionNotFound", "Invalid rev id")
        if path not in self.paths(name):
            return self.refusal(request, 404, "EntryNotFound", "Entry not found")
        facts = self.file_facts(name, path)
        headers = {"X-Repo-Commit": self.commit(name), "Accept-Ranges": "bytes"}
        if "lfs" not in facts:
            return await self.content(request, {**headers, "ETag": f'"{facts["blobId"]}"'})
        self.note(request, 302)
        digest = facts["lfs"]["sha256"]
        headers |= {"X-Linked-Size": str(facts["size"]), "X-Linked-ETag": f'"{digest}"'}
        headers["Location"] = f"{self.cdn}/cdn/{name}/{path}?X-Signature=secret-of-the-cdn"
        return web.Response(status=302, headers=headers, text=f"Found. Redirecting to {headers['Location']}")

    async def content(self, request: web.Request, headers: Plain | None = None) -> web.StreamResponse:
        """Send a file, or what its Range asks for; this is where things go wrong."""
        file = self.root / _repo(request) / request.match_info["path"]
        about = self.note(request, 200)
        if not file.is_file():
            about["status"] = 404
            return web.Response(status=404, text="no such file")
        fault = self.take() if request.method == "GET" else ""
        if fault in ("fails", "limit"):
            refused = self.refused(fault)
            about["status"] = refused.status
            return refused
        data = file.read_bytes()
        if fault in ("wrong", "changed"):
            data = bytes(byte ^ 1 for byte in data)
        etag = '"' + sha256(data if fault != "wrong" else file.read_bytes()).hexdigest()[:32] + '"'
        given = {"ETag": etag, "Accept-Ranges": "bytes", **(headers or {})}
        status, first = 200, 0
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if asked and fault != "whole" and request.headers.get("If-Range", given["ETag"]) == given["ETag"]:
            first = int(asked[1])
            if first >= len(data):
                about["status"] = 416
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
            status = 206
            given["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        about["status"] = status
        response = web.StreamResponse(status=status, headers=given)
        response.content_length = len(data) - first
        await response.prepare(request)
        if request.method == "GET":
            await self.send(request, response, data[first:], fault, about)
        return response

    async def send(
        self, request: web.Request, response: web.StreamResponse, data: bytes, fault: str, about: Plain
    ) -> None:
        stop = self.after if fault in ("hold", "cut") else len(data)
        for start in range(0, len(data), _CHUNK):
            if start + _CHUNK > stop and fault == "cut":
                await response.write(data[start:stop])
                about["sent"] = stop
                await asyncio.sleep(0)
                assert request.transport is not None
                request.transport.abort() if not stop else request.transport.close()
                return
            if start >= stop and fault == "hold":
                await self.released.wait()
            await response.write(data[start : start + _CHUNK])
            about["sent"] = min(start + _CHUNK, len(data))
        await response.write_eof()

    # -- what it has

    def said(self, name: str) -> Plain:
        file = self.root / name / ".hub.json"
        return json.loads(file.read_text()) if file.is_file() else {}

    def card(self, name: str) -> Plain:
        said = self.said(name)
        tags = list(said.get("tags", [])) + ([f"license:{said['license']}"] if "license" in said else [])
        return {
            "_id": "0" * 24,
            "id": name,
            "modelId": name,
            "private": False,
            "gated": said.get("gated", False),
            "downloads": said.get("downloads", 0),
            "likes": said.get("likes", 0),
            "lastModified": "2026-10-01T12:00:00.000Z",
            "createdAt": "2026-09-01T12:00:00.000Z",
            "tags": tags,
            **{key: said[key] for key in ("library_name", "pipeline_tag", "gguf", "cardData") if key in said},
        }

    def paths(self, name: str) -> list[str]:
        place = self.root / name
        found = (p for p in place.rglob("*") if p.is_file() and p.name != ".hub.json")
        return sorted(p.relative_to(place).as_posix() for p in found)

    def commit(self, name: str) -> str:
        facts = [(path, (self.root / name / path).stat().st_mtime_ns) for path in self.paths(name)]
        return sha1(repr((name, facts)).encode()).hexdigest()

    def file_facts(self, name: str, path: str) -> Plain:
        data = (self.root / name / path).read_bytes()
        facts: Plain = {"size": len(data), "blobId": sha1(b"blob %d\0" % len(data) + data).hexdigest()}
        if path.endswith(_LARGE):
            facts["lfs"] = {"sha256": sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return facts

    # -- how it refuses

    def missing(self, request: web.Request, name: str) -> web.Response | None:
        if (self.root / name).is_dir():
            return None
        # who is not signed in is not told whether it is private or not there
        status = 404 if self.token(request) else 401
        return self.refusal(request, status, "RepoNotFound", "Repository not found")

    def gate(self, request: web.Request, name: str) -> web.Response | None:
        if not self.card(name)["gated"] or self.token(request) == GOOD:
            return None
        words = f"Access to model {name} is restricted."
        return self.refusal(request, 403 if self.token(request) else 401, "GatedRepo", words)

    def refusal(self, request: web.Request, status: int, code: str, words: str) -> web.Response:
        self.note(request, status)
        headers = {"X-Error-Code": code, "X-Error-Message": words}
        return web.json_response({"error": words}, status=status, headers=headers)

    def faulty(self) -> web.Response | None:
        """Return the refusal that was ordered for the API, None when none was."""
        return self.refused(self.take()) if self.fault in ("fails", "limit") else None

    def refused(self, fault: str) -> web.Response:
        if fault == "limit":
            limit = {"RateLimit": f'"api";r=0;t={self.after}', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
            return web.Response(status=429, headers=limit, text="Too many requests")
        return web.Response(status=500, text="Internal error")

    def take(self) -> str:
        if not self.times:
            return ""
        self.times -= 1
        fault = self.fault
        if not self.times:
            self.fault = ""
        return fault

    def token(self, request: web.Request) -> str:
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    def note(self, request: web.Request, status: int) -> Plain:
        about = {"method": request.method, "path": request.path, "status": status, "sent": 0}
        about |= {"range": request.headers.get("Range", ""), "token": bool(self.token(request))}
        self.seen.append(about)
        return about


def _repo(request: web.Request) -> str:
    return f"{request.match_info['owner']}/{request.match_info['name']}"


async def main() -> None:
    """Listen until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    hub = Hub(options.root)
    runner = web.AppRunner(hub.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port, cdn = (address[1] for address in runner.addresses)
    hub.cdn = f"http://127.0.0.1:{cdn}"
    print("PORT", port, "CDN", cdn, flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    hub.released.set()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
