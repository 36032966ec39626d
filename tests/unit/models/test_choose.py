"""Which way to have a model on a machine: engine, quantisation, window, and the verdict in words."""

from dataclasses import replace

import pytest

from flock.models.candidate import Candidate, Way, bits, size_of
from flock.models.choose import Choice, Wish, choose
from tests.unit.models.machines import engines, entries, machine

GB = 10**9
GGUF = Way("gguf", "Q4_K_M", repo="a/b-GGUF", files=("b-Q4_K_M.gguf",), size_bytes=5 * GB)
MLX = Way("mlx", "4bit", repo="a/b-4bit", size_bytes=4 * GB)
RAW = Way("safetensors", "bf16", repo="a/b", size_bytes=16 * GB)
TAG = Way("ollama", tag="b:8b", size_bytes=5 * GB)
EVERY = (GGUF, MLX, RAW, TAG)
# 8 billion parameters with 36 layers, 8 heads of 128
MODEL = Candidate("b", "chat", EVERY, context=131_072, kv_bytes_per_token=147_456, active_billions=8)
ALL = ("llamacpp", "embedded", "mlx", "vllm", "sglang", "ollama", "whisper", "piper")
OUR_ENTRIES = entries()


def chosen(
    gigabytes: int = 64, gpu: str = "", ready: tuple[str, ...] = ALL, model: Candidate = MODEL, **wish: object
) -> Choice:
    seen, budget = machine(gigabytes, gpu)
    return choose(model, seen, budget, engines(*ready), Wish(**wish))  # type: ignore[arg-type]


# -- the engine


@pytest.mark.parametrize(
    ("gpu", "ready", "engine"),
    [
        ("", ALL, "llamacpp"),
        ("", ("embedded", "ollama"), "embedded"),
        ("", ("ollama",), "ollama"),
        ("nvidia", ("sglang", "embedded"), "sglang"),
        ("apple", ALL, "mlx"),
        ("apple", ("embedded",), "embedded"),
        ("nvidia", ALL, "vllm"),
        ("nvidia:24", ALL, "vllm"),
        # 16 GB of weights do not go onto a card of 12
        ("nvidia:12", ALL, "llamacpp"),
        ("amd:24", ALL, "llamacpp"),
        # nothing is installed: what one command of flock's brings comes first
        ("", (), "embedded"),
        ("apple", (), "mlx"),
        ("nvidia", (), "vllm"),
    ],
)
def test_the_engine_follows_from_the_machine_and_from_what_is_here(
    gpu: str, ready: tuple[str, ...], engine: str
) -> None:
    found = chosen(64, gpu, ready)
    assert (found.engine, found.fits, found.ready) == (engine, True, engine in ready)
    assert bool(found.hint) == (not found.ready)


def test_the_settings_prefer_an_engine_but_not_over_what_fits() -> None:
    assert chosen(preferred="ollama").engine == "ollama"
    # bf16 weights of 16 GB are too many for a machine of 16
    assert chosen(16, preferred="vllm").engine == "llamacpp"


def test_a_wish_is_met_or_refused_in_words() -> None:
    assert chosen(engine="vllm").engine == "vllm"
    assert chosen(engine="piper").why == "piper cannot serve it: it comes as gguf, mlx, ollama, safetensors"
    assert chosen(engine="tgi").why == "tgi is not here"
    assert chosen(quant="Q9_9").why == "there is no Q9_9 of it; there is 4bit, Q4_K_M, bf16"
    assert chosen(quant="b-q4_k_m.GGUF").engine == "llamacpp"
    for found in (chosen(engine="piper"), chosen(quant="Q9_9")):
        assert (found.way, found.engine, found.fits, found.variant) == (None, "", False, None)
        assert len(found.variants) == 4


