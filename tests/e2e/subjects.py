"""What the SDK tests run against: flock in front of each real engine, with a model that is known word for word.

Owns the facts by which engines differ; tests ask them instead of naming engines. flock's own engines serve the smoke
model, attached ones tiny-script; both say one sentence, and call one tool where it is offered. Called by the fixtures
of the tests of each SDK.
"""

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flock.smoke import facts
from tests.e2e.parts import environment
from tests.engines import real
from tests.models import make
from tests.running import LLAMA_PATH, Flock, running_flock

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Verdict(BaseModel):
    """What a grammar must force out of a model that knows nothing."""

    ok: bool
    words: list[int]


@dataclass(frozen=True, slots=True)
class Subject:
    """A flock and the one model it serves. `relays`: dialects besides chat that its engine speaks by itself."""

    kind: str
    flock: Flock
    model: str
    sentence: str
    context: int
    relays: frozenset[str] = frozenset()
    forces_json: bool = True
    counts: bool = True
    refuses_images: str = "image input is not supported"

    @property
    def tool(self) -> str:
        """The name of the one tool that the model calls."""
        return make.TOOL

    @property
    def arguments(self) -> dict[str, str]:
        """What it calls it with."""
        return json.loads(make.TOOL_ARGUMENTS)

    def faults(self, dialect: str) -> set[str]:
        """Return the types that a bad request's error may have: a relay carries those of the engine."""
        own = {"BadRequestError", "Bad Request"} if dialect in self.relays else set[str]()
        return {"invalid_request_error", *own}

    def path(self, dialect: str) -> str:
        """Return what X-Flock-Path says of a request that uses nothing special."""
        return "relay" if dialect in self.relays or dialect == "openai" else "translate"


EMBEDDED = pytest.param("embedded", id="embedded")
LLAMACPP = pytest.param("llamacpp", id="llamacpp", marks=pytest.mark.engine("llama-server"))
MLX = pytest.param("mlx", id="mlx", marks=[pytest.mark.engine("mlx-lm"), real.SLOW_START])
VLLM = pytest.param("vllm", id="vllm", marks=[pytest.mark.engine("vllm"), real.SLOW_START])
ALL = [EMBEDDED, LLAMACPP, MLX, VLLM]
ATTACHED = [MLX, VLLM]


@contextlib.contextmanager
def subject(kind: str, shared: Path) -> Iterator[Subject]:
    """Yield a flock in front of a real engine; afterwards it must not have met anything it did not expect."""
    with contextlib.ExitStack() as stack:
        made = (_own if kind in ("embedded", "llamacpp") else _attached)(stack, kind, shared)
        yield made
        assert "Traceback" not in (made.flock.home / "logs/flock.log").read_text()


def _own(stack: contextlib.ExitStack, kind: str, shared: Path) -> Subject:
    chosen = {"FLOCK_ENGINE": "embedded"} if kind == "embedded" else {"PATH": LLAMA_PATH}
    flock = stack.enter_context(running_flock(**{**environment(), **chosen}))
    (engine,) = flock.json("engine", "ls")
    assert engine["kind"] == kind
    return Subject(kind, flock, facts.NAME, facts.SENTENCE, facts.CONTEXT)


def _attached(stack: contextlib.ExitStack, kind: str, shared: Path) -> Subject:
    engine = stack.enter_context(real.running(kind, shared))
    flock = stack.enter_context(running_flock(**environment()))
    attached = flock.json("engine", "attach", engine.url, "--name", kind)
    assert attached["kind"] == kind, attached
    made = Subject(kind, flock, engine.model, make.SENTENCE, real.CONTEXT)
    if kind == "mlx":
        return _changed(made, forces_json=False, counts=False, refuses_images="does not support images")
    return _changed(made, relays=frozenset({"anthropic", "responses"}), refuses_images="not a multimodal model")


def _changed(made: Subject, **facts_: Any) -> Subject:
    return Subject(**{name: getattr(made, name) for name in made.__slots__} | facts_)


async def done(value: Any) -> Any:
    """Return what the call of a client gives, be it the sync or the async one."""
    return await value if inspect.isawaitable(value) else value


async def every(stream: Any) -> list[Any]:
    """Return all events of either client's stream."""
    stream = await done(stream)
    return [event async for event in stream] if hasattr(stream, "__aiter__") else list(stream)


async def taken(value: Any) -> Any:
    """Take whatever the call of a client gives, a stream to its end."""
    answer = await done(value)
    return await every(answer) if hasattr(answer, "__aiter__") or hasattr(answer, "__next__") else answer


async def left(stream: Any) -> None:
    """Read a little of an async stream in a task and cancel that, as a server does when its own client has gone."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in stream:
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """Enter either client's context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as inner:
            yield inner
    else:
        with manager as inner:
            yield inner


@contextlib.asynccontextmanager
async def opened(make_client: Callable[..., Any], flock: Flock, kind: str, **options: Any) -> AsyncIterator[Any]:
    """Yield a client that is closed afterwards."""
    client = make_client(flock, kind, **options)
    try:
        yield client
    finally:
        await done(client.close())
