"""What the fake Ollama can pull: models of a library, in layers, with the states that a real pull goes through.

A pull that is left keeps what it has, and the next one begins there, as the real server does. The name chooses what
goes wrong (`LIBRARY`). Used by ollama.py, whose `/seen` counts pulls and from which byte each began.
"""

import asyncio
import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.ollama_memory import Memory, Model

Body = dict[str, Any]
STEPS = 10  # lines of progress of each layer


@dataclass(frozen=True, slots=True)
class Pullable:
    """A model of the library: the bytes of its layers, and what goes wrong with it."""

    model: Model
    layers: tuple[int, ...] = (1_000_000, 2_000)
    fault: str = ""


def _pullable(name: str, fault: str = "", **more: Any) -> Pullable:
    return Pullable(Model(name, about=fault or "can be pulled", **more), fault=fault)


LIBRARY = {
    one.model.name: one
    for one in (
        _pullable("small:1b"),
        _pullable("pulled:latest"),
        _pullable("held:1b", "hold"),  # stops in the middle of its first layer until /release
        _pullable("dropped:1b", "drop"),  # the connection ends in the middle of the first pull
        _pullable("full:1b", "full"),  # no space left
        _pullable("newer:1b", "newer"),  # wants a newer Ollama
        _pullable("offline:1b", "offline"),  # the registry is not reached
        _pullable("stub:latest", "remote"),  # only the word for a model that another host answers
        _pullable("runnerless:1b"),  # cannot be loaded, for want of a runner
    )
}
_WORDS = {
    "full": "write /root/.ollama/models/blobs/sha256-1-partial-0: no space left on device",
    "newer": "pull model manifest: 412: The model you are attempting to pull requires a newer version of Ollama.",
    "offline": 'Get "https://registry.ollama.ai/v2/": dial tcp: lookup registry.ollama.ai: no such host',
}


@dataclass
class Pulls:
    """The pulls of one server: what is there of each layer, and what was asked. What was pulled into a `store` is there
    again after another start.
    """

    memory: Memory
    bytes: dict[str, int] = field(default_factory=dict)
    seen: list[Body] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    store: Path | None = None

    def __post_init__(self) -> None:
        if self.store is not None:
            self.store.mkdir(parents=True, exist_ok=True)
            self.memory.models |= {name: one.model for name, one in LIBRARY.items() if self._kept(name).exists()}

    def _kept(self, name: str) -> Path:
        assert self.store is not None
        return self.store / name.replace(":", "-")

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add its routes."""
        router.add_post("/api/pull", self.pull)
        router.add_delete("/api/delete", self.delete)
        router.add_post("/release", self.release)

    async def release(self, request: web.Request) -> web.Response:
        self.released.set()
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = _tagged(body.get("model") or body.get("name") or "")
        if self.memory.models.pop(name, None) is None:
            return web.json_response({"error": f"model '{name}' not found"}, status=404)
        self.memory.loaded.pop(name, None)
        self.deleted.append(name)
        if self.store is not None:
            self._kept(name).unlink(missing_ok=True)
        return web.Response()

    async def pull(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = _tagged(body.get("model") or body.get("name") or "")
        about: Body = {"model": name, "from": 0, "ended": "left"}
        self.seen.append(about)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)

        async def say(**line: Any) -> None:
            await response.write(json.dumps(line).encode() + b"\n")

        await say(status="pulling manifest")
        found = LIBRARY.get(name)
        words = "pull model manifest: file does not exist" if found is None else _WORDS.get(found.fault, "")
        if found is None or words:
            # a failure comes with status 200, as its last line
            await say(error=words)
            about["ended"] = "error"
            return response
        for number, size in enumerate(found.layers):
            digest = "sha256:" + sha256(f"{name} {number}".encode()).hexdigest()
            done = self.bytes.get(digest, 0)
            about["from"] += done
            while True:
                await say(status=f"pulling {digest[7:19]}", digest=digest, total=size, completed=done)
                if done >= size:
                    break
                if number == 0 and done >= size // 2:
                    if found.fault == "hold":
                        await self.released.wait()
                    if found.fault == "drop" and len([row for row in self.seen if row["model"] == name]) == 1:
                        assert request.transport is not None
                        request.transport.close()
                        return response
                done = self.bytes[digest] = min(size, done + size // STEPS)
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            await say(status=status)
        self.memory.models[name] = found.model
        if self.store is not None:
            self._kept(name).touch()
        about["ended"] = "success"
        return response


def remote(name: str) -> Body:
    """Return what /api/show says more of a model that another host answers, {} for one that is here."""
    found = LIBRARY.get(name)
    return {"remote_host": "https://ollama.com:443", "remote_model": "x"} if found and found.fault == "remote" else {}


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
