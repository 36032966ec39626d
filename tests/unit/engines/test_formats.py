"""What a file or directory is, and which engine loads it."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from flock.engines.embedded import Embedded
from flock.engines.engine import Engine
from flock.engines.formats import format_of, is_later_part, kind_of, pick, quant_of, recognise
from flock.engines.llamacpp import LlamaCpp
from flock.errors import InvalidRequest, NotFound
from flock.smoke import facts


def safetensors(path: Path, *, size: int = 8, cut: int = 0, metadata: dict[str, str] | None = None) -> None:
    table: dict[str, Any] = {"a": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}
    if metadata:
        table["__metadata__"] = metadata
    header = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size - cut))


def directory(path: Path, *, metadata: dict[str, str] | None = None, **config: Any) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    safetensors(path / "model.safetensors", metadata=metadata)
    return path


LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "max_position_embeddings": 8192,
}


def test_a_gguf_file(tmp_path: Path) -> None:
    found = recognise(facts.PATH)
    assert (found.format, found.kind, found.stem) == ("gguf", "chat", "flock-smoke")
    assert found.size_bytes == facts.PATH.stat().st_size
    assert found.context > 0
    assert kind_of(tmp_path / "nothing.gguf") == ""


def test_a_directory_of_transformers(tmp_path: Path) -> None:
    found = recognise(directory(tmp_path / "Llama-1B", **LLAMA))
    assert (found.format, found.kind, found.stem, found.architecture) == ("safetensors", "chat", "Llama-1B", "llama")
    assert found.context == 8192
    # 2 layers x 2 heads of 16 numbers, keys and values, 2 bytes each
    assert found.kv_bytes_per_token == 2 * 2 * 16 * 2 * 2


@pytest.mark.parametrize(
    ("config", "metadata"),
    [({"quantization": {"group_size": 64, "bits": 4}}, None), ({}, {"format": "mlx"})],
)
def test_a_directory_of_mlx(tmp_path: Path, config: dict[str, Any], metadata: dict[str, str] | None) -> None:
    path = directory(tmp_path / "m", metadata=metadata, **LLAMA, **config)
    assert recognise(path).format == "mlx"
    assert format_of(path) == "mlx"


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        ("Qwen3ForCausalLM", "chat"),
        ("Gemma3ForConditionalGeneration", "chat"),
        ("BertModel", "embedding"),
        ("XLMRobertaForSequenceClassification", "rerank"),
        ("WhisperForConditionalGeneration", "transcription"),
        ("Unheard", "chat"),
    ],
)
def test_what_a_directory_is_for(tmp_path: Path, architecture: str, kind: str) -> None:
    assert recognise(directory(tmp_path / "m", architectures=[architecture])).kind == kind


def test_sentence_transformers_say_it_with_a_file(tmp_path: Path) -> None:
    path = directory(tmp_path / "m", **LLAMA)
    (path / "modules.json").write_text("[]")
    assert recognise(path).kind == "embedding"


def test_whisper_and_piper(tmp_path: Path) -> None:
    (tmp_path / "ggml-tiny.bin").write_bytes(b"lmgg" + bytes(100))
    found = recognise(tmp_path / "ggml-tiny.bin")
    assert (found.format, found.kind, found.size_bytes) == ("whisper", "transcription", 104)
    (tmp_path / "amy.onnx").write_bytes(b"weights")
    (tmp_path / "amy.onnx.json").write_text('{"audio": {"sample_rate": 16000}}')
    found = recognise(tmp_path / "amy.onnx")
    assert (found.format, found.kind, found.stem) == ("piper", "speech", "amy")


def test_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "b.bin").write_bytes(b"x")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/config.json").write_text("{}")
    safetensors(tmp_path / "cut/model.safetensors", cut=1)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/config.json").write_text("{}")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/config.json").write_text("[]")
    for name, words in (
        ("empty", "is a directory"),
        ("a.onnx", "is not beside it"),
        ("b.bin", "is not a GGUF file"),
        ("cut", "is cut off or damaged"),
        ("bare", "holds no weights"),
        ("odd", "is no JSON object"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            recognise(tmp_path / name)
    for name in ("nothing.gguf", "nothing.onnx"):
        with pytest.raises(NotFound):
            recognise(tmp_path / name)


def test_quantisations_in_names() -> None:
    for name, quant in (
        ("qwen3-8b-q4_k_m", "Q4_K_M"),
        ("Qwen3-8B.IQ4_XS", "IQ4_XS"),
        ("gpt-oss-20b-MXFP4", "MXFP4"),
        ("gemma-UD-Q4_K_XL", "UD-Q4_K_XL"),
        ("llama-bf16", "BF16"),
        ("phi-4", ""),
        ("q4u", ""),
    ):
        assert quant_of(name) == quant


def test_later_parts() -> None:
    assert is_later_part(Path("a-00002-of-00003.gguf"))
    assert not is_later_part(Path("a-00001-of-00003.gguf"))
    assert not is_later_part(Path("a.gguf"))


class Mlx(Embedded):
    """An engine for directories, installed or not."""

    kind = "mlx"
    formats = frozenset({"mlx", "safetensors"})

    def find(self) -> Any:
        return None


NOWHERE = LlamaCpp(path="/nonexistent")


def test_the_engine_for_a_model() -> None:
    every: list[Engine] = [NOWHERE, Embedded(), Mlx()]
    assert pick(every, "gguf", "chat", "", "").kind == "embedded"  # type: ignore[union-attr]
    assert pick(every, "gguf", "chat", "llamacpp", "").kind == "llamacpp"  # type: ignore[union-attr]
    assert pick(every, "mlx", "chat", "", "embedded").kind == "mlx"  # type: ignore[union-attr]
    assert pick(every, "", "", "", "mlx").kind == "embedded"  # type: ignore[union-attr]
    assert pick(every, "gguf", "speech", "", "") is None
    assert pick(every, "mlx", "chat", "embedded", "") is None
