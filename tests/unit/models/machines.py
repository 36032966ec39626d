"""Imagined machines and the engines on them, for the tests of what fits."""

from pathlib import Path

from flock.hardware.seen import Seen, simulated
from flock.models.choose import EngineHere
from flock.models.entry import Entry
from flock.models.shelf import Shelf

CATALOG = Path(__file__).parents[3] / "catalog"
HEADROOM = 2 * 2**30
_WORDS = frozenset({"chat", "embedding", "rerank"})
_FACTS = {
    "llamacpp": ({"gguf"}, _WORDS, "install llama.cpp"),
    "embedded": ({"gguf"}, _WORDS, "flock engine install embedded"),
    "mlx": ({"mlx", "safetensors"}, {"chat"}, "flock engine install mlx"),
    "vllm": ({"safetensors"}, _WORDS | {"transcription"}, "flock engine install vllm"),
    "sglang": ({"safetensors"}, {"chat", "embedding"}, "install SGLang"),
    "ollama": ({"ollama"}, {"chat", "embedding"}, "ollama serve"),
    "whisper": ({"whisper"}, {"transcription"}, "build whisper.cpp"),
    "piper": ({"piper"}, {"speech"}, "flock engine install piper"),
}


def engines(*ready: str) -> list[EngineHere]:
    """Return every kind of engine, these of them installed."""
    return [
        EngineHere(kind, kind in ready, "" if kind in ready else hint, frozenset(formats), frozenset(kinds))
        for kind, (formats, kinds, hint) in _FACTS.items()
    ]


def machine(gigabytes: int, gpu: str = "") -> tuple[Seen, int]:
    """Return a machine, and what models may take there."""
    seen = simulated(gigabytes, gpu)
    return seen, max(0, seen.pool_total_bytes - HEADROOM)


def entries() -> dict[str, Entry]:
    """Return flock's own catalog."""
    return dict(Shelf([CATALOG]).read().entries)
