"""How much memory a model takes once it is loaded: weights, key/value cache, and what the engine needs to compute.

Owns the formula, a pure function of what is known before a load; what was measured after one replaces it
(engines/supervisor.py). Called by models/ for what is not fetched yet and by engines/ for what is.
"""

from dataclasses import dataclass

# Bytes of a cached value, of f16's two: a block of 32 values is 34 bytes in q8_0 and 18 in q4_0 (ggml-common.h).
KV_SHARE = {"f16": 1.0, "q8_0": 34 / 64, "q4_0": 18 / 64}

MIB = 2**20
# What the process takes before it has a model, as measured on 2 cores: a Python with the engine in it, or a program.
PROCESS = {"embedded": 60 * MIB, "llamacpp": 40 * MIB, "mlx": 200 * MIB, "vllm": 2300 * MIB, "piper": 150 * MIB}
PROCESS_OTHER = 60 * MIB
# Where the model's shape is not known: buffers in which a batch is computed, as a share of the weights.
COMPUTE_SHARE, COMPUTE_LEAST = 0.05, 32 * MIB


@dataclass(frozen=True, slots=True)
class Load:
    """A model and how it would be loaded.

    `weights_bytes` of its files; `kv_bytes_per_token` of its cache in f16, 0 when unknown; `context` tokens for each of
    `slots`; `batch` tokens computed at once; `embedding` and `vocabulary` are the model's widths, 0 when unknown;
    `extra_bytes` is what lies beside it: the image half, a draft model.
    """

    engine: str
    weights_bytes: int
    kv_bytes_per_token: int = 0
    context: int = 0
    slots: int = 1
    kv_type: str = "f16"
    batch: int = 512
    embedding: int = 0
    vocabulary: int = 0
    extra_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """What a loaded model takes, in bytes."""

    weights: int
    cache: int
    overhead: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.overhead


def estimate(load: Load) -> Need:
    """Return what a model takes when it is loaded so."""
    cache = round(load.kv_bytes_per_token * KV_SHARE.get(load.kv_type, 1.0) * load.context * load.slots)
    # the logits of a batch's last tokens and a few activations as wide as the model, 4 bytes each (llama.cpp's buffers)
    shape = 4 * load.batch * (load.vocabulary + 8 * load.embedding)
    compute = shape or max(round(load.weights_bytes * COMPUTE_SHARE), COMPUTE_LEAST)
    overhead = PROCESS.get(load.engine, PROCESS_OTHER) + compute
    return Need(load.weights_bytes + load.extra_bytes, cache, overhead)
