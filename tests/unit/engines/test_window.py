"""Windows, slots and caches that flock chooses: what fits, what was set, and in which order things give way."""

from dataclasses import replace
from pathlib import Path

import pytest

from flock.contract.models import ModelConfig
from flock.engines.gguf_header import GgufHeader
from flock.engines.window import Window, choose_window, load_of, told
from flock.estimate import CARD_CONTEXT, Need, estimate

GIB = 2**30
EIGHT = GgufHeader(
    Path("m.gguf"), "llama", "", 131072, 4_900_000_000, 131072, True, heads=32, embedding=4096, head_size=32
)
SEVENTY = replace(EIGHT, size_bytes=42_500_000_000, kv_bytes_per_token=327680, embedding=8192)


def cache_of_one(window: Window) -> int:
    return need(EIGHT, replace(window, slots=1, windows=0)).cache


def need(header: GgufHeader, window: Window, kind: str = "llamacpp") -> Need:
    return estimate(load_of(header, window, kind))


@pytest.mark.parametrize(
    ("header", "gib", "expected"),
    [
        (replace(EIGHT, kv_bytes_per_token=1024), 22, (100_000, 2, "f16")),  # a small cache: the fastest type
        (replace(EIGHT, context_length=8192, kv_bytes_per_token=1), 22, (8192, 2, "f16")),  # its own window at most
        (EIGHT, 94, (100_000, 2, "q8_0")),
        (EIGHT, 200, (100_000, 2, "f16")),
        (EIGHT, 22, (83_968, 2, "q8_0")),  # half of the memory is left to another model
        (EIGHT, 6, (0, 1, "q4_0")),
        (SEVENTY, 46, (0, 2, "q4_0")),  # row 342: a large window on 48 GB only by q4_0
        (SEVENTY, 22, (2048, 1, "q4_0")),  # nothing fits: the least that makes sense, refused elsewhere
        (replace(EIGHT, head_size=1), 22, (0, 2, "f16")),  # a quantised cache has blocks of 32
        (replace(EIGHT, architecture="gpt-oss"), 22, (0, 2, "f16")),
        (replace(EIGHT, context_length=0, kv_bytes_per_token=0), 22, (4096, 2, "")),  # tells neither
    ],
)
def test_choices(header: GgufHeader, gib: int, expected: tuple[int, int, str]) -> None:
    chosen = choose_window(header, gib * GIB)
    context, slots, kv_type = expected
    assert (chosen.slots, chosen.kv_type) == (slots, kv_type)
    assert chosen.context == context or not context
    assert chosen.context >= 2048
    assert chosen.flash == ("on" if kv_type in ("q8_0", "q4_0") else "")
    if header is not SEVENTY or gib > 40:
        assert need(header, chosen).total <= gib * GIB


def test_large_window_before_a_good_cache_and_a_good_cache_before_the_largest() -> None:
    large = choose_window(EIGHT, 12 * GIB)
    assert (large.kv_type, large.context >= 32_768) == ("q8_0", True)
    small = choose_window(EIGHT, 8 * GIB)
    assert (small.kv_type, small.context >= 32_768) == ("q4_0", True)


def test_what_was_set_counts() -> None:
    set_ = ModelConfig(context=16384, slots=8, kv_type="q4_0", threads=3)
    assert choose_window(EIGHT, 22 * GIB, set_) == replace(
        choose_window(EIGHT, 22 * GIB, set_), context=16384, slots=8, kv_type="q4_0", flash="on", threads=3
    )
    assert choose_window(EIGHT, 22 * GIB, ModelConfig(slots=4)).slots == 4
    assert choose_window(EIGHT, 22 * GIB, ModelConfig(context=131072)).context == 131072
    without = choose_window(EIGHT, 22 * GIB, ModelConfig(flash_attention="off"))
    assert (without.kv_type, without.flash) == ("f16", "off")  # values of a quantised cache need it