def test_what_is_not_installed_and_not_made_for_this_machine_is_no_way() -> None:
    only = replace(MODEL, ways=(MLX,))
    assert chosen(ready=(), model=only).why == "MLX-LM is made for Apple silicon"
    assert not chosen(ready=(), model=only).fits
    # who has installed it, or names it, knows why
    assert chosen(ready=("mlx",), model=only).fits
    assert chosen(ready=(), model=only, engine="mlx").fits
    raw = replace(MODEL, ways=(RAW,))
    assert chosen(ready=(), model=raw).why == "vLLM wants an NVIDIA card, and there is none"


def test_a_model_that_sees_goes_to_an_engine_that_takes_pictures() -> None:
    assert chosen(64, "apple", model=replace(MODEL, senses=True)).engine == "llamacpp"
    assert chosen(64, "apple", model=replace(MODEL, senses=True, ways=(MLX,))).engine == "mlx"
    assert chosen(64, "apple", model=replace(MODEL, senses=True, ways=(RAW,))).engine == "vllm"


def test_mlx_loads_the_weights_of_others_only_as_they_were_trained() -> None:
    assert chosen(64, "apple", model=replace(MODEL, ways=(RAW,))).engine == "mlx"
    awq = replace(RAW, quant="awq-int4")
    assert chosen(64, "apple", ("mlx",), replace(MODEL, ways=(awq,))).engine == "vllm"


def test_sound_goes_to_the_engines_for_sound() -> None:
    whisper = Candidate("w", "transcription", (Way("whisper", "F16", repo="a/w", files=("w.bin",), size_bytes=2 * GB),))
    found = chosen(8, model=whisper)
    assert (found.engine, found.context, found.kv_type) == ("whisper", None, "")
    assert chosen(8, ready=("piper",), model=whisper).hint == "build whisper.cpp"


# -- the quantisation

QUANTS = tuple(
    replace(GGUF, quant=quant, files=(f"b-{quant}.gguf",), size_bytes=round(size * GB))
    for quant, size in (("F16", 16), ("Q8_0", 8.5), ("Q6_K", 6.6), ("Q4_K_M", 4.9), ("IQ3_M", 3.9), ("Q2_K", 3.2))
)


@pytest.mark.parametrize(
    ("gigabytes", "quant"), [(512, "Q4_K_M"), (16, "Q4_K_M"), (8, "Q4_K_M"), (7, "IQ3_M"), (6, "Q2_K")]
)
def test_the_usual_quantisation_where_it_fits_else_the_largest_that_does(gigabytes: int, quant: str) -> None:
    # 12 KiB a token, so that the cache decides nothing
    model = replace(MODEL, ways=QUANTS, kv_bytes_per_token=12_288)
    found = chosen(gigabytes, model=model)
    assert found.fits
    assert found.way is not None
    assert found.way.quant == quant


def test_without_the_usual_one_another_of_four_bits_then_the_largest_up_to_eight() -> None:
    def of(*quants: str) -> str:
        ways = tuple(replace(GGUF, quant=quant, size_bytes=round((bits(quant) or 0) * GB)) for quant in quants)
        found = chosen(512, model=replace(MODEL, ways=ways)).way
        return found.quant if found else ""

    assert of("F16", "Q8_0", "MXFP4", "Q2_K") == "MXFP4"
    assert of("F16", "Q8_0", "Q2_K") == "Q8_0"
    assert of("BF16", "F32") == "F32"
    assert of("UD-Q4_K_M", "IQ4_XS") == "UD-Q4_K_M"


def test_what_embeds_is_taken_as_it_was_trained() -> None:
    found = chosen(8, model=Candidate("e", "embedding", tuple(replace(q, size_bytes=10**8) for q in QUANTS[:4])))
    assert found.way is not None
    found = chosen(8, model=Candidate("e", "embedding", (QUANTS[3], replace(QUANTS[0], size_bytes=6 * 10**8))))
    assert (found.way.quant if found.way else "", found.context, found.slots) == ("Q4_K_M", 8192, 1)
    small = (replace(QUANTS[3], size_bytes=10**8), replace(QUANTS[0], size_bytes=3 * 10**8))
    assert chosen(8, model=Candidate("e", "embedding", small)).way == small[1]


