"""The shape of a model's cache by what its file says; expected numbers are counted by hand from the models' cards."""

from typing import Any

import pytest

from flock.engines.kv_cache import Geometry, geometry


def facts(architecture: str, **told: Any) -> dict[str, Any]:
    return {f"{architecture}.{name.replace('__', '.')}": value for name, value in told.items()}


@pytest.mark.parametrize(
    ("architecture", "told", "expected"),
    [
        # Llama 3.1 8B: 32 layers of 8 heads of 128
        (
            "llama",
            {"block_count": 32, "embedding_length": 4096, "attention__head_count": 32, "attention__head_count_kv": 8},
            Geometry(2 * 32 * 8 * 256, 0, 0, 32),
        ),
        # Gemma 3 12B: 48 layers of which every sixth is whole; 8 heads of 256
        (
            "gemma3",
            {
                "block_count": 48,
                "embedding_length": 3840,
                "attention__head_count": 16,
                "attention__head_count_kv": 8,
                "attention__key_length": 256,
                "attention__value_length": 256,
                "attention__sliding_window": 1024,
            },
            Geometry(2 * 8 * 8 * 512, 2 * 40 * 8 * 512, 1024, 32),
        ),
        # gpt-oss-20b: 24 layers, every second whole, 8 heads of 64
        (
            "gpt-oss",
            {
                "block_count": 24,
                "embedding_length": 2880,
                "attention__head_count": 64,
                "attention__head_count_kv": 8,
                "attention__key_length": 64,
                "attention__value_length": 64,
                "attention__sliding_window": 128,
            },
            Geometry(2 * 12 * 8 * 128, 2 * 12 * 8 * 128, 128, 32),
        ),
        # a list of which layers slide, of its own widths, the last two without a cache of their own
        (
            "gemma4",
            {
                "block_count": 6,
                "embedding_length": 512,
                "attention__head_count": 8,
                "attention__head_count_kv": [2, 2, 1, 2, 2, 1],
                "attention__key_length": 512,
                "attention__value_length": 512,
                "attention__key_length_swa": 256,
                "attention__value_length_swa": 256,
                "attention__sliding_window": 512,
                "attention__sliding_window_pattern": [1, 1, 0, 1, 1, 0],
                "attention__shared_kv_layers": 2,
            },
            Geometry(2 * 1 * 1024, 2 * (2 + 2 + 2) * 512, 512, 32),
        ),
        # Qwen3-Next: three of four layers are recurrent
        (
            "qwen3next",
            {
                "block_count": 48,
                "embedding_length": 2048,
                "attention__head_count": 16,
                "attention__head_count_kv": 2,
                "attention__key_length": 256,
                "attention__value_length": 256,
                "full_attention_interval": 4,
            },
            Geometry(2 * 12 * 2 * 512, 0, 0, 32),
        ),
        # DeepSeek V3: one compressed row of 576 for keys and values
        (
            "deepseek2",
            {
                "block_count": 61,
                "embedding_length": 7168,
                "attention__head_count": 128,
                "attention__head_count_kv": 1,
                "attention__key_length": 576,
                "attention__value_length": 512,
                "attention__key_length_mla": 192,
            },
            Geometry(2 * 61 * 576, 0, 0, 32),
        ),
        # Phi-3 tells a window that llama.cpp does not use
        (
            "phi3",
            {
                "block_count": 32,
                "embedding_length": 3072,
                "attention__head_count": 32,
                "attention__head_count_kv": 32,
                "attention__sliding_window": 2047,
            },
            Geometry(2 * 32 * 32 * 192, 0, 0, 32),
        ),
        ("rwkv", {}, Geometry(0, 0, 0, 0)),
        (
            "llama",
            {"block_count": 1, "embedding_length": 64, "attention__head_count": 8, "attention__head_count_kv": 8},
            Geometry(2 * 8 * 16, 0, 0, 1),  # heads of 8 have no blocks of 32
        ),
    ],
)
def test_shapes(architecture: str, told: dict[str, Any], expected: Geometry) -> None:
    assert geometry(architecture, facts(architecture, **told)) == expected
