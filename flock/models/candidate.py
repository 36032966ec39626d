"""A model that could be had, and the ways to have it: what choose.py chooses from.

Owns the values, what a user may wish of them, and the arithmetic between a quantisation's name and its size. Made from
an entry of the catalog (entry.py) or from what a repository on the hub holds (repository.py). Pure.
"""

import re
from dataclasses import dataclass

from flock.estimate import MIB

# Bits of a weight, by the beginning of a quantisation's name, the longest that fits first: llama.cpp's
# tools/quantize/README.md (Llama 3.1 8B) for GGUF; one scale of 16 bits for 64 weights in MLX's and for 128 in AWQ and
# GPTQ; MXFP4 has 8 bits for 32 weights, NVFP4 8 for 16.
_BITS = (
    ("iq1", 2.0), ("iq2", 2.7), ("iq3", 3.4), ("iq4", 4.5),
    ("q2", 3.2), ("q3", 4.0), ("q4_0", 4.6), ("q4", 4.9), ("q5", 5.7), ("q6", 6.6), ("q8", 8.5),
    ("4bit", 4.5), ("8bit", 8.5), ("awq", 4.3), ("gptq", 4.3), ("int4", 4.3), ("w4", 4.3), ("mxfp4", 4.3),
    ("nvfp4", 4.5), ("fp8", 8.0), ("int8", 8.0), ("f16", 16.0), ("fp16", 16.0), ("bf16", 16.0), ("f32", 32.0),
)  # fmt: skip
# A context window's cache where the model's shape is not known: 48 KiB for each token times the root of the billions of
# parameters at work. That is within a factor of two and a half of every entry whose shape is known, mostly above
# (tests/unit/models/test_choose.py).
_GUESSED_CACHE = 48 * 1024


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have a model.

    `format` is gguf, mlx, safetensors, whisper, piper or ollama; `repo` is OWNER/NAME on the hub with `files` in it
    (none: those whose names hold `quant`, or all), `tag` what Ollama calls it. `size_bytes` is all that would be
    fetched, null when unknown; `guessed` where it follows from the number of parameters. `projector` is the image half,
    a file of the same repository. `gpu_bytes` is the graphics memory its maker asks for, 0 when they do not say;
    `min_version` the first version of the engine that loads it, "" when unknown.
    """

    format: str
    quant: str = ""
    repo: str = ""
    files: tuple[str, ...] = ()
    tag: str = ""
    size_bytes: int | None = None
    guessed: bool = False
    projector: str = ""
    gpu_bytes: int = 0
    min_version: str = ""
    tool_parser: str = ""
    reasoning_parser: str = ""

    @property
    def source(self) -> str:
        """What `flock model add` takes for exactly this: hf:OWNER/REPO[:QUANT or :FILE], ollama:TAG."""
        if self.tag:
            return f"ollama:{self.tag}"
        part = self.files[0] if self.files else self.quant if self.format == "gguf" else ""
        return f"hf:{self.repo}" + (f":{part}" if part else "")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could be had. `kind` is a word of profile.KINDS; `context` its whole window in tokens.

    `kv_bytes_per_token` is its cache in f16, 0 when unknown (then `active_billions` says about how much);
    `min_memory_gb` and `min_gpu_gb` are floors as people say them, 0 for none. `shards` is how many machines it needs,
    1 for what runs on one. `senses` is whether it takes pictures or sound, which not every engine does;
    `family` is a word of the catalog's, "" when unknown.
    """

    id: str
    kind: str
    ways: tuple[Way, ...]
    context: int | None = None
    kv_bytes_per_token: int = 0
    active_billions: float | None = None
    min_memory_gb: float = 0
    min_gpu_gb: float = 0
    shards: int = 1
    senses: bool = False
    family: str = ""

    @property
    def cache_per_token(self) -> int:
        """Bytes of the f16 cache for a token, by the model's shape or guessed; 0 for a model that keeps none."""
        if self.kv_bytes_per_token or self.kind in ("embedding", "transcription", "speech"):
            return self.kv_bytes_per_token
        return round(_GUESSED_CACHE * (self.active_billions or 0) ** 0.5)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for, "" and None for no word about it. `engine` and `quant` must be had so or not at all;
    `preferred` is the engine that the settings prefer; the others are fields of contract.models.ModelConfig.
    """

    engine: str = ""
    quant: str = ""
    preferred: str = ""
    context: int | None = None
    slots: int | None = None
    kv_type: str = ""


def bits(quant: str) -> float | None:
    """Return the bits of a weight in a quantisation ("UD-Q4_K_M", "awq-int4"), None for a name that is not known."""
    for word in re.split(r"[-+ ]", quant.lower()):
        for begins, width in sorted(_BITS, key=lambda known: -len(known[0])):
            if word.startswith(begins):
                return width
    return None


def size_of(params_billions: float | None, quant: str) -> int | None:
    """Return about how many bytes so many parameters take in a quantisation, None when either is unknown."""
    width = bits(quant)
    if params_billions is None or width is None:
        return None
    whole = params_billions * 1e9 * width / 8
    return max(round(whole / MIB), 1) * MIB
