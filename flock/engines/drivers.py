"""The drivers there are, in the order in which they are tried for a model that several could serve.

Owns the list, and the asking of programs that only tell their version when they are run. Called by roster.py, and by
core/engine_install.py after an installation.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from flock.engines.embedded import Embedded
from flock.engines.engine import Engine, EngineSettings
from flock.engines.llamacpp import LlamaCpp
from flock.engines.mlx import Mlx
from flock.engines.ollama_server import OllamaServer
from flock.engines.piper import Piper
from flock.engines.process import inherited_environment
from flock.engines.search import Search
from flock.engines.sglang import Sglang
from flock.engines.vllm import Vllm
from flock.engines.whisper import Whisper


def drivers(settings: EngineSettings, installed: Path | None) -> tuple[Engine, ...]:
    """Return a driver for each engine flock can start for one model; `installed` is paths.Home.engines.

    For safetensors vLLM comes before SGLang, which it is tested beside, and MLX-LM last: it runs everywhere, and where
    none of them is here its hint installs. The same goes for llama.cpp's own program and the embedded one, which is the
    last of all.
    """
    search = Search(settings.paths, installed)
    return (
        LlamaCpp(search=search),
        Vllm(search),
        Sglang(search),
        Mlx(search),
        Whisper(search),
        Piper(search),
        Embedded(search),
    )


async def learn(engines: Iterable[object]) -> None:
    """Ask the programs among these that were not asked yet which version they are; each is bounded, none raises."""
    asked = [engine for engine in engines if isinstance(engine, LlamaCpp | OllamaServer)]
    await asyncio.gather(*(_learn(engine) for engine in asked))


async def _learn(engine: LlamaCpp | OllamaServer) -> None:
    program = await asyncio.to_thread(engine.program)
    if program:
        await engine.search.versions.learn(program, inherited_environment())
