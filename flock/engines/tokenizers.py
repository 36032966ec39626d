"""Tokenizers that lie on this machine, for engines that cannot count: MLX-LM and transformers name models by the
directory or the repository they come from, and both hold a tokenizer.json.

Owns where such a file is looked for and the one child that reads it (tokenizer_child.py, which says why it is a child).
Refuses to fetch one, and to keep anybody waiting for a load: until it is done there is no answer. The package
`tokenizers` is an extra; without it nothing is looked for. Called by core/counting.py.
"""

import asyncio
import importlib.util
import logging
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import orjson

from flock.engines.process import Child, Launch
from flock.engines.supervisor import Surroundings
from flock.errors import FlockError
from flock.plain import is_object

log = logging.getLogger(__name__)

# run by its path: the child needs nothing of flock
CHILD = Path(__file__).with_name("tokenizer_child.py")
# Bounds the wait for the child's start and the load of a tokenizer (0.5 to 2.6 s), which go on; then texts of 100 kB
# take 40 ms.
ANSWER_SECONDS = 1.0
# The child is up to 300 MB: it ends when nobody has asked for so long.
IDLE_SECONDS = 600.0
# A child that failed is not started again for so long; where a model's file was, or was not, is looked at again after.
_AGAIN_SECONDS = 60.0
# Gemma's, the largest known, has 33 MB
_FILE_MAX = 128 * 2**20
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def hub_directory(environment: Mapping[str, str], home: Path) -> Path:
    """Return where Hugging Face's tools keep what they fetched: HF_HUB_CACHE, or hub/ in HF_HOME, or their default."""
    if cache := environment.get("HF_HUB_CACHE"):
        return Path(cache)
    if base := environment.get("HF_HOME"):
        return Path(base) / "hub"
    caches = environment.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else home / ".cache") / "huggingface" / "hub"


def find_tokenizer(model: str, hub: Path) -> Path | None:
    """Return the tokenizer.json of a model whose id is a directory or a fetched repository, None without one.

    Blocking, for a thread. Of several snapshots that which `refs/main` names counts, else the newest.
    """
    try:
        if Path(model).is_absolute():
            return _usable(Path(model) / "tokenizer.json")
        if not _REPOSITORY.fullmatch(model):
            return None
        place = hub / f"models--{model.replace('/', '--')}"
        main = place / "refs" / "main"
        if main.is_file():
            named = _usable(place / "snapshots" / main.read_text("ascii").strip() / "tokenizer.json")
            if named is not None:
                return named
        found = sorted(place.glob("snapshots/*/tokenizer.json"), key=lambda path: path.stat().st_mtime)
        return next((path for path in reversed(found) if _usable(path)), None)
    except (OSError, ValueError):
        return None


def _usable(path: Path) -> Path | None:
    return path if path.is_file() and path.stat().st_size <= _FILE_MAX else None


def is_installed() -> bool:
    """Return whether the package that reads tokenizers is there."""
    return importlib.util.find_spec("tokenizers") is not None


class Tokenizers:
    """Counts texts by the tokenizers of this machine. `hub` is where fetched repositories lie (`hub_directory`)."""

    def __init__(self, around: Surroundings, hub: Path, seconds: float = ANSWER_SECONDS) -> None:
        self._around = around
        self._hub = hub
        self._seconds = seconds
        self._installed = is_installed()
        self._child: Child | None = None
        self._not_before = 0.0
        self._found: dict[str, tuple[float, Path | None]] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[object] | None = None

    async def count(self, model: str, text: str) -> int | None:
        """Return a text's tokens for a model; None when its tokenizer is not here, or not yet read. Never raises."""
        if not self._installed:
            return None
        try:
            async with asyncio.timeout(self._seconds):
                file = await self._file(model)
                child = self._running() if file is not None else None
                if child is None or (await child.ready()).state != "ready":
                    return None
                return await self._ask(child.launch, file, text)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, TypeError, FlockError) as error:
            log.info("the tokenizer of %s does not answer: %r", model, error)
            return None

    async def stop(self) -> None:
        """End the child; returns when it is gone."""
        if self._idle is not None:
            self._idle.cancel()
        if self._child is not None:
            await self._child.stop()

    async def _file(self, model: str) -> Path | None:
        now = self._around.clock.monotonic()
        looked, file = self._found.get(model, (0.0, None))
        if model not in self._found or now - looked > _AGAIN_SECONDS:
            file = await asyncio.to_thread(find_tokenizer, model, self._hub)
            self._found[model] = (now, file)
        return file

    def _running(self) -> Child | None:
        """Return the child, started when there is none; None for a while after one has failed."""
        loop = asyncio.get_running_loop()
        if self._idle is not None:
            self._idle.cancel()
        self._idle = loop.call_later(IDLE_SECONDS, self._end)
        if self._child is None or self._child.snapshot.ended:
            now = self._around.clock.monotonic()
            if now < self._not_before:
                return None
            self._not_before = now + _AGAIN_SECONDS
            self._child = self._start()
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._ending = asyncio.create_task(self._child.stop(), name="end of the tokenizers")
            self._not_before = 0.0

    def _start(self) -> Child:
        around = self._around
        port, key = around.ports.take(), secrets.token_urlsafe(24)
        launch = Launch(
            name="tokenizers",
            argv=(sys.executable, "-P", str(CHILD), f"--port={port}"),
            environment={"FLOCK_ENGINE_KEY": key},
            port=port,
            ready_path="/",
            key=key,
            holds_stdin=True,
        )
        return Child(
            launch,
            home=around.home,
            children=around.children,
            session=around.session,
            clock=around.clock,
            on_change=lambda snapshot: around.ports.release(port) if snapshot.ended else None,
            limits=around.limits,
        )

    async def _ask(self, launch: Launch, file: Path | None, text: str) -> int | None:
        body = orjson.dumps({"file": str(file), "text": text})
        headers = {"Authorization": f"Bearer {launch.key}"}
        url = f"http://127.0.0.1:{launch.port}/"
        async with self._around.session.post(url, data=body, headers=headers) as answer:
            found = orjson.loads(await answer.read())
        if not is_object(found) or not isinstance(found.get("tokens"), int):
            log.info("%s cannot be used: %s", file, found)
            return None
        return found["tokens"]
