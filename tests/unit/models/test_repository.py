"""What the files of a repository are: quantisations, split files, image halves, directories, voices. Pure."""

import pytest

from flock.contract.hub import HubFile
from flock.errors import InvalidRequest, NotFound
from flock.models.repository import Repository, candidate, file_named, files_of, quant_of, way_named, ways


def repository(*paths: str, repo: str = "ada/Qwen3-8B-GGUF", size: int = 100, **more: object) -> Repository:
    files = tuple(HubFile(path, size + number, "") for number, path in enumerate(paths))
    return Repository(repo, "c" * 40, "mit", gated=False, files=files, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen3-8b-q4_k_m.gguf", "Q4_K_M"),
        ("Qwen3-30B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("DeepSeek-V3.Q2_K-00001-of-00005.gguf", "Q2_K"),
        ("Meta-Llama-3.1-8B-Instruct-IQ4_XS.gguf", "IQ4_XS"),
        ("model.i1-IQ3_XXS.gguf", "I1-IQ3_XXS"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-F16.gguf", "F16"),
        ("BF16/Qwen3-8B-BF16-00001-of-00002.gguf", "BF16"),
        ("Phi-3-mini-4k-instruct-q4.gguf", "Q4"),
        ("ggml-model-Q8_0.gguf", "Q8_0"),
        ("nomic-embed-text-v1.5.f16.gguf", "F16"),
        ("model.gguf", ""),
        ("Qwen3-8B.gguf", ""),
    ],
)
def test_quantisations_of_real_names(name: str, quant: str) -> None:
    assert quant_of(name) == quant


def test_gguf_files_are_ways_split_ones_together_others_left_out() -> None:
    found = repository(
        "Qwen3-8B-Q8_0-00002-of-00002.gguf",
        "Qwen3-8B-Q8_0-00001-of-00002.gguf",
        "Qwen3-8B-Q4_K_M.gguf",
        "Qwen3-8B-Q5_K_M-00001-of-00003.gguf",  # its other parts are missing
        "Qwen3-8B.imatrix.gguf",
        "imatrix_unsloth.gguf",
        "README.md",
    )
    every = {way.quant: way for way in ways(found)}
    assert set(every) == {"Q8_0", "Q4_K_M"}
    assert every["Q8_0"].files == ("Qwen3-8B-Q8_0-00001-of-00002.gguf", "Qwen3-8B-Q8_0-00002-of-00002.gguf")
    assert every["Q8_0"].size_bytes == 201
    assert every["Q4_K_M"].source == "hf:ada/Qwen3-8B-GGUF:Qwen3-8B-Q4_K_M.gguf"
    assert [file.path for file in files_of(found, every["Q8_0"])] == list(every["Q8_0"].files)


def test_the_image_half_goes_with_every_way_in_f16() -> None:
    found = repository("m-Q4_K_M.gguf", "mmproj-BF16.gguf", "mmproj-F32.gguf", "mmproj-F16.gguf")
    (way,) = ways(found)
    assert way.projector == "mmproj-F16.gguf"
    assert way.size_bytes == 100 + 103
    assert [file.path for file in files_of(found, way)] == ["m-Q4_K_M.gguf", "mmproj-F16.gguf"]


def test_a_directory_for_mlx_has_what_lies_beside_the_weights() -> None:
    found = repository(
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "README.md",
        "config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "onnx/config.json",
        repo="mlx-community/Qwen3-8B-4bit",
        library="mlx",
    )
    (way,) = ways(found)
    assert (way.format, way.quant, way.source) == ("mlx", "4bit", "hf:mlx-community/Qwen3-8B-4bit")
    assert [file.path for file in files_of(found, way)] == [
        "config.json",
        "chat_template.jinja",
        "tokenizer.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    assert way.size_bytes == 100 + 101 + 103 + 104 + 105


@pytest.mark.parametrize(
    ("repo", "quant"),
    [("Qwen/Qwen3-8B", "bf16"), ("Qwen/Qwen3-8B-AWQ", "awq"), ("x/y-FP8", "fp8"), ("a/b-w4a16", "w4a16")],
)
def test_a_directory_for_vllm_takes_weights_once(repo: str, quant: str) -> None:
    found = repository("config.json", "model.safetensors", "consolidated.safetensors", "pytorch_model.bin", repo=repo)
    (way,) = ways(found)
    assert (way.format, way.quant) == ("safetensors", quant)
    assert [file.path for file in files_of(found, way)] == ["config.json", "model.safetensors"]


def test_whispers_and_pipers_files() -> None:
    found = repository(
        "ggml-base.en.bin", "ggml-base.en-q5_1.bin", "ggml-base-encoder.mlmodelc.zip", repo="ada/whisper.cpp"
    )
    assert [(way.format, way.quant) for way in ways(found)] == [("whisper", "base.en"), ("whisper", "base.en-q5_1")]
    assert found.kind == "transcription"
    voices = repository("en/en_US-amy-low.onnx", "en/en_US-amy-low.onnx.json", "x.onnx", repo="ada/piper-voices")
    (voice,) = ways(voices)
    assert (voice.format, voice.quant, voice.size_bytes) == ("piper", "en_US-amy-low", 201)
    assert [f.path for f in files_of(voices, voice)] == ["en/en_US-amy-low.onnx", "en/en_US-amy-low.onnx.json"]
    assert voices.kind == "speech"


def test_a_quantisation_is_found_in_any_case_and_a_file_by_path_or_name() -> None:
    found = repository("a/m-Q4_K_M.gguf", "a/m-Q8_0-00001-of-00002.gguf", "a/m-Q8_0-00002-of-00002.gguf")
    assert way_named(found, "q4_k_m").files == ("a/m-Q4_K_M.gguf",)
    assert way_named(found, "a/m-Q4_K_M.gguf").quant == "Q4_K_M"
    assert way_named(found, "m-Q4_K_M.gguf").quant == "Q4_K_M"
    assert len(way_named(found, "m-Q8_0-00002-of-00002.gguf").files) == 2


@pytest.mark.parametrize(
    ("quants", "taken"),
    [
        (("Q2_K", "Q4_K_M", "Q8_0"), "Q4_K_M"),
        (("Q3_K_M", "Q4_K_S", "Q8_0", "BF16"), "Q4_K_S"),
        (("Q8_0", "F16"), "Q8_0"),
        (("UD-Q4_K_XL", "UD-Q8_K_XL"), "UD-Q4_K_XL"),
        (("MXFP4",), "MXFP4"),
    ],
)
def test_without_a_word_the_usual_one_or_the_nearest_is_taken(quants: tuple[str, ...], taken: str) -> None:
    assert way_named(repository(*(f"m-{quant}.gguf" for quant in quants))).quant == taken


def test_what_is_not_there_is_answered_with_what_is() -> None:
    found = repository("m-Q4_K_M.gguf", "m-Q8_0.gguf")
    with pytest.raises(NotFound) as raised:
        way_named(found, "Q4_K_S")
    assert raised.value.sentence == "ada/Qwen3-8B-GGUF has no Q4_K_S; it has Q4_K_M, Q8_0"
    assert raised.value.hint == "flock model add hf:ada/Qwen3-8B-GGUF:Q4_K_M"
    with pytest.raises(NotFound) as raised:
        file_named(found, "m-Q8.gguf")
    assert raised.value.details["nearest"][0] == "m-Q8_0.gguf"
    with pytest.raises(NotFound) as raised:
        way_named(repository("README.md", "model.bin"))
    assert "holds no model that an engine of flock loads" in raised.value.sentence


def test_two_files_of_one_quantisation_are_both_named() -> None:
    found = repository("small-Q8_0.gguf", "large-Q8_0.gguf")
    with pytest.raises(InvalidRequest) as raised:
        way_named(found, "Q8_0")
    assert "small-Q8_0.gguf" in raised.value.sentence
    assert "large-Q8_0.gguf" in raised.value.sentence


def test_a_repository_as_what_is_chosen_from() -> None:
    found = repository("m-Q4_K_M.gguf", architecture="qwen3", context=40960, parameters=8_190_000_000)
    made = candidate(found)
    assert (made.id, made.kind, made.context, made.active_billions) == ("qwen3-8b", "chat", 40960, 8.19)
    assert (made.senses, made.family) == (False, "qwen3")
    experts = repository("m-Q4_K_M.gguf", "mmproj-F16.gguf", repo="ada/Qwen3-30B-A3B-GGUF", parameters=30_500_000_000)
    assert (candidate(experts).active_billions, candidate(experts).senses) == (3.0, True)
    assert candidate(repository("m.gguf", architecture="nomic-bert")).kind == "embedding"
    assert candidate(repository("m.gguf", task="text-ranking")).kind == "rerank"
