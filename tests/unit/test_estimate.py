"""The formula of an estimate; tests/engines/test_estimates.py holds it against real processes."""

from dataclasses import replace

import pytest

from flock.estimate import CARD_CONTEXT, KV_SHARE, MIB, PROCESS, Load, cache_bytes, estimate

# the buffers llama.cpp prints for tests/models/sized.py (--log-verbosity 5), in MiB: compute and KV
PRINTED = [
    (Load("llamacpp", 0, 12_288, 8192, 1, embedding=512, feed_forward=1536), 22.02, 96),
    (Load("llamacpp", 0, 12_288, 131_072, 1, "q8_0", embedding=512, feed_forward=1536), 142.05, 816),
    (Load("llamacpp", 0, 12_288, 32_768, 1, flash="off", heads=8, embedding=512, feed_forward=1536), 584.01, 384),
    (Load("llamacpp", 0, 14_336, 32_768, 2, "q4_0", embedding=1024, feed_forward=2816), 58.55, 252),
    (Load("llamacpp", 0, 20_480, 8192, 1, embedding=1536, feed_forward=4608), 50.02, 160),
    (Load("llamacpp", 0, 20_480, 8192, 1, batch=128, embedding=1536, feed_forward=4608), 12.50, 160),
    (Load("llamacpp", 0, 20_480, 8192, 1, batch=2048, embedding=1536, feed_forward=4608), 200.07, 160),
]


@pytest.mark.parametrize(("load", "compute", "cache"), PRINTED)
def test_buffers_are_those_that_llama_cpp_prints(load: Load, compute: float, cache: int) -> None:
    need = estimate(load)
    assert need.cache == cache * MIB
    assert (need.overhead - PROCESS["llamacpp"]) / MIB == pytest.approx(compute, rel=0.05)


def test_windows_are_made_up_to_whole_pages() -> None:
    assert cache_bytes(Load("embedded", 0, 1024, 1000, 2)) == 2 * 1024 * 1024
    assert cache_bytes(Load("embedded", 0, 1024, 1024, 2)) == 2 * 1024 * 1024


def test_sliding_layers_keep_their_window_and_a_batch() -> None:
    load = Load("llamacpp", 0, 0, 100_000, 1, sliding_bytes_per_token=1024, sliding_window=1024)
    assert cache_bytes(load) == 1536 * 1024
    assert cache_bytes(replace(load, context=512)) == 512 * 1024
    assert cache_bytes(replace(load, kv_bytes_per_token=16, kv_type="q8_0")) == round(
        (1536 * 1024 + 16 * 100_096) * KV_SHARE["q8_0"]
    )


def test_what_lies_beside_a_model_counts() -> None:
    plain = Load("llamacpp", 1_000_000, embedding=512, vocabulary=1000)
    assert estimate(replace(plain, extra_bytes=7)).total - estimate(plain).total == 7
    assert estimate(replace(plain, kept_bytes=7)).total - estimate(plain).total == 7
    on_card = estimate(replace(plain, card=True))
    assert on_card.overhead - estimate(plain).overhead == CARD_CONTEXT + 4 * 1000 * 512
    assert estimate(plain).weights == 1_000_000


@pytest.mark.parametrize(("weights", "table"), [(75, 273), (142, 388), (466, 852), (1500, 2100), (2900, 3900)])
def test_whisper_takes_what_its_table_says(weights: int, table: int) -> None:
    assert estimate(Load("whisper", weights * MIB)).total / MIB == pytest.approx(table, rel=0.15)


def test_an_unknown_shape_errs_by_a_share_of_the_weights() -> None:
    assert estimate(Load("embedded", 2000 * MIB)).overhead == PROCESS["embedded"] + 100 * MIB
    assert estimate(Load("mlx", 10 * MIB)).overhead == PROCESS["mlx"] + 32 * MIB
