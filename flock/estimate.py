"""How much memory a model takes once it is loaded: weights, key/value cache, and what the engine needs to compute.

Owns the formula, a pure function of what is known before a load; what was measured after one replaces it
(engines/supervisor.py). Called by models/ for what is not fetched yet and by engines/ for what is.

The parts for llama.cpp are its own buffers, as it prints them with --log-verbosity 5, and were measured with models of
57, 238 and 778 MB (tests/models/sized.py) on llama-server b11669 and xllamacpp 2026.10: see
tests/engines/test_estimates.py, which holds the whole against the memory of the real processes.
"""

from dataclasses import dataclass

# Bytes of a cached value, of f16's two: a block of 32 values is 34 bytes in q8_0 and 18 in q4_0 (ggml-common.h).
KV_SHARE = {"f16": 1.0, "q8_0": 34 / 64, "q4_0": 18 / 64}

MIB = 2**20
# What the process takes before it has a model, as measured on 2 cores with models of a megabyte: a Python with the
# engine in it, or a program with its libraries. vLLM's is of its CPU build: torch, its compiler and four processes,
# counted by the share of each page that is theirs (PSS); MLX-LM's of its CPU build.
PROCESS = {
    "embedded": 36 * MIB,
    "llamacpp": 33 * MIB,
    "mlx": 90 * MIB,
    "vllm": 2400 * MIB,
    "whisper": 32 * MIB,
    "piper": 75 * MIB,
}
PROCESS_OTHER = 60 * MIB
LLAMA = ("embedded", "llamacpp")
# Engines whose cache is made of pages that any request may have, and who compute what is there together: a request
# takes no more of the cache than it is long, and who finds none left waits. 32 short ones go at once where two with a
# whole window do. Their own defaults are 256 (vLLM on a processor) to thousands, for machines that serve nothing else.
PAGED = ("vllm", "sglang")
PAGED_SLOTS, PAGED_WINDOWS = 32, 2
# llama.cpp divides its cache among the slots.
SLOTS = 2
# MLX-LM computes up to 32 together (server.py, --decode-concurrency), but each in a cache as long as the longest of
# them (cache.py, BatchKVCache): as many whole windows as requests. A quantised cache or a draft model leaves one at a
# time.
MLX_SLOTS = (4, 2, 1)
# A word of the vocabulary in the tables of the tokenizer: 190 to 230 bytes between 8,000 and 64,000 words.
WORD_BYTES = 200
# A window is made up to whole pages of the cache (llama_kv_cache's padding); a sliding one holds a batch beside it.
PADDING = 256
# What a process on a graphics card holds beside its buffers: the driver's context and its kernels, 250 to 450 MB for
# CUDA 12 by llama.cpp's and vLLM's users. Not measured here: no card was at hand.
CARD_CONTEXT = 400 * MIB
# Where the model's shape is not known: buffers in which a batch is computed, as a share of the weights.
COMPUTE_SHARE, COMPUTE_LEAST = 0.05, 32 * MIB
# What whisper.cpp computes in, by its own table (github.com/ggml-org/whisper.cpp#memory-usage: 75 MB of weights take
# 273, 466 take 852, 2,900 take 3,900).
WHISPER_BASE, WHISPER_SHARE = 150 * MIB, 1 / 4
# onnxruntime keeps a voice's weights as it has arranged them beside those it has read. Not measured: the voice of the
# tests is too small to show it.
PIPER_SHARE = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """A model and how it would be loaded.

    `weights_bytes` of its files; `kv_bytes_per_token` of its cache in f16, 0 when unknown; `context` tokens for each of
    `slots`, of which the cache holds `windows` whole ones at once, 0 for all; `batch` tokens computed at once;
    `embedding`, `feed_forward`, `heads` and `vocabulary` are the model's widths, 0 when unknown;
    `sliding_bytes_per_token` is what layers take that keep `sliding_window` tokens only. `flash` is "off" where
    attention over a whole window is written out; `card`: it lies on a graphics card. `extra_bytes` is what lies beside
    it: the image half, a draft model; `kept_bytes` bounds the prompts that are kept after their requests.
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
    feed_forward: int = 0
    heads: int = 0
    sliding_bytes_per_token: int = 0
    sliding_window: int = 0
    flash: str = ""
    card: bool = False
    kept_bytes: int = 0
    windows: int = 0


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
    """Return what a model takes when it is loaded so: at its fullest, with every slot's window in use."""
    overhead = PROCESS.get(load.engine, PROCESS_OTHER) + _compute(load) + load.kept_bytes
    if load.engine in LLAMA:
        overhead += WORD_BYTES * load.vocabulary
    if load.card:
        overhead += CARD_CONTEXT
    return Need(load.weights_bytes + load.extra_bytes, cache_bytes(load), overhead)


def cache_bytes(load: Load) -> int:
    """Return the bytes of the key/value cache of all slots."""
    share = KV_SHARE.get(load.kv_type, 1.0)
    context = _padded(load.context)
    sliding = min(context, _padded(load.sliding_window + load.batch)) if load.sliding_window else 0
    a_slot = load.kv_bytes_per_token * context + load.sliding_bytes_per_token * sliding
    return round(share * a_slot * (load.windows or load.slots))


def shares(engine: str, slots: int = 0, *, alone: bool = False) -> list[tuple[int, int]]:
    """Return how many requests at once an engine may be set to, and how many whole windows its cache holds then, best
    first; `slots` where their number is settled, `alone` for an engine that can only do one at a time.
    """
    if engine in PAGED:
        number = slots or PAGED_SLOTS
        return [(number, windows) for windows in dict.fromkeys((min(number, PAGED_WINDOWS), 1))]
    if slots:
        return [(slots, slots)]
    if engine == "mlx":
        return [(number, number) for number in (MLX_SLOTS[-1:] if alone else MLX_SLOTS)]
    return [(number, number) for number in (SLOTS, 1)]


def _padded(tokens: int) -> int:
    return -(-tokens // PADDING) * PADDING


def _compute(load: Load) -> int:
    """Return the bytes of the buffers in which a batch is computed."""
    if load.engine == "whisper":
        return WHISPER_BASE + round(load.weights_bytes * WHISPER_SHARE)
    if load.engine == "piper":
        return round(load.weights_bytes * PIPER_SHARE)
    if load.engine not in LLAMA or not load.embedding:
        return max(round(load.weights_bytes * COMPUTE_SHARE), COMPUTE_LEAST)
    # Of each token of a batch: 8 rows as wide as the model and 2 as wide as its middle, 4 bytes each (14.0 MiB measured
    # for widths 512 and 1,536, 26.5 for 1,024 and 2,816, 42.0 for 1,536 and 4,608; this gives 14, 27 and 42), and who
    # may look at whom, 2 bytes for every token of the window.
    wide = 4 * (8 * load.embedding + 2 * (load.feed_forward or 3 * load.embedding))
    row = wide + 2 * _padded(load.context)
    if load.flash == "off":  # the attention itself, and the mask in 4 bytes
        row += (4 * load.heads + 2) * _padded(load.context)
    if load.card:  # older builds compute every token's scores there
        row += 4 * load.vocabulary
    return row * load.batch
