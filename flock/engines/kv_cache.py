"""How large the key/value cache of a model in a GGUF file is: for each token, by kind of layer.

Owns which layers keep every token, which keep a sliding window of them, and which keep none (recurrent ones, and those
that use another layer's). Refuses nothing: what a file does not tell counts as a layer that keeps every token, so that
an estimate errs upwards. Pure. Called by gguf_header.py.

The rules are llama.cpp's (src/llama-hparams.cpp, src/models/*.cpp `load_arch_hparams`, src/llama-kv-cache-iswa.cpp).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

# Of so many layers the last keeps every token and the others slide, where a file does not tell its own pattern
# (`set_swa_pattern` in src/models/). Phi-3 names a window that llama.cpp does not use.
_PERIODS = {
    "gemma2": 2,
    "gpt-oss": 2,
    "modern-bert": 3,
    "cohere2": 4,
    "exaone4": 4,
    "olmo2": 4,
    "afmoe": 4,
    "llama4": 4,
    "smallthinker": 4,
    "gemma3n": 5,
    "gemma3": 6,
    "gemma-embedding": 6,
    "plamo3": 8,
    "phi3": 1,
}
# Llama 4 attends in chunks of this many tokens, which its files do not always tell
_CHUNK = {"llama4": 8192}
# Layers from which on a layer uses an earlier one's cache
_OWN_CACHE = {"gemma3n": 20}


@dataclass(frozen=True, slots=True)
class Geometry:
    """Bytes of the f16 cache for a token: `whole` in the layers that keep all, `sliding` in those that keep the newest
    `window` tokens; 0 when unknown. `head_size` is what every head's width is a multiple of, 0 when unknown.
    """

    whole: int
    sliding: int
    window: int
    head_size: int


def geometry(architecture: str, values: Mapping[str, Any]) -> Geometry:
    """Return the shape of the cache. 2 bytes × heads × (key + value length), summed over the layers of each kind."""

    def fact(name: str, otherwise: Any = 0) -> Any:
        found = values.get(f"{architecture}.{name}")
        return otherwise if found is None else found

    layers, heads, width = int(fact("block_count")), fact("attention.head_count"), int(fact("embedding_length"))
    kv_heads = _by_layer(fact("attention.head_count_kv", heads), layers)
    most = max(_by_layer(heads, layers), default=0)
    head = width // most if most else 0
    key, value = int(fact("attention.key_length", head)), int(fact("attention.value_length", head))
    if fact("attention.key_length_mla"):  # compressed: one row for keys and values
        value = 0
    window = int(fact("attention.sliding_window", 0)) or _CHUNK.get(architecture, 0)
    slides = _pattern(fact("attention.sliding_window_pattern", None), architecture, layers) if window else []
    narrow = int(fact("attention.key_length_swa", key)) + int(fact("attention.value_length_swa", value))
    interval = int(fact("full_attention_interval", 0))
    own = layers - int(fact("attention.shared_kv_layers", 0))
    own = min(own, _OWN_CACHE.get(architecture, own))
    whole = sliding = 0
    for layer, count in enumerate(kv_heads[:own]):
        if interval and (layer + 1) % interval:
            continue  # recurrent
        if layer < len(slides) and slides[layer]:
            sliding += 2 * count * narrow
        else:
            whole += 2 * count * (key + value)
    return Geometry(whole, sliding, window if sliding else 0, _divisor(key, value, narrow if sliding else 0))


def _by_layer(told: Any, layers: int) -> list[int]:
    if isinstance(told, list):
        return [int(number) for number in cast("list[Any]", told)]
    return [int(told)] * layers


def _pattern(told: Any, architecture: str, layers: int) -> list[bool]:
    """Return for each layer whether it slides: a list as told, or all but the last of every period."""
    if isinstance(told, list):
        marks = [bool(mark) for mark in cast("list[Any]", told)]
        return [marks[layer % len(marks)] for layer in range(layers)] if marks else []
    period = int(told) if told is not None else _PERIODS.get(architecture, 1)
    return [period == 0 or layer % period < period - 1 for layer in range(layers)]


def _divisor(*widths: int) -> int:
    """Return 32 where every width is a multiple of it, as blocks of quantised caches are, else 1; 0 without widths."""
    told = [width for width in widths if width]
    if not told:
        return 0
    return 32 if all(width % 32 == 0 for width in told) else 1