def test_other_engines_have_no_such_types() -> None:
    chosen = choose_window(EIGHT, 22 * GIB, kind="vllm")
    assert (chosen.kv_type, chosen.flash, chosen.cache_mib) == ("", "", 0)
    assert need(EIGHT, chosen, "vllm").total <= 22 * GIB


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
def test_a_cache_of_pages_serves_many_short_requests_with_two_whole_windows(kind: str) -> None:
    chosen = choose_window(EIGHT, 60 * GIB, kind=kind)
    assert (chosen.slots, chosen.windows) == (32, 2)
    assert need(EIGHT, chosen, kind).cache == 2 * 131072 * 100_096
    one = choose_window(EIGHT, 12 * GIB, kind=kind)
    assert (one.slots, one.windows) == (32, 1)
    assert need(EIGHT, one, kind).total <= 12 * GIB
    few = choose_window(EIGHT, 60 * GIB, ModelConfig(slots=1), kind)
    assert (few.slots, few.windows) == (1, 0)
    # 8 bits are the least they have, and what they are counted with
    assert choose_window(EIGHT, 60 * GIB, ModelConfig(kv_type="q4_0"), kind).kv_type == "q8_0"
    texts = choose_window(replace(EIGHT, kind="embedding"), 60 * GIB, kind=kind)
    assert (texts.slots, texts.windows) == (32, 4)


def test_mlx_answers_as_many_at_once_as_whole_windows_fit() -> None:
    assert [choose_window(EIGHT, gib * GIB, kind="mlx").slots for gib in (10, 15, 60)] == [1, 2, 4]
    chosen = choose_window(EIGHT, 60 * GIB, kind="mlx")
    assert need(EIGHT, chosen, "mlx").cache == 4 * cache_of_one(chosen)
    # one at a time with a quantised cache or a draft model
    assert choose_window(EIGHT, 60 * GIB, ModelConfig(kv_type="q8_0"), "mlx").slots == 1
    assert choose_window(EIGHT, 60 * GIB, ModelConfig(draft="small"), "mlx").slots == 1
    assert choose_window(EIGHT, 60 * GIB, ModelConfig(kv_type="q8_0"), "mlx").kv_type == "q8_0"


def test_kept_prompts_are_bounded_by_the_memory_the_cache_and_what_is_left() -> None:
    assert choose_window(EIGHT, 256 * GIB).cache_mib == 2048
    assert choose_window(EIGHT, 22 * GIB).cache_mib == 22 * 1024 // 16
    assert choose_window(replace(EIGHT, kv_bytes_per_token=1024), 22 * GIB).cache_mib == 2 * 100_096 // 1024
    for gib in (6, 8, 10, 12):
        assert need(EIGHT, choose_window(EIGHT, gib * GIB)).total <= gib * GIB


def encoder(window: int, per_token: int, heads: int) -> GgufHeader:
    return GgufHeader(Path("m.gguf"), "bert", "", window, 0, per_token, False, "embedding", "mean", heads)


@pytest.mark.parametrize(
    ("model", "memory", "expected"),
    [
        (encoder(512, 0, 12), 8 * GIB, (512, 4)),
        (encoder(8192, 0, 16), 24 * GIB, (8192, 4)),  # bge-m3
        (encoder(8192, 0, 16), 8 * GIB, (4096, 4)),
        (encoder(32768, 114688, 16), 24 * GIB, (8192, 4)),  # Qwen3-Embedding
        (encoder(32768, 1310720, 8), 24 * GIB, (8192, 1)),
        (encoder(8192, 0, 16), GIB // 8, (512, 4)),  # the least that makes sense
        (encoder(0, 0, 0), 8 * GIB, (512, 4)),
    ],
)
def test_text_that_is_embedded_fits_into_one_batch(model: GgufHeader, memory: int, expected: tuple[int, int]) -> None:
    chosen = choose_window(model, memory)
    assert (chosen.context, chosen.slots) == expected
    assert chosen.batch == chosen.micro_batch == chosen.context
    assert chosen.cache_mib == 0
    smaller = choose_window(model, memory, ModelConfig(context=256, slots=1))
    assert (smaller.context, smaller.slots, smaller.batch) == (256, 1, 256)


def test_words_for_what_was_chosen() -> None:
    words = told(32768, 2, "q8_0", 3_100_000_000, 17_800_000_000)
    assert words == "2 x 32,768 tokens, cache q8_0, 3.1 GB of 17.8 GB"
    many = told(32768, 32, "", 3_100_000_000, 17_800_000_000, 2)
    assert many == "2 x 32,768 tokens for 32 requests, 3.1 GB of 17.8 GB"
    assert told(2048, 1, "", 5_000_000, 10**9) == "1 x 2,048 tokens, 5.0 MB of 1.0 GB"


def test_on_a_card_kept_prompts_lie_elsewhere_and_the_cards_own_need_counts() -> None:
    here, card = choose_window(EIGHT, 22 * GIB), choose_window(EIGHT, 22 * GIB, card=True)
    assert card.cache_mib == here.cache_mib
    on_card = estimate(load_of(EIGHT, card, "llamacpp", card=True))
    assert on_card.total <= 22 * GIB
    assert on_card.overhead > CARD_CONTEXT