# -- the window


@pytest.mark.parametrize(
    ("gigabytes", "context", "slots", "kv_type"),
    [
        (512, 100_000, 2, "f16"),
        (64, 100_000, 2, "q8_0"),
        # beyond 32,768 half the memory is left to others
        (24, 72_704, 2, "q8_0"),
        (16, 46_080, 2, "q8_0"),
        # a cache of four bits where nothing else makes room for an agent
        (12, 60_416, 2, "q4_0"),
        (10, 35_840, 2, "q4_0"),
        (8, 21_504, 1, "q4_0"),
    ],
)
def test_the_window_is_what_the_memory_holds(gigabytes: int, context: int, slots: int, kv_type: str) -> None:
    found = chosen(gigabytes)
    assert (found.context, found.slots, found.kv_type) == (context, slots, kv_type)
    assert found.need is not None
    assert found.need.total <= machine(gigabytes)[1]


def test_a_window_is_never_larger_than_the_model_s_own() -> None:
    assert chosen(512, model=replace(MODEL, context=4096)).context == 4096
    assert chosen(512, model=replace(MODEL, context=None)).context == 8192


def test_engines_that_choose_their_cache_themselves_are_counted_with_16_bits() -> None:
    vllm, mlx = chosen(64, "nvidia"), chosen(64, "apple")
    assert (vllm.engine, vllm.kv_type, vllm.slots) == ("vllm", "", 32)
    assert (mlx.engine, mlx.kv_type, mlx.slots) == ("mlx", "", 4)


def test_what_the_user_set_stays_also_where_it_does_not_fit() -> None:
    found = chosen(16, context=131_072, slots=4, kv_type="f16")
    assert (found.context, found.slots, found.kv_type, found.fits) == (131_072, 4, "f16", False)
    assert found.why == "needs 82.6 GB, 14.5 free"
    found = chosen(16, context=16_384, slots=1)
    assert (found.context, found.slots, found.fits) == (16_384, 1, True)


def test_a_family_that_a_smaller_cache_slows_down_keeps_16_bits() -> None:
    assert chosen(24, model=replace(MODEL, family="gpt-oss", kv_bytes_per_token=24_576)).kv_type == "f16"


# -- the verdict


def test_a_verdict_says_what_is_needed_and_what_is_free() -> None:
    assert chosen(8, model=replace(MODEL, ways=(replace(GGUF, size_bytes=20 * GB),))).why == "needs 21.7 GB, 6.2 free"
    assert chosen(8, model=Candidate("e", "embedding", (replace(GGUF, size_bytes=10**8),))).why.endswith("6.2 GB free")
    assert chosen(64).why == "needs 21.0 GB, 64.5 free"


def test_a_floor_is_meant_as_people_say_it() -> None:
    floor = replace(MODEL, min_memory_gb=16)
    # a machine sold with 16 GB has 15.5 GiB
    assert chosen(16, model=floor).fits
    assert chosen(12, model=floor).why == "wants a machine with 16 GB of memory, and this one has 12 GB"
    # of a card's memory the machine's floor says nothing
    assert chosen(8, "nvidia:16", model=floor).fits
    card = replace(MODEL, min_gpu_gb=24)
    assert (
        chosen(64, "amd:16", model=card).why == "wants a machine with 24 GB of graphics memory, and this one has 16 GB"
    )


def test_vllm_s_own_figure_counts_for_one_card() -> None:
    model = replace(MODEL, ways=(replace(RAW, size_bytes=8 * GB, gpu_bytes=33 * GB),))
    found = chosen(64, "nvidia:24", model=model, engine="vllm")
    assert found.why == "needs 33.0 GB, 25.5 free on one graphics card"
    assert chosen(64, "nvidia:48", model=model, engine="vllm").fits


