"""Pulling, deleting, loading and unloading at an Ollama, on the fake that answers as the real one does."""

import asyncio
from typing import Any

import aiohttp
import pytest

from flock.engines.adopted import Asker, parse_url
from flock.engines.ollama import Ollama
from flock.errors import (
    EngineUnreachable,
    FlockError,
    NotFound,
    SourceUnreachable,
    StorageFailed,
    Unsupported,
    UpstreamError,
)
from tests.engines.parts import until
from tests.fakes.ollama_process import fake_ollama
from tests.running import free_port


class Heard:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[float | None, str, int | None, int | None]] = []

    def __call__(self, progress: float | None, message: str, done: int | None = None, total: int | None = None) -> None:
        self.lines.append((progress, message, done, total))


def at(session: aiohttp.ClientSession, port: int) -> Ollama:
    return Ollama(Asker(session, parse_url(f"http://127.0.0.1:{port}")))


async def seen(session: aiohttp.ClientSession, port: int) -> dict[str, Any]:
    async with session.get(f"http://127.0.0.1:{port}/seen") as answer:
        return await answer.json()


async def test_a_pull_tells_its_bytes_and_then_the_model_is_there(session: aiohttp.ClientSession) -> None:
    with fake_ollama() as port:
        ollama, heard = at(session, port), Heard()
        assert not await ollama.has("small:1b")
        await ollama.pull("small:1b", heard)
        assert await ollama.has("small:1b")
        told = [(done, total) for _, _, done, total in heard.lines if done is not None]
        assert told[0] == (0, 1_000_000)
        assert told[-1] == (1_002_000, 1_002_000)
        assert told == sorted(told)
        assert heard.lines[0] == (None, "Ollama: pulling manifest", None, None)
        assert heard.lines[-1][:2] == (1.0, "Ollama: success")


async def test_a_pull_that_is_cancelled_ends_over_there_and_goes_on_later(session: aiohttp.ClientSession) -> None:
    with fake_ollama() as port:
        ollama, heard = at(session, port), Heard()
        pulling = asyncio.create_task(ollama.pull("held:1b", heard))
        await until(lambda: any(done == 500_000 for _, _, done, _ in heard.lines), "half of it")
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        async with session.post(f"http://127.0.0.1:{port}/release"):
            pass
        await ollama.pull("held:1b", heard)
        assert [(row["from"], row["ended"]) for row in (await seen(session, port))["pulls"]] == [
            (0, "left"),
            (500_000, "success"),
        ]


async def test_a_connection_that_ends_in_the_middle_is_no_success(session: aiohttp.ClientSession) -> None:
    with fake_ollama() as port:
        ollama = at(session, port)
        with pytest.raises(EngineUnreachable) as raised:
            await ollama.pull("dropped:1b", Heard())
        assert str(port) in raised.value.sentence
        assert not await ollama.has("dropped:1b")
        await ollama.pull("dropped:1b", Heard())
        assert (await seen(session, port))["pulls"][1]["from"] == 500_000


@pytest.mark.parametrize(
    ("tag", "kind", "words"),
    [
        ("nothing:1b", NotFound, "pull model manifest: file does not exist"),
        ("full:1b", StorageFailed, "no space left on device"),
        ("newer:1b", UpstreamError, "requires a newer version of Ollama"),
        ("offline:1b", SourceUnreachable, "no such host"),
        ("gpt-oss:120b-cloud", Unsupported, "gpt-oss:120b-cloud runs at ollama.com"),
        ("glm-4.6:cloud", Unsupported, "runs at ollama.com"),
    ],
)
async def test_what_cannot_be_pulled_says_why(
    session: aiohttp.ClientSession, tag: str, kind: type[FlockError], words: str
) -> None:
    with fake_ollama() as port:
        with pytest.raises(kind) as raised:
            await at(session, port).pull(tag, Heard())
        assert words in raised.value.sentence
        assert raised.value.hint


async def test_a_model_whose_manifest_leads_elsewhere_is_taken_back(session: aiohttp.ClientSession) -> None:
    with fake_ollama() as port:
        ollama = at(session, port)
        with pytest.raises(Unsupported) as raised:
            await ollama.pull("stub", Heard())
        assert "ollama.com" in raised.value.sentence
        assert (await seen(session, port))["deleted"] == ["stub:latest"]
        assert not await ollama.has("stub")


async def test_models_are_deleted_loaded_and_unloaded(session: aiohttp.ClientSession) -> None:
    with fake_ollama() as port:
        ollama = at(session, port)
        await ollama.load("tiny:1b", keep_seconds=-1)
        assert (await seen(session, port))["loaded"] == ["tiny:1b"]
        await ollama.unload("tiny:1b")
        assert (await seen(session, port))["loaded"] == []
        await ollama.load("embedder")
        assert (await seen(session, port))["loaded"] == ["embedder:latest"]
        assert await ollama.delete("tiny:1b")
        assert not await ollama.delete("tiny:1b")
        with pytest.raises(NotFound):
            await ollama.load("tiny:1b")


async def test_a_model_too_large_is_refused_in_ollamas_words(session: aiohttp.ClientSession) -> None:
    with fake_ollama("--memory", "1000000") as port, pytest.raises(UpstreamError) as raised:
        await at(session, port).load("tiny:1b")
    assert "requires more system memory" in raised.value.sentence


async def test_nobody_there_names_the_command_that_starts_it(session: aiohttp.ClientSession) -> None:
    ollama = at(session, free_port())
    for call in (ollama.pull("small:1b", Heard()), ollama.has("small:1b"), ollama.delete("x"), ollama.load("x")):
        with pytest.raises(EngineUnreachable) as raised:
            await call
        assert raised.value.hint == "ollama serve"
