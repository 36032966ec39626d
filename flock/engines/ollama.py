"""What an Ollama is asked to do: pull a model, delete one, load one and take one out of memory.

Owns Ollama's own API for it, and which of its models are none: names that end in "cloud", and models whose manifest
says that another host answers, run at ollama.com and cost money, and are never pulled as if they were local. Refuses to
start an Ollama. Called by registry.py, with an engine that answers.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import aiohttp

from flock.engines.adopted import Asker, read_object
from flock.engines.ollama_server import CASK, lacks_runner
from flock.errors import (
    EngineUnreachable,
    FlockError,
    NotFound,
    SourceUnreachable,
    StorageFailed,
    Unsupported,
    UpstreamError,
)
from flock.text import one_line
from flock.wire.ndjson import Lines, split

# Bounds an Ollama that has gone without closing: it tells of a pull many times a second, but computes the checksum of a
# layer in silence, 60 GB at 200 MB/s.
SILENT_SECONDS = 300.0
# Bounds a load; Ollama itself gives up after five minutes without a step (OLLAMA_LOAD_TIMEOUT).
LOAD_SECONDS = 900.0
START_HINT = "ollama serve"
_CLOUD = re.compile(r"[:-]cloud$", re.IGNORECASE)
_MISSING = ("file does not exist", "not found", "invalid model name")
_NO_NETWORK = ("dial tcp", "no such host", "i/o timeout", "tls handshake")


class Report(Protocol):
    """Hears how far a pull is (core/jobs.py's Report)."""

    def __call__(self, progress: float | None, message: str, done: int | None = None, total: int | None = None) -> None:
        """Take a word, with `done` of `total` bytes."""
        ...


def whole_tag(tag: str) -> str:
    """Return a tag as Ollama lists it: with ":latest" where it names none."""
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"


class Ollama:
    """One Ollama that answers, and the questions that change something there. `start_hint` is the command that starts
    it, for when it is gone.
    """

    def __init__(self, asker: Asker, start_hint: str = START_HINT) -> None:
        self._asker = asker
        self._start_hint = start_hint

    @property
    def url(self) -> str:
        """Where it is."""
        return self._asker.address.url

    async def has(self, tag: str) -> bool:
        """Return whether it has a model already. Raises EngineUnreachable."""
        status, _, body = await self._fetch("/api/show", {"model": tag})
        return status == 200 and not _elsewhere(read_object(body))

    async def pull(self, tag: str, report: Report) -> None:
        """Let it pull a model; what an earlier pull has brought is there and is not fetched again.

        When this is cancelled the connection ends, and with it the pull. Raises Unsupported for a model that another
        host answers, NotFound with Ollama's words, StorageFailed, UpstreamError, EngineUnreachable.
        """
        if _CLOUD.search(tag):
            raise _refusal(tag)
        layers: dict[str, tuple[int, int]] = {}
        last = ""
        async with aclosing(self._lines("/api/pull", {"model": tag, "stream": True})) as lines:
            async for line in lines:
                if "error" in line:
                    raise self._failure(tag, 500, str(line["error"]))
                last = str(line.get("status", ""))
                total, digest = line.get("total"), line.get("digest")
                if isinstance(total, int) and isinstance(digest, str):
                    layers[digest] = (int(line.get("completed") or 0), total)
                done, whole = (sum(numbers) for numbers in zip((0, 0), *layers.values(), strict=True))
                if whole:
                    report(min(1.0, done / whole), f"Ollama: {one_line(last, 60)}", done, whole)
                else:
                    report(None, f"Ollama: {one_line(last, 60)}")
        if last != "success":
            raise EngineUnreachable(
                f"the Ollama at {self.url} broke off while it pulled {tag}; what it has stays, and the same command "
                "goes on",
                hint=f"flock model add ollama:{tag}",
            )
        await self._refuse_elsewhere(tag)

    async def delete(self, tag: str) -> bool:
        """Let it delete a model; False when it had none of that tag. Raises UpstreamError, EngineUnreachable."""
        status, words = await self._ask("DELETE", "/api/delete", {"model": tag})
        if status == 404:
            return False
        if status != 200:
            raise self._failure(tag, status, words)
        return True

    async def load(self, tag: str, keep_seconds: float | None = None) -> None:
        """Let it load a model and keep it for so many seconds, None for its own choice, a negative number for ever.

        Raises NotFound, UpstreamError with its words (no memory), EngineUnreachable.
        """
        keep: dict[str, Any] = {} if keep_seconds is None else {"keep_alive": _whole(keep_seconds)}
        await self._keep(tag, keep)

    async def unload(self, tag: str) -> None:
        """Let it take a model out of memory; one that is not there stays so. Raises what `load` raises."""
        await self._keep(tag, {"keep_alive": 0})

    async def _keep(self, tag: str, keep: Mapping[str, Any]) -> None:
        # an empty prompt generates nothing; models that only embed refuse it, and take an empty text instead
        asked = {"model": tag, "stream": False, **keep}
        status, words = await self._ask("POST", "/api/generate", asked)
        if status == 400 and "does not support generate" in words:
            status, words = await self._ask("POST", "/api/embed", {"input": "", **asked})
        if status != 200:
            raise self._failure(tag, status, words)

    async def _refuse_elsewhere(self, tag: str) -> None:
        """Take back a pull that brought only the word for a model elsewhere, which is all of it that a tag may tell."""
        _, _, body = await self._fetch("/api/show", {"model": tag})
        if _elsewhere(read_object(body)):
            await self.delete(tag)
            raise _refusal(tag)

    async def _fetch(self, path: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        try:
            return await self._asker.fetch(path, body)
        except EngineUnreachable as error:
            raise EngineUnreachable(error.sentence, hint=self._start_hint) from None

    async def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """Return the status of a request that may take long, and what was said against it."""
        limit = aiohttp.ClientTimeout(total=LOAD_SECONDS, sock_connect=3.0)
        try:
            async with self._request(method, path, body, limit) as answer:
                return answer.status, str(read_object(await answer.read()).get("error", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._gone(error) from None

    async def _lines(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        limit = aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=SILENT_SECONDS)
        try:
            async with self._request("POST", path, body, limit) as answer:
                if answer.status != 200:
                    words = str(read_object(await answer.read()).get("error", ""))
                    raise self._failure(str(body.get("model")), answer.status, words)
                lines = Lines()
                async for piece in answer.content.iter_any():
                    for line in split(lines.feed(piece)[0]):
                        yield read_object(line)
                if rest := lines.close():
                    yield read_object(rest)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._gone(error) from None

    def _request(self, method: str, path: str, body: Mapping[str, Any], limit: aiohttp.ClientTimeout) -> Any:
        key = self._asker.key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = self.url + path
        return self._asker.session.request(method, url, json=dict(body), headers=headers, timeout=limit)

    def _gone(self, error: Exception) -> EngineUnreachable:
        words = one_line(str(error), 120) or "it fell silent"
        return EngineUnreachable(f"the Ollama at {self.url} does not answer: {words}", hint=self._start_hint)

    def _failure(self, tag: str, status: int, words: str) -> FlockError:
        said = one_line(words, 200) or f"HTTP {status}"
        again = f"flock model add ollama:{tag}"
        if lacks_runner(words):
            return UpstreamError(
                f"the Ollama at {self.url} was installed without its llama-server, so it cannot load {tag}: {said}",
                hint=CASK,
                details={"broken": True},
            )
        if any(word in words.lower() for word in _NO_NETWORK):
            return SourceUnreachable(f"the Ollama at {self.url} does not reach its registry: {said}", hint=again)
        if status == 404 or any(word in words.lower() for word in _MISSING):
            name = tag.rpartition("/")[2].partition(":")[0]
            return NotFound(f"Ollama has no {tag} to pull: {said}", hint=f"flock model search {name}")
        if "no space left" in words.lower():
            return StorageFailed(f"the Ollama at {self.url} has no space for {tag}: {said}", hint="ollama list")
        return UpstreamError(f"the Ollama at {self.url} says of {tag}: {said}", hint=again)


def _elsewhere(shown: Mapping[str, Any]) -> bool:
    """Whether /api/show describes a model that another host answers."""
    return bool(shown.get("remote_host") or shown.get("remote_model"))


def _refusal(tag: str) -> Unsupported:
    return Unsupported(
        f"{tag} runs at ollama.com and not on this machine, so it is not pulled as a local model",
        hint="flock vendor ls --all",
    )


def _whole(seconds: float) -> int:
    return -1 if seconds < 0 else max(1, round(seconds))