def test_several_machines_are_not_built_yet() -> None:
    found = chosen(512, model=replace(MODEL, shards=4))
    assert (found.fits, found.why) == (False, "needs 4 machines: not built yet")
    assert not any(variant.fits for variant in found.variants)
    nowhere = choose(replace(MODEL, shards=2), *machine(512), [], Wish())
    assert nowhere.why == "needs 2 machines: not built yet"


def test_a_size_that_is_not_known_is_no_refusal_and_no_first_choice() -> None:
    unknown = replace(GGUF, size_bytes=None)
    found = chosen(8, model=replace(MODEL, ways=(unknown,)))
    assert (found.fits, found.need, found.why) == (True, None, "its size is not known before it is fetched")
    assert chosen(64, model=replace(MODEL, ways=(unknown, TAG))).engine == "ollama"


def test_every_way_is_told_with_the_chosen_one_first() -> None:
    found = chosen(16, ready=("embedded",))
    assert found.variants[0].source == "hf:a/b-GGUF:b-Q4_K_M.gguf"
    assert {variant.source for variant in found.variants} == {way.source for way in EVERY}
    assert [variant.chosen for variant in found.variants] == [True, False, False, False]
    assert found.variant == found.variants[0]
    raw = next(variant for variant in found.variants if variant.source == "hf:a/b")
    assert (raw.fits, raw.engine) == (False, "vllm")
    assert "vLLM wants an NVIDIA card, and there is none" in raw.note
    tag = next(variant for variant in found.variants if variant.source == "ollama:b:8b")
    assert tag.note == "first: ollama serve"
    alone = choose(MODEL, *machine(16), engines("embedded")[:2], Wish())
    assert [(variant.engine, variant.note) for variant in alone.variants][1:] == [("", "nothing here loads it")] * 3


# -- sizes


@pytest.mark.parametrize(
    ("quant", "width"),
    [
        ("Q4_K_M", 4.9),
        ("UD-Q4_K_XL", 4.9),
        ("awq-int4", 4.3),
        ("BF16", 16),
        ("fp8", 8),
        ("4bit", 4.5),
        ("", None),
        ("oQ3e", None),
    ],
)
def test_bits(quant: str, width: float | None) -> None:
    assert bits(quant) == width


def test_a_size_follows_from_parameters_and_quantisation() -> None:
    assert size_of(8.03, "Q4_K_M") == pytest.approx(4.92e9, rel=0.01)  # 4.92 GB is what such a file has
    assert size_of(None, "Q4_K_M") is None
    assert size_of(8, "?") is None


def test_the_guessed_cache_is_near_the_known_ones() -> None:
    known = [entry.candidate for entry in OUR_ENTRIES.values() if entry.kv_bytes_per_token and entry.kind == "chat"]
    assert len(known) > 15
    below = []
    for model in known:
        guess = replace(model, kv_bytes_per_token=0).cache_per_token
        if guess < model.kv_bytes_per_token:
            below.append(model.id)
            assert guess > model.kv_bytes_per_token / 2.5, model.id
    assert len(below) < len(known) / 2


# -- every entry of the catalog, as `flock model add --dry-run` shows it


@pytest.mark.parametrize("gpu", ["", "apple", "nvidia"])
@pytest.mark.parametrize("gigabytes", [8, 24, 64, 512])
@pytest.mark.parametrize("name", sorted(OUR_ENTRIES))
def test_every_entry_has_size_engine_and_verdict_on_every_machine(name: str, gigabytes: int, gpu: str) -> None:
    entry = OUR_ENTRIES[name]
    seen, budget = machine(gigabytes, gpu)
    found = choose(entry.candidate, seen, budget, engines("embedded"), Wish())
    assert found.way is not None
    assert found.way.size_bytes, found.way
    assert found.engine in ALL
    assert found.why
    assert found.variant is not None
    assert len(found.variants) == len(entry.ways)
    assert found.ready or found.hint
    if found.fits:
        assert found.need is not None
        assert found.need.total <= budget
    if entry.shards > 1:
        assert found.why.endswith("machines: not built yet")
